// Follows a session's events. A stream that ends is opened again; one that cannot be had becomes a look every ten seconds.
// Nobody looking, or nobody touching anything for long: then it rests, so that a forgotten phone's time can run out.

import { ask } from "./api.js";

const SILENT_MS = 45_000; // the broker says that it is still there every twenty seconds
const POLL_MS = 10_000;
const AGAIN_MS = 1000;
const REST_AFTER_MS = 45 * 60_000;

let touchedAt = Date.now();
for (const sign of ["pointerdown", "keydown"]) {
  addEventListener(sign, () => { touchedAt = Date.now(); }, { capture: true });
}

let following = null;

/** Follows the events until `unfollow`: `changed` is told each new view; `look` is for what may have been missed. */
export async function follow(changed, look) {
  unfollow();
  const mine = new AbortController();
  following = mine;
  for (let missed = false; !mine.signal.aborted; missed = true) {
    await attention();
    if (mine.signal.aborted) return;
    if (missed) await look();
    if (mine.signal.aborted) return;
    const had = await listen(changed, mine.signal);
    await new Promise((resolve) => setTimeout(resolve, had ? AGAIN_MS : POLL_MS));
  }
}

export function unfollow() {
  following?.abort();
  following = null;
}

/** Waits until somebody looks at the page. */
function attention() {
  const signs = ["visibilitychange", "pageshow", "pointerdown", "keydown"];
  return new Promise((resolve) => {
    const check = () => {
      if (document.hidden || Date.now() - touchedAt > REST_AFTER_MS) return;
      signs.forEach((sign) => removeEventListener(sign, check));
      resolve();
    };
    signs.forEach((sign) => addEventListener(sign, check));
    check();
  });
}

/** One stream, until it ends, falls silent or nobody looks any more; whether there was one. */
async function listen(changed, signal) {
  const own = new AbortController();
  const { signal: over } = own;
  const end = () => own.abort();
  signal.addEventListener("abort", end, { signal: over });
  document.addEventListener("visibilitychange", () => { if (document.hidden) end(); }, { signal: over });
  let had = false;
  try {
    const answer = await ask("GET", "/events", { signal: over });
    for await (const view of events(answer.body, end)) {
      had = true;
      changed(view);
    }
  } catch {
    // Lost, refused or at rest: whoever looks next finds out.
  } finally {
    end();
  }
  return had || document.hidden;
}

/** The views in a stream. `end` is called when it falls silent. */
async function* events(body, end) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const silence = setTimeout(end, SILENT_MS);
      const { value, done } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      const blocks = (text + value).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const data = block.split("\n").find((line) => line.startsWith("data: "));
        if (data) yield JSON.parse(data.slice(6));
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
