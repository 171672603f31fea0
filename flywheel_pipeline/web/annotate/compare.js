// A flipped case on the screen: two answers side by side, a verdict on each. Whose they are is not known here.
import { $ } from "../assets/shared.js";

let changed = () => {}, complete = () => {};
let given = { first: null, second: null }, chosen = 1, shown = false;

const NAMES = ["first", "second"];
const panels = () => [...document.querySelectorAll("#answers .one-of-two")];

/** Say what to do when a verdict is given, and when both are. */
export function onVerdict(onChange, onComplete) { changed = onChange; complete = onComplete; }
export const isComparing = () => shown;
export const verdicts = () => ({ ...given });

/** Show the answers of an item, or none of a trace; `fields` are the verdicts that are known. */
export function showAnswers(item, fields) {
  shown = Boolean(item.answers);
  document.body.classList.toggle("comparing", shown);
  $("compared").innerHTML = item.answers ?? "";
  given = { first: fields?.first ?? null, second: fields?.second ?? null };
  if (shown) choose(given.first && !given.second ? 2 : 1);
}

/** Choose the answer that the next verdict is on. */
export function choose(n, focus = false) {
  chosen = n;
  for (const panel of panels()) {
    const own = Number(panel.dataset.answer), verdict = given[NAMES[own - 1]];
    panel.classList.toggle("chosen", own === n);
    if (own === n) panel.setAttribute("aria-current", "true"); else panel.removeAttribute("aria-current");
    for (const button of panel.querySelectorAll("[data-verdict]")) button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict));
  }
  if (!focus) return;
  panels()[n - 1]?.focus({ preventScroll: true });
  panels()[n - 1]?.scrollIntoView({ block: "nearest" });
}

/** Give a verdict on the chosen answer and go to the other one, or, where both have one, on to the next case. */
export async function judge(verdict, n = chosen) {
  given = { ...given, [NAMES[n - 1]]: verdict };
  choose(n);
  changed();
  if (given.first && given.second) await complete();
  else choose(3 - n, true);
}

export const bothGiven = () => Boolean(given.first && given.second);
