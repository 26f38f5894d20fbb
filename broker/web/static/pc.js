// The PC's pages, live: when something changed, or the time has come, the page asks for itself again and shows what came
// back. Without this script the same pages work by reloading.

import { announce, pageIn, released, swap } from "./swap.js";

const PATIENCE_MS = 10_000;

let stream = null;
let timer = 0; // until a silent stream is given up, or a new one is tried
let asking = false;
let heard = ""; // the view that was told of last, until it is compared with the page
let dueAt = 0;

/** The part of the page that says what is to be followed; a page without one is not live. */
function live() {
  return document.querySelector("[data-live]");
}

/** Asks for this page again; where the session has moved on that is another page, and so is its address. */
async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const answer = await ask(location.href, "text/html");
    const page = await pageIn(answer);
    await released();
    if (answer.url !== location.href) history.replaceState(null, "", answer.url);
    swap(page);
    begin();
  } catch {
    dueAt = Date.now() + PATIENCE_MS;
    offline();
  } finally {
    asking = false;
  }
  catchUp();
}

async function ask(address, type) {
  const answer = await fetch(address, { headers: { Accept: type }, cache: "no-store" });
  if (answer.status >= 500) throw new Error("out of reach");
  return answer;
}

/** Sets up what a page needs that has just been shown. */
function begin() {
  const page = live();
  const seconds = Number(page?.dataset.refetchIn ?? 0);
  dueAt = seconds ? Date.now() + seconds * 1000 : 0;
  for (const button of document.querySelectorAll("[data-action=print]")) button.hidden = false;
  if (page) follow();
  else unfollow();
  tick();
}

function follow() {
  if (stream || timer) return;
  stream = new EventSource("/j/events");
  stream.addEventListener("session", (event) => {
    clearTimeout(timer);
    timer = 0;
    tell(event.lastEventId);
  });
  stream.onerror = () => {
    if (stream?.readyState === EventSource.CLOSED) poll();
    else timer ||= setTimeout(poll, PATIENCE_MS);
  };
  timer = setTimeout(poll, PATIENCE_MS);
}

function unfollow() {
  stream?.close();
  stream = null;
  clearTimeout(timer);
  timer = 0;
}

/** The stream was refused or says nothing: asks without it, and tries another one later. */
function poll() {
  unfollow();
  timer = setTimeout(() => {
    timer = 0;
    follow();
  }, PATIENCE_MS);
  check();
}

/** Asks only which view it is now: to ask for the page itself would renew the codes on it. */
async function check() {
  try {
    const answer = await ask("/j/session", "application/json");
    tell(answer.headers.get("ETag")?.replace(/W\/|"/g, "") ?? "refused");
  } catch {
    offline();
  }
}

/** Somebody answered: this is the view now. */
function tell(view) {
  const notice = document.getElementById("offline");
  if (notice && !notice.hidden) {
    notice.hidden = true;
    announce(document.querySelector("main").dataset.status);
  }
  heard = view;
  catchUp();
}

/** Asks for the page again if it was made from another view. What is told while we ask is compared afterwards. */
function catchUp() {
  if (asking || !heard) return;
  const view = heard;
  heard = "";
  if (live() && live().dataset.view !== view) refresh();
}

/** Back from sleep, from another window or from no connection: a new stream begins with how things are. */
function resume() {
  if (!live() || document.hidden) return;
  unfollow();
  follow();
  tick();
}

/** No answer: says so; it goes on by itself. */
function offline() {
  const notice = document.getElementById("offline");
  if (!notice) return;
  notice.hidden = false;
  announce(notice.textContent.trim());
}

/** Once a second: the time that is left, and whether the page is due. */
function tick() {
  if (!dueAt) return;
  const left = Math.max(0, Math.ceil((dueAt - Date.now()) / 1000));
  for (const element of document.querySelectorAll("[data-countdown]")) {
    if (element instanceof HTMLProgressElement) element.value = left;
    else element.textContent = element.dataset.countdown.replace("{seconds}", String(left));
  }
  if (left === 0 && !document.hidden) {
    dueAt = 0;
    refresh();
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-action=print]")) print();
});
document.addEventListener("submit", (event) => {
  // A second click would ask for the same thing twice; the answer is another page.
  for (const button of event.target.querySelectorAll("button")) {
    setTimeout(() => (button.disabled = true));
    setTimeout(() => (button.disabled = false), PATIENCE_MS);
  }
});
document.addEventListener("visibilitychange", resume);
addEventListener("pageshow", ({ persisted }) => { if (persisted) resume(); });
addEventListener("online", resume);
addEventListener("offline", () => live() && offline());
setInterval(tick, 1000);
begin();
