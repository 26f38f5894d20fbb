// What only this page knows, and is gone with it: the pairing code, the partner's QR, the receipts of consent.

import { call, Refusal } from "./api.js";

export const memory = { code: "", receipts: [], qr: null };
let renewal = 0;
const AGAIN_MS = 5000;

/** Puts it where a screen has a place for it. @param {HTMLElement} section */
export function showMemory(section) {
  const code = section.querySelector("#pairing-code");
  if (code) code.textContent = memory.code;
  const picture = section.querySelector("#partner-qr-picture");
  if (picture && memory.qr) picture.replaceChildren(memory.qr.cloneNode(true));
  const receipts = section.querySelector("#receipts");
  if (receipts) showReceipts(receipts, section.dataset.language);
}

function showReceipts(place, language) {
  const some = memory.receipts.length > 0;
  place.hidden = !some && !place.dataset.purge;
  place.querySelector(".elsewhere")?.toggleAttribute("hidden", some);
  const pattern = place.querySelector("#receipt-template").content;
  for (const { receipt } of memory.receipts) {
    const shown = document.importNode(pattern, true);
    for (const cell of shown.querySelectorAll("[data-fact]")) {
      if (receipt[cell.dataset.fact]) cell.textContent = factOf(receipt, cell.dataset.fact, language);
    }
    place.querySelector("#receipt-list").append(shown);
  }
}

function factOf(receipt, name, language) {
  if (name === "recipient") return receipt.recipient.name;
  if (!name.endsWith("At")) return receipt[name];
  const wish = { dateStyle: "long", timeStyle: "short", timeZone: "Europe/Amsterdam" };
  return new Date(receipt[name]).toLocaleString(language === "nl" ? "nl-NL" : "en-GB", wish);
}

/** Shows a QR for the partner's phone, and a fresh one each time it has to be renewed, while it is looked at. */
export async function renewQr() {
  clearTimeout(renewal);
  const place = () => document.getElementById("partner-qr-picture");
  if (!place() || document.hidden) return;
  try {
    const { svg, renewAfterSeconds } = await call("POST", "/pairing-tokens");
    memory.qr = document.importNode(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, true);
    place()?.replaceChildren(memory.qr.cloneNode(true));
    renewal = setTimeout(renewQr, renewAfterSeconds * 1000);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // Where a phone scanned meanwhile the events tell.
    if (error.status >= 500 || error.status === 429) renewal = setTimeout(renewQr, AGAIN_MS);
  }
}

/** Keeps a receipt to show and download; after the end the broker has none. */
export function remember(given) {
  const others = memory.receipts.filter(({ receipt }) => receipt.receiptId !== given.receipt.receiptId);
  memory.receipts = [...others, given];
}

/** So many consents were given on this phone: asks for the receipts where an answer was lost or one is void. */
export async function gather(many) {
  if (!many || memory.receipts.length === Number(many)) return;
  memory.receipts = (await call("GET", "/receipt")).consents;
}

/** Saves the receipts as one file. */
export function download({ purge, filename }) {
  const proof = { consents: memory.receipts, ...(purge && { purgeReceipt: purge }) };
  const file = new Blob([JSON.stringify(proof, null, 2)], { type: "application/json" });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: filename });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
