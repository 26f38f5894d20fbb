// Shows screens: puts them into the page, dresses the frame around them, and fills in what only this page knows.

import { now, shell } from "./api.js";
import { announce, swap } from "./swap.js";

const FRAME = [".skip", ".sandbox", ".top", "#tabs", "#shell", ".bottom"];
const WARN_MS = 10 * 60_000;

/** Called with each new screen before it is seen. */
export const fillings = [];

let told = null;

/** The screen that is seen now. */
export function current() {
  return document.querySelector("main > .screen");
}

/** Shows one of the screens that need no session. */
export function showOwn(name) {
  const { content } = document.getElementById(`screen-${name}`);
  place(document.importNode(content.querySelector("section"), true));
}

/** Shows a screen as the broker sent it. @param {HTMLElement} section */
export async function showSent(section) {
  if (section.dataset.language !== document.documentElement.lang) await dress(section.dataset.language);
  place(section);
}

/** Puts the frame around the screen into another language. */
export async function dress(language) {
  const page = await shell(language);
  for (const part of FRAME) {
    const fresh = page.querySelector(`body > ${part}`);
    if (fresh) document.querySelector(`body > ${part}`).replaceWith(fresh);
  }
  document.documentElement.lang = language;
}

function place(section) {
  const before = current()?.dataset.screen;
  for (const fill of fillings) fill(section);
  const { screen, title, status } = section.dataset;
  const page = document.implementation.createHTMLDocument(before === screen ? document.title : title);
  const main = page.createElement("main");
  main.dataset.status = status ?? "";
  main.append(section);
  page.body.append(main);
  swap(page);
  document.title = title;
  frame(current());
  tick();
  if (told && told.screen === screen) tell(told.problem, told.button);
  if (before !== screen) scrollTo(0, 0);
}

/** Tabs, stop button, languages and the provider's name and colours, as the screen says. */
function frame({ dataset }) {
  const at = (id) => document.getElementById(id);
  at("tabs").hidden = dataset.tabs === undefined;
  at("stop").hidden = dataset.stop === undefined;
  at("languages").hidden = ["sent", "end"].includes(dataset.screen);
  for (const tab of at("tabs").children) {
    tab.ariaCurrent = tab.hash === `#${dataset.screen}` ? "page" : null;
  }
  if (!dataset.brand) return;
  at("who").textContent = dataset.provider;
  wear(dataset);
}

function wear({ brand, logo }) {
  if (!document.getElementById("colours")) {
    const sheet = { id: "colours", rel: "stylesheet", href: `/brand/${brand}/colours.css` };
    document.head.append(Object.assign(document.createElement("link"), sheet));
  }
  if (logo && !document.getElementById("logo")) {
    const image = { id: "logo", className: "logo", alt: logo, src: `/brand/${brand}/logo` };
    document.querySelector(".top .names").after(Object.assign(document.createElement("img"), image));
  }
}

/** Says what was refused and what to do, beside the button that asked for it; again where the screen is renewed. */
export function tell(problem, button = "") {
  hush();
  told = { problem, button, screen: current().dataset.screen };
  const message = document.createElement("p");
  Object.assign(message, { id: "problem", className: "notice bad", textContent: words(problem) });
  message.setAttribute("role", "alert");
  const asked = document.getElementById(button)?.closest(".actions, form, .sources > li, .record");
  if (asked?.matches("main li")) asked.append(message);
  else if (asked?.closest("main")) asked.after(message);
  else document.querySelector("main h1").after(message);
}

export function hush() {
  told = null;
  document.getElementById("problem")?.remove();
}

function words(problem) {
  const own = document.getElementById("problems").content.querySelector(`[data-code="${problem.code}"]`);
  if (own) return own.textContent.replace("{tries}", problem.triesLeft ?? "");
  return (document.documentElement.lang === "nl" ? problem.detailNl : problem.detail) ?? "";
}

/** Once a second: what counts down, what is to be looked at again, and the warning that the time is almost over. */
function tick() {
  const { dataset } = current();
  if (Date.parse(dataset.renewAt) <= now()) {
    delete dataset.renewAt;
    dispatchEvent(new Event("renew"));
  }
  for (const element of document.querySelectorAll("[data-countdown]")) {
    const left = Math.ceil((Date.parse(element.dataset.countdown) - now()) / 1000);
    const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    element.textContent = left > 0 ? element.dataset.left.replace("{time}", time) : element.dataset.over;
  }
  const warning = document.getElementById("time-warning");
  if (!warning) return;
  const soon = Date.parse(warning.dataset.ends) - now() < WARN_MS;
  if (soon && warning.hidden) announce(warning.firstElementChild.textContent);
  warning.hidden = !soon;
}
setInterval(tick, 1000);

/** The attempt ends at another moment (RFC 3339) than the screen said. */
export function endsAt(moment) {
  const warning = document.getElementById("time-warning");
  if (!warning || !moment) return;
  warning.dataset.ends = moment;
  warning.querySelector("[data-countdown]").dataset.countdown = moment;
}
