// The phone app: what happens when it opens, comes back from a login, or somebody touches something.
// Everything that is shown is made by the broker; here are keys, requests and the screen that is asked for.

import { ask, call, connection, known, learn, Refusal, speakAs } from "./api.js";
import { forget, keep, kept, newKeys } from "./keys.js";
import { download, gather, memory, remember, renewQr, showMemory } from "./memory.js";
import { current, dress, endsAt, fillings, hush, showOwn, showSent, tell } from "./screen.js";
import { follow, unfollow } from "./stream.js";
import { announce, pageIn, released } from "./swap.js";

const PLACES = ["ophalen", "bekijken", "verzenden", "partner", "partner-phone"];
const OUT = ["wrong-secret", "session-ended", "unknown-session", "unauthorized", "invalid-proof"];
const RETURNED = ["state", "code", "error"];
const SLOW_MS = 1000;

const running = new Set();
const uploads = new Map(); // by the id of their field
let device = null;
let asked = 0;
let wanted = "";
let seen = "";

// Opening

async function open({ pathname, search, hash } = location) {
  const word = hash.slice(1);
  history.replaceState(null, "", `/phone${PLACES.includes(word) ? hash : ""}`);
  device = speakAs((await kept()) ?? null);
  if (pathname.endsWith("/terug")) await comeBack(new URLSearchParams(search));
  else if (word.includes(".")) await pair({ token: word });
  else await goOn(word);
}

/** Back from a login, with what the identity provider says. In another browser than before nothing can be done. */
async function comeBack(told) {
  if (!known()) return showOwn("elsewhere");
  const given = Object.fromEntries([...told].filter(([name, value]) => RETURNED.includes(name) && value));
  const refusal = given.state || given.error ? await refusalOf(() => call("POST", "/logins/callback", given)) : null;
  await goOn();
  // Unknown while no source waits for it: it was heard before, its answer lost.
  const isOver = refusal?.message === "login-unknown" && !document.querySelector("[data-state=login]");
  if (refusal && !isOver) tell(refusal.problem);
}

async function goOn(name) {
  if (!known()) return showOwn("welcome");
  await show(name || "ophalen");
  if (known()) follow(changed, look);
}

/** Links this device with what was scanned or typed; with the key of an answer that was lost, if there is one. */
async function pair(way) {
  const before = device;
  device = speakAs({ keys: before && !before.token ? before.keys : await newKeys(), token: "" });
  if (!before?.token) await keep(device);
  const refusal = await refusalOf(async () => {
    const paired = await call("POST", "/pairings", way);
    device.token = paired.accessToken;
    memory.code = paired.pairingCode ?? "";
    await keep(device);
  });
  if (!refusal) return goOn(memory.code ? "confirm" : "");
  device = speakAs(before ?? device);
  if (known() || current().dataset.screen !== "welcome") await goOn();
  tell(refusal.problem, way.token ? "" : "typed-send");
}

