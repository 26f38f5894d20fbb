// The PC's pages, live: when something changed, or the time has come, the page asks for itself again and shows what came
// back. Without this script the same pages work by reloading.

import { announce, swap } from "./swap.js";

const POLL_MS = 10_000;

let stream = null;
let polling = 0;
let asking = false;
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
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.status >= 500) throw new Error("out of reach");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.url !== location.href) history.replaceState(null, "", answer.url);
    swap(page);
    begin();
  } catch {
    offline();
  } finally {
    asking = false;
  }
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
  if (stream || polling) return;
  stream = new EventSource("/j/events");
  stream.addEventListener("session", (event) => {
    if (event.lastEventId !== live()?.dataset.view) refresh();
  });
  stream.onerror = () => {
    if (stream?.readyState !== EventSource.CLOSED) return;
    stream = null;
    polling = setInterval(refresh, POLL_MS);
  };
}

function unfollow() {
  stream?.close();
  stream = null;
  clearInterval(polling);
  polling = 0;
}

/** No answer: says so, and goes on by itself as soon as there is a connection again. */
function offline() {
  const notice = document.getElementById("offline");
  if (notice) {
    notice.hidden = false;
    announce(notice.textContent.trim());
  }
  dueAt = Date.now() + POLL_MS;
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
    setTimeout(() => (button.disabled = false), POLL_MS);
  }
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && live()) refresh();
});
addEventListener("pageshow", (event) => {
  if (event.persisted && live()) refresh();
});
addEventListener("online", () => live() && refresh());
setInterval(tick, 1000);
begin();
