// A provider's endpoint in Node: standardwebhooks and svix verify an event, jose opens what it carries, all as they come.
// Reads one line of JSON: {secret, keys (private JWKs), jwks (address of the broker's keys)}. Prints its port, and then
// for each request a line of JSON: who verified it and, when it carried a payload, that and the header of its signature.
import { createPublicKey, verify } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { compactDecrypt, compactVerify, createRemoteJWKSet } from "jose";
import * as standardwebhooks from "standardwebhooks";
import * as svix from "svix";

const lines = createInterface({ input: process.stdin }).on("close", () => process.exit());
const [line] = await once(lines, "line");
const { secret, keys, jwks } = JSON.parse(line);
const brokerKeys = createRemoteJWKSet(new URL(jwks));

const checks = {
  standardwebhooks: (body, headers) => new standardwebhooks.Webhook(secret).verify(body, headers),
  svix: (body, headers) => new svix.Webhook(secret).verify(body, headers),
  v1a: checkAsymmetric,
};

async function checkAsymmetric(body, headers) {
  const published = await (await fetch(jwks)).json();
  const key = createPublicKey({ key: published.keys.find(({ alg }) => alg === "Ed25519"), format: "jwk" });
  const given = headers["webhook-signature"].split(" ").find((signature) => signature.startsWith("v1a,"));
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`), body]);
  if (!verify(null, signed, key, Buffer.from(given.slice(4), "base64"))) throw new Error("v1a does not hold");
}

async function verifiers(body, headers) {
  const asked = Object.entries(checks).map(async ([name, check]) => (await check(body, headers), name));
  return (await Promise.allSettled(asked)).filter(({ status }) => status === "fulfilled").map(({ value }) => value);
}

async function opened(sealed) {
  const { plaintext } = await compactDecrypt(sealed, ({ kid }) => keys.find((key) => key.kid === kid));
  const { payload, protectedHeader } = await compactVerify(plaintext, brokerKeys);
  return { payload: new TextDecoder().decode(payload), header: protectedHeader };
}

async function received(request) {
  const body = Buffer.concat(await request.toArray());
  const verified = await verifiers(body, request.headers);
  const sealed = verified.length > 0 ? JSON.parse(body.toString()).data.payload : undefined;
  return { verified, ...(sealed === undefined ? {} : await opened(sealed)) };
}

const server = createServer(async (request, response) => {
  const found = await received(request).catch((error) => ({ verified: [], error: error.code ?? error.message }));
  response.writeHead(found.verified.length > 0 ? 204 : 401).end();
  process.stdout.write(`${JSON.stringify(found)}\n`);
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