async function refusalOf(act) {
  try {
    await act();
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

// Showing

/** Shows a screen, or the one that fits. Of several asked for at a time the last counts. `calm`: it can wait. */
async function show(name, calm = false) {
  const mine = ++asked;
  wanted = name;
  const refusal = await refusalOf(async () => {
    if (name === "code" && !memory.code) await refusalOf(renewCode); // only the page that was left knew the first
    const screen = (await pageIn(await ask("GET", `/screens/${name}`))).querySelector(".screen");
    await refusalOf(() => gather(screen.dataset.receipts));
    if (calm) await released();
    if (mine === asked && !(calm && asking())) await showSent(screen);
  });
  if (refusal && mine === asked) await refused(refusal.problem);
  if (mine === asked) await settle(current().dataset.screen);
}

async function renewCode() {
  memory.code = (await call("POST", "/pairing/code")).pairingCode;
}

async function refused({ code }) {
  const waiting = ["confirm", "code"].includes(current().dataset.screen);
  if (code === "pairing-ended" || (waiting && code === "wrong-secret")) await leave("unpaired");
  else if (OUT.includes(code)) await leave("out");
  else showOwn("failed");
}

/** What a screen brings with it: its address, the partner's QR, or that everything is over. */
async function settle(screen) {
  wanted = screen;
  if (PLACES.includes(screen) && location.hash !== `#${screen}`) history.replaceState(null, "", `/phone#${screen}`);
  if (screen === "partner-phone") renewQr();
  if (screen === "end") await letGo();
}

/** The question that stands open. */
const asking = () => document.querySelector("dialog[open]");

/** The wanted screen as it is now; a question that stands open first gets its answer. */
async function look() {
  if (known() && !asking()) await show(wanted, true);
}

/** Whether a view of the session is news; only its time being longer is none. */
function isNews({ attemptEndsAt, ...rest }) {
  endsAt(attemptEndsAt);
  const before = seen;
  seen = JSON.stringify(rest);
  return seen !== before;
}

const changed = (view) => isNews(view) && look();

async function letGo() {
  unfollow();
  device = speakAs(null);
  history.replaceState(null, "", "/phone");
  await forget();
}

async function leave(name) {
  asked += 1; // what was asked before is not shown any more
  await letGo();
  memory.code = "";
  memory.receipts = [];
  showOwn(name);
}

// What somebody can do: with the data-… of button or form, what was filled in, and the form.

const part = ({ person, source }) => `/persons/${person}/sources/${source}`;

const ACTIONS = {
  type: (_, { typedCode }) => pair({ typedCode }),
  accept: () => show("code"),
  refuse: async () => {
    unfollow();
    await call("DELETE", "/pairing").catch((error) => {
      follow(changed, look); // linked just before, or not heard
      throw error;
    });
    await leave("declined");
  },
  welcome: () => showOwn("welcome"),
  reload: () => goOn(location.hash.slice(1)),
  collect: async (data) => {
    const { url } = await call("POST", `${part(data)}/login`);
    if (url) location.assign(url);
    else await show("ophalen");
  },
  skip: (data, { reason }) => after(call("POST", `${part(data)}/skip`, { reason })),
  upload,
  halt: ({ file }) => uploads.get(file)?.abort(),
  "take-back": (data) => after(call("DELETE", `${part(data)}/upload`)),
  approve: ({ pairing }, { code }) => after(call("POST", `/pairings/${pairing}/approval`, { code }), "ophalen"),
  remark: async ({ person, field }, { text }, form) => {
    await call("POST", "/remarks", { person, field, text });
    form.reset();
    await look();
  },
  consent: async ({ person, review, text }) => {
    const given = await call("POST", `/persons/${person}/consent`, { reviewDigest: review, textDigest: text });
    remember(given.receipt);
    await show("verzenden");
  },
  amend: ({ person }) => after(call("DELETE", `/persons/${person}/consent`), "verzenden"),
  decline: ({ person }) => after(call("POST", `/persons/${person}/decline`), "ophalen"),
  withdraw: () => after(call("POST", "/withdrawal"), "end"),
  stop: () => after(call("DELETE", "/session"), "end"),
  "more-time": async () => {
    endsAt((await call("POST", "/extension")).attemptEndsAt);
    await look();
  },
  language: async ({ language }) => {
    if (known()) return after(call("PUT", "/language", { language }));
    await dress(language);
    showOwn(current().dataset.screen);
  },
  open: ({ dialog }) => {
    const question = document.getElementById(dialog);
    question.showModal();
    question.querySelector("[data-action=close]").focus();
  },
  close: () => asking()?.close(),
  download: () => download(document.getElementById("receipts").dataset),
  print: () => print(),
};

/** Shows what came of a request: the screen with this name, or else the wanted one anew. */
async function after(request, name) {
  await request;
  await (name ? show(name) : look());
}

/** Hands a chosen file over; it may have gone from where it lay. */
async function upload(data, _, field) {
  const { id, files: [file] } = field;
  const own = new AbortController();
  uploads.set(id, own);
  field.value = ""; // so that the same one can be chosen again
  announce(data.busy);
  try {
    if (file.size > data.max) throw new Refusal(413, { code: "document-too-large" });
    const content = await file.arrayBuffer().catch(() => { throw new Refusal(422, { code: "document-damaged" }); });
    isNews(await call("POST", `${part(data)}/upload`, content, own.signal));
    await show("ophalen");
    announce(document.getElementById(id.replace("file", "says"))?.textContent.trim());
  } catch (error) {
    if (!own.signal.aborted) throw error;
  } finally {
    uploads.delete(id);
    document.getElementById(id)?.focus();
  }
}

function showOffline(is) {
  const notice = document.getElementById("offline");
  if (is && notice.hidden) announce(notice.textContent);
  notice.hidden = !is;
}

/** Does what a button or form asks for, once at a time. */
async function act(source, button, fields) {
  if (running.has(button.id)) return;
  const { action } = source.dataset;
  hush();
  running.add(button.id);
  showRunning(document);
  try {
    const refusal = await refusalOf(() => patiently(ACTIONS[action](source.dataset, fields, source)));
    if (action !== "open") asking()?.close();
    if (refusal) await unwell(refusal, button.id);
  } finally {
    running.delete(button.id);
    showRunning(document);
  }
}

async function patiently(work) {
  const slow = setTimeout(() => { document.getElementById("waiting").hidden = uploads.size > 0; }, SLOW_MS);
  try {
    await work;
  } finally {
    clearTimeout(slow);
    document.getElementById("waiting").hidden = true;
  }
}

/** Buttons whose request runs cannot be used again, also where the screen was renewed meanwhile. */
function showRunning(place) {
  for (const one of place.querySelectorAll("button, [type=file]")) {
    one.ariaBusy = one.ariaDisabled = running.has(one.id) ? "true" : null;
  }
  for (const line of place.querySelectorAll(".busy")) line.hidden = !running.has(line.id.replace("busy-", ""));
}
fillings.push(showMemory, showRunning);

/** A refusal, said beside its button; one that ends everything shows that. */
async function unwell({ status, problem }, button) {
  tell(problem, button);
  if (problem.code === "review-changed") {
    await show("bekijken");
    tell(problem);
  } else if (([401, 404, 409, 410].includes(status) || problem.code === "source-unavailable") && known()) await show(wanted);
}

// Listening

addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (button) act(button, button, {});
  else if (running.has(event.target.id)) event.preventDefault(); // a file that is on its way goes first
});
addEventListener("change", ({ target }) => {
  if (target.type === "file" && target.files.length) act(target, target, {});
});
addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-action]");
  if (!form) return;
  event.preventDefault();
  act(form, event.submitter ?? form, Object.fromEntries(new FormData(form)));
});
document.addEventListener("visibilitychange", renewQr);
addEventListener("beforeprint", () => document.getElementById("receipt-details")?.setAttribute("open", ""));
addEventListener("close", look, { capture: true }); // of a dialog: what changed meanwhile
addEventListener("hashchange", ({ newURL }) => {
  const target = new URL(newURL); // not `location`: a screen that came in may have put its name there
  const word = target.hash.slice(1);
  if (word.includes(".")) open(target);
  else if (known() && PLACES.includes(word)) patiently(show(word));
});
addEventListener("pageshow", ({ persisted }) => { if (persisted && known()) location.reload(); });
addEventListener("online", look);
addEventListener("renew", look);
addEventListener("offline", () => showOffline(true));
connection.addEventListener("lost", () => showOffline(true));
connection.addEventListener("back", () => showOffline(false));

learn(document);
open().catch((error) => {
  showOwn("failed");
  throw error;
});
