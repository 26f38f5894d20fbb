// What the checks look at from within a page: an object of functions, each giving a list of what is wrong, in words.
// Evaluated in the page by checks.py, so it may use nothing but the page.
(() => {
  const CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";

  const words = (element) => (element.textContent || element.name || "").trim().replace(/\s+/g, " ").slice(0, 40);
  const named = (element) => `${element.localName}${element.id && `#${element.id}`} "${words(element)}"`;
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const reachable = () => document.querySelector("dialog:modal") ?? document.body;
  const controls = () => [...reachable().querySelectorAll(CONTROLS)].filter((one) => !one.disabled && seen(one));
  const isPlain = (element) => element.matches(".plain, .stop, .skip, .languages *");

  /** Whether what is in the element is cut off at its edge, by more than rounding. */
  function isCut(element, style) {
    const cuts = (overflow) => !["visible", "auto", "scroll"].includes(overflow);
    return (cuts(style.overflowX) && element.scrollWidth - element.clientWidth > 1)
      || (cuts(style.overflowY) && element.scrollHeight - element.clientHeight > 1);
  }

  /** Nothing scrolls sideways, nothing is cut off, and what sticks leaves room for what it belongs to. */
  function reflow() {
    const wide = document.documentElement.scrollWidth - innerWidth;
    const found = wide > 0 ? [`the page scrolls ${wide} px sideways`] : [];
    let sticking = 0;
    for (const element of document.querySelectorAll("body *")) {
      const style = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      const isForEarsOnly = box.width <= 1 || box.height <= 1;
      if (isForEarsOnly || !seen(element) || element.closest(".visually-hidden, .skip, svg")) continue;
      if (box.right > innerWidth + 1 || box.left < -1) found.push(`${named(element)} reaches outside the page`);
      if (words(element) && isCut(element, style)) found.push(`${named(element)} is cut off`);
      if (["fixed", "sticky"].includes(style.position) && !element.matches("dialog")) sticking += box.height;
    }
    if (sticking > innerHeight / 2) found.push(`what sticks covers ${Math.round(sticking)} of ${innerHeight} px`);
    return found;
  }

  /** Room to touch: 24 px (WCAG 2.2, 2.5.8), 44 for buttons; a link in a sentence is as high as its line. */
  function targets() {
    return controls().flatMap((element) => {
      const label = ["radio", "checkbox", "file"].includes(element.type) ? element.labels[0] : null;
      const box = (label ?? element).getBoundingClientRect();
      const inSentence = element.localName === "a" && getComputedStyle(element).display === "inline";
      const least = element.localName === "button" && !isPlain(element) ? 44 : 24;
      if (element.closest(".skip") || inSentence || (box.height >= least - 0.5 && box.width >= 24)) return [];
      return [`${named(element)} is only ${Math.round(box.width)} x ${Math.round(box.height)} px`];
    });
  }

  /** Numbers everything Tab should reach (a group of radio buttons is one stop), and begins at the top of the page. */
  function beginTabbing() {
    const stops = new Map();
    for (const element of controls().filter((one) => one.tabIndex >= 0)) {
      const stop = element.type === "radio" ? `group ${element.name}` : `${stops.size}`;
      element.dataset.stop = stop;
      stops.set(stop, named(element));
    }
    const top = Object.assign(document.createElement("span"), { tabIndex: -1 });
    reachable().prepend(top);
    top.focus();
    top.remove(); // where it was is where the next Tab begins
    return [...stops];
  }

  function isMarked(element) {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    const ring = outlineStyle === "auto" || (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2);
    return ring || boxShadow !== "none";
  }

  /** Where the focus is, whether one can see that, and whether anything lies over it; null outside the page. */
  function focused() {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const shown = element.closest("label") ?? element;
    const box = element.getBoundingClientRect();
    const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return {
      stop: element.dataset.stop ?? named(element),
      marked: isMarked(element) || isMarked(shown),
      covered: Boolean(at) && !at.contains(element) && !shown.contains(at) && !element.contains(at),
    };
  }

  /** In forced colours backgrounds go: every control needs an edge, or it is a word among words. */
  function edgeless() {
    return controls()
      .filter((element) => element.matches("button, .button, input, textarea, select") && !isPlain(element))
      .filter((element) => {
        const { borderTopStyle, borderTopWidth } = getComputedStyle(element.closest("label") ?? element);
        return !["radio", "checkbox"].includes(element.type)
          && (borderTopStyle === "none" || parseFloat(borderTopWidth) < 1);
      })
      .map((element) => `${named(element)} has no edge in forced colours`);
  }

  /** What moves now for longer than a blink. */
  function movements() {
    return document.getAnimations()
      .filter((one) => one.playState === "running" && one.effect.getComputedTiming().duration > 100)
      .map((one) => `${one.effect.target && named(one.effect.target)} moves`);
  }

  return { reflow, targets, beginTabbing, focused, edgeless, movements };
})()
