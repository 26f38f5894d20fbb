// The phone app: what happens when it opens, comes back from a login, or somebody touches something.
// Everything that is shown is made by the broker; here are keys, requests and the screen that is asked for.

import { ask, call, connection, known, learn, Refusal, speakAs } from "./api.js";
import { forget, keep, kept, newKeys } from "./keys.js";
import { download, gather, memory, remember, renewQr, showMemory } from "./memory.js";
import { current, dress, endsAt, fillings, hush, showOwn, showSent, tell } from "./screen.js";
import { follow, unfollow } from "./stream.js";
import { announce, pageIn, released } from "./swap.js";

const TABS = ["ophalen", "bekijken", "verzenden"];
const PLACES = [...TABS, "partner", "partner-phone"];
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
  learn(document);
  const word = hash.slice(1);
  history.replaceState(null, "", `/phone${PLACES.includes(word) ? hash : ""}`);
  device = (await kept()) ?? null;
  speakAs(device);
  if (pathname.endsWith("/terug")) await comeBack(new URLSearchParams(search));
  else if (word.includes(".")) await pair({ token: word });
  else if (known()) await goOn(word);
  else showOwn("welcome");
}

/** Back from a login, with what the identity provider says. In another browser than before nothing can be done. */
async function comeBack(told) {
  if (!known()) {
    showOwn("elsewhere");
    return;
  }
  const given = Object.fromEntries([...told].filter(([name, value]) => RETURNED.includes(name) && value));
  const problem = given.state || given.error ? await refusalOf(() => call("POST", "/logins/callback", given)) : null;
  await goOn("ophalen");
  if (problem) tell(problem);
}

async function goOn(name) {
  await show(name || "ophalen");
  if (known()) follow(changed, look);
}

/** Links this device with what was scanned or typed; with the key of an answer that was lost, if there is one. */
async function pair(way) {
  const before = device;
  device = { keys: device && !device.token ? device.keys : await newKeys(), token: "" };
  if (!before?.token) await keep(device);
  speakAs(device);
  const problem = await refusalOf(async () => {
    const paired = await call("POST", "/pairings", way);
    device.token = paired.accessToken;
    memory.code = paired.pairingCode ?? "";
    await keep(device);
  });
  if (!problem) return goOn(memory.code ? "confirm" : "ophalen");
  device = before ?? device;
  speakAs(device);
  if (known()) await goOn("ophalen");
  else if (current().dataset.screen !== "welcome") showOwn("welcome");
  tell(problem, way.token ? "" : "typed-send");
}

async function refusalOf(act) {
  try {
    await act();
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.problem;
    throw error;
  }
}

// Showing

/** Shows a screen, or the one that fits. Of several asked for at a time the last counts. `calm`: it can wait. */
async function show(name, calm = false) {
  asked += 1;
  wanted = name;
  const mine = asked;
  try {
    if (name === "code" && !memory.code) await refusalOf(renewCode); // only the page that was left knew the first
    const screen = (await pageIn(await ask("GET", `/screens/${name}`))).querySelector(".screen");
    await refusalOf(() => gather(screen.dataset.receipts));
    if (calm) await released();
    if (mine === asked && !(calm && isAsking())) await showSent(screen);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (mine === asked) await refused(error.problem);
  }
  if (mine === asked) await settle(current().dataset.screen);
}

async function renewCode() {
  memory.code = (await call("POST", "/pairing/code")).pairingCode;
}

async function refused(problem) {
  const waiting = ["confirm", "code"].includes(current().dataset.screen);
  if (waiting || problem.code === "pairing-ended") await leave("unpaired");
  else if (OUT.includes(problem.code)) await leave("out");
  else showOwn("failed");
}

/** What a screen brings with it: its address, the partner's QR, or that everything is over. */
async function settle(screen) {
  wanted = screen;
  if (PLACES.includes(screen) && location.hash !== `#${screen}`) history.replaceState(null, "", `/phone#${screen}`);
  if (screen === "partner-phone") renewQr();
  if (screen !== "end") return;
  history.replaceState(null, "", "/phone");
  await letGo();
}

/** Whether a question stands open. */
function isAsking() {
  return document.querySelector("dialog[open]") !== null;
}

/** The wanted screen as it is now; a question that stands open first gets its answer. */
async function look() {
  if (known() && !isAsking()) await show(wanted, true);
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
  device = null;
  speakAs(null);
  await forget();
}

async function leave(name) {
  asked += 1; // what was asked before is not shown any more
  await letGo();
  memory.code = "";
  memory.receipts = [];
  history.replaceState(null, "", "/phone");
  showOwn(name);
}

// What somebody can do: with the data-… of button or form, what was filled in, and the form.

const part = ({ person, source }) => `/persons/${person}/sources/${source}`;

const ACTIONS = {
  type: (_, { typedCode }) => pair({ typedCode }),
  accept: () => show("code"),
  refuse: async () => {
    unfollow();
    await call("DELETE", "/pairing");
    await leave("declined");
  },
  welcome: () => showOwn("welcome"),
  reload: () => (known() ? goOn(location.hash.slice(1)) : showOwn("welcome")),
  collect: async (data) => {
    const { url } = await call("POST", `${part(data)}/login`);
    if (url) location.assign(url);
    else await show("ophalen");
  },
  skip: (data, { reason }) => after(call("POST", `${part(data)}/skip`, { reason })),
  upload: (data, _, field) => upload(data, field),
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
    if (known()) {
      await call("PUT", "/language", { language });
      return look();
    }
    await dress(language);
    showOwn(current().dataset.screen);
  },
  open: ({ dialog }) => {
    const asking = document.getElementById(dialog);
    asking.showModal();
    asking.querySelector("[data-action=close]").focus();
  },
  close: () => closeDialog(),
  download: () => download(document.getElementById("receipts").dataset),
  print: () => print(),
};

/** Shows what came of a request: the screen with this name, or else the wanted one anew. */
async function after(request, name) {
  await request;
  await (name ? show(name) : look());
}

/** Hands a chosen file over; it may have gone from where it lay. */
async function upload(data, field) {
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

function closeDialog() {
  document.querySelector("dialog[open]")?.close();
}

/** Does what a button or form asks for, once at a time. */
async function act(source, button, fields) {
  if (running.has(button.id)) return;
  const { action } = source.dataset;
  hush();
  running.add(button.id);
  showRunning(document);
  try {
    await patiently(ACTIONS[action](source.dataset, fields, source));
    if (action !== "open") closeDialog();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    closeDialog();
    await unwell(error, button.id);
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
  const target = new URL(newURL); // not `location`: a screen that came in between may have put its own name there
  const word = target.hash.slice(1);
  if (word.includes(".")) open(target);
  else if (known() && PLACES.includes(word)) patiently(show(word));
});
addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
addEventListener("online", look);
addEventListener("renew", look);
addEventListener("offline", () => showOffline(true));
connection.addEventListener("lost", () => showOffline(true));
connection.addEventListener("back", () => showOffline(false));

open().catch((error) => {
  showOwn("failed");
  throw error;
});
