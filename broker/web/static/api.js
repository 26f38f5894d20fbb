// Requests to the broker, each with a proof that this device makes it (DPoP, RFC 9449). A lost connection is waited out.

import { pageIn } from "./swap.js";

const BASE = "/phone/v1";
const NONCE_GOOD_MS = 4 * 60_000; // the broker takes one for five minutes at least
const PATIENCE_MS = 30_000;
const LONGEST_PAUSE_MS = 15_000;
const UNREACHABLE = [502, 503, 504];
// "replayed": browsers resend what broke (RFC 9110, 9.2.2).
const ASK_AGAIN = ["use-dpop-nonce", "invalid-proof", "replayed"];

/** Tells `lost` when the broker cannot be reached, and `back` each time it was. */
export const connection = new EventTarget();

/** The broker said no. `problem` is RFC 9457's, with a sentence in both languages. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.code);
    this.status = status;
    this.problem = problem;
  }
}

let device = null;
let nonce = "";
let heardAt = -Infinity;
let ahead = 0; // how far the broker's clock is ahead of ours
let leaving = false;
addEventListener("pagehide", () => { leaving = true; });
addEventListener("pageshow", () => { leaving = false; });

/** From now on requests come from this device, which it gives back. @param {import("./keys.js").Device | null} given */
export function speakAs(given) {
  device = given;
  return device;
}

/** Whether there is a token to come with. */
export function known() {
  return Boolean(device?.token);
}

/** Milliseconds since the epoch, by the broker's clock. */
export function now() {
  return Date.now() + ahead;
}

/** Takes nonce and time from a document of the broker. @param {Document} page */
export function learn(page) {
  const { nonce: given, now: time } = page.getElementById("shell").dataset;
  ahead = Number(time) * 1000 - Date.now();
  heard(given);
}

/** The app's document, in another language if asked. @returns {Promise<Document>} */
export async function shell(language) {
  const query = language ? `?lang=${language}` : "";
  const answer = await reached(() => fetch(`/phone${query}`, { headers: { Accept: "text/html" } }), true);
  const page = await pageIn(answer);
  learn(page);
  return page;
}

/** Asks, and gives the answer's JSON (null without any). Raises Refusal. */
export async function call(method, path, body, signal) {
  const text = await (await ask(method, path, { body, signal })).text();
  return text ? JSON.parse(text) : null;
}

/** Asks, once more if the proof was no good, and gives the answer. Raises Refusal. */
export async function ask(method, path, { body, signal } = {}) {
  for (let again = true; ; again = false) {
    const answer = await reached(() => sent(method, path, body, signal), method === "GET", signal);
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({ code: "internal" }));
    if (!again || !ASK_AGAIN.includes(problem.code)) throw new Refusal(answer.status, problem);
    if (problem.code === "invalid-proof") heardAt = -Infinity; // our clock moved: ask for the time
  }
}

async function sent(method, path, body, signal) {
  if (Date.now() - heardAt > NONCE_GOOD_MS) await shell();
  const url = location.origin + BASE + path;
  const headers = { Accept: "application/json, text/html", DPoP: await proof(method, url) };
  if (device.token) headers.Authorization = `DPoP ${device.token}`;
  const isFile = body instanceof ArrayBuffer;
  if (body) headers["Content-Type"] = isFile ? "application/octet-stream" : "application/json";
  const patience = signal ?? AbortSignal.timeout(PATIENCE_MS);
  const given = body && !isFile ? JSON.stringify(body) : body;
  const answer = await fetch(url, { method, headers, body: given, signal: patience });
  heard(answer.headers.get("DPoP-Nonce"));
  return answer;
}

function heard(given) {
  if (!given) return;
  nonce = given;
  heardAt = Date.now();
}

/** Tries until the broker is reached; with `patient` also where it says: not now. */
async function reached(attempt, patient, signal) {
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await attempt();
      if (!patient || !UNREACHABLE.includes(answer.status)) {
        connection.dispatchEvent(new Event("back"));
        return answer;
      }
    } catch (error) {
      if (signal?.aborted || !(error instanceof TypeError || error.name === "TimeoutError")) throw error;
    }
    if (leaving) await new Promise(() => {}); // the page is being left: its requests end with it
    connection.dispatchEvent(new Event("lost"));
    await pause(Math.min(1000 * 2 ** tries, LONGEST_PAUSE_MS));
  }
}

/** Waits, or until the connection is said to be back. */
function pause(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
    addEventListener("online", resolve, { once: true });
  });
}

/** A proof for one request (RFC 9449, 4.2). */
async function proof(method, url) {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", device.keys.publicKey);
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: { kty, crv, x, y } };
  const jti = base64url(crypto.getRandomValues(new Uint8Array(18)));
  const claims = { jti, htm: method, htu: url, iat: Math.floor(now() / 1000), nonce };
  if (device.token) claims.ath = base64url(await crypto.subtle.digest("SHA-256", bytes(device.token)));
  const signed = [header, claims].map((part) => base64url(bytes(JSON.stringify(part)))).join(".");
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  return `${signed}.${base64url(await crypto.subtle.sign(algorithm, device.keys.privateKey, bytes(signed)))}`;
}

const bytes = (text) => new TextEncoder().encode(text);

function base64url(given) {
  const text = String.fromCharCode(...new Uint8Array(given));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
