// Everything a page's scripts can keep for its origin, as JSON. Evaluated in the page by leftovers.py.
async () => {
  const settled = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

  /** A value in words JSON has: a key by its kind, bytes as numbers. */
  async function described(value) {
    if (value instanceof CryptoKey) return { key: value.type, extractable: value.extractable, ...value.algorithm };
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return [...new Uint8Array(value.buffer ?? value)];
    if (Array.isArray(value)) return Promise.all(value.map(described));
    if (value === null || typeof value !== "object") return value;
    const entries = Object.entries(value).map(async ([name, inner]) => [name, await described(inner)]);
    return Object.fromEntries(await Promise.all(entries));
  }

  async function databases() {
    const found = {};
    for (const { name } of await indexedDB.databases()) {
      const database = await settled(indexedDB.open(name));
      for (const store of database.objectStoreNames) {
        const reading = database.transaction(store).objectStore(store);
        found[`${name}/${store}`] = await described(await settled(reading.getAll()));
      }
      database.close();
    }
    return found;
  }

  const registrations = await navigator.serviceWorker.getRegistrations();
  return {
    local: { ...localStorage },
    session: { ...sessionStorage },
    caches: await caches.keys(),
    databases: await databases(),
    cookies: document.cookie,
    workers: registrations.map((registration) => registration.scope),
    address: location.href,
    state: history.state,
    name: window.name,
    title: document.title,
  };
}
