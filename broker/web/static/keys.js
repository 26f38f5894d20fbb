// What this browser keeps between pages: a key pair that cannot leave it, and the token bound to that. Nothing else.

const DATABASE = "ophaalbrug";
const STORE = "device";
const ONLY = "this";

/** @typedef {{ keys: CryptoKeyPair, token: string }} Device The token is "" until a broker gave one. */

/** @returns {Promise<Device | undefined>} */
export function kept() {
  return within("readonly", (store) => store.get(ONLY));
}

/** @param {Device} device */
export function keep(device) {
  return within("readwrite", (store) => store.put(device, ONLY));
}

export function forget() {
  return within("readwrite", (store) => store.clear());
}

/** A P-256 key pair whose private part no script can read. */
export function newKeys() {
  return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
}

async function within(mode, act) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await done(opening);
  try {
    return await done(act(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
