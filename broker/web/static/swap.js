// Puts a page that was asked for again in the place of the one that is seen. Keeps what a person was doing: focus, typed
// text, what was unfolded, where they had scrolled to. Knows nothing of addresses, streams or sessions.

const PRESS_MS = 100;
const AROUND = [".skip", ".sandbox", ".top", ".bottom"];

/**
 * Shows the content of `page`. Where it is another page, by its title, focus moves to the field that comes first there, or
 * to its heading.
 * @param {Document} page
 */
export function swap(page) {
  const main = document.querySelector("main");
  const isOther = page.title !== document.title;
  const kept = keep(main);
  const fresh = page.querySelector("main");
  main.replaceChildren(...fresh.childNodes);
  const before = main.dataset.status;
  main.dataset.status = fresh.dataset.status ?? "";
  for (const part of AROUND) around(page, part);
  document.title = page.title;
  if (page.documentElement.lang) document.documentElement.lang = page.documentElement.lang;
  if (isOther) arrive(main);
  else restore(main, kept);
  // What the page itself said from the start is news only where something else was said since.
  if (main.dataset.status !== before || document.getElementById("status").textContent) announce(main.dataset.status);
}

/** The page in an answer. @returns {Promise<Document>} */
export async function pageIn(answer) {
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Waits while something is being pressed: what is taken away from under a finger takes the touch with it. */
export async function released() {
  while (document.querySelector("a:active, button:active, label:active, summary:active")) {
    await new Promise((resolve) => setTimeout(resolve, PRESS_MS));
  }
}

/** Says something to people who do not see the page, once. @param {string} [text] */
export function announce(text) {
  const status = document.getElementById("status");
  if (text && status.textContent !== text) status.textContent = text;
}

/** On another page one begins at its top, as after following a link. */
function arrive(main) {
  scrollTo(0, 0);
  focus(main.querySelector("[autofocus]") ?? main.querySelector("h1") ?? main, false);
}

function around(page, part) {
  const before = document.querySelector(part);
  const after = page.querySelector(part);
  if (before && after && before.outerHTML !== after.outerHTML) before.replaceWith(after);
}

function keep(main) {
  const fields = main.querySelectorAll("input[id]:not([type=hidden], [type=file]), textarea[id], select[id]");
  return {
    focused: main.contains(document.activeElement) ? document.activeElement.id : null,
    typed: [...fields].map((field) => [field.id, field.checked ?? null, field.value]),
    open: [...main.querySelectorAll("details[id][open]")].map((details) => details.id),
    files: main.querySelectorAll("[type=file]"),
  };
}

function restore(main, { focused, typed, open, files }) {
  // A file may be being chosen: it comes to the field that was touched.
  for (const field of files) document.getElementById(field.id)?.replaceWith(field);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  for (const [id, checked, value] of typed) {
    const field = document.getElementById(id);
    if (!field) continue;
    if (["checkbox", "radio"].includes(field.type)) field.checked = checked;
    else field.value = value;
  }
  if (focused === null) return;
  focus((focused && document.getElementById(focused)) || main);
}

function focus(element, preventScroll = true) {
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus({ preventScroll });
}
