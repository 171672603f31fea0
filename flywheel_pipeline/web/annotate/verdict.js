// The form of a verdict: what it offers, what stands in it, and its draft.
import { $, make } from "../assets/shared.js";
import * as drafts from "./drafts.js";
import { currentStep } from "./conversation.js";

export const FIELDS = ["comment", "code", "severity", "category"];

export const fill = (list, values) => list.replaceChildren(...values.map((value) => make("option", { value })));

/** Offer failure modes; `chosen` is called when one of them is clicked. */
export function offer(modes, chosen) {
  fill($("modes"), modes);
  $("chips").replaceChildren(...modes.slice(0, 12).map((mode) => make("button", { type: "button", dir: "auto", onclick: () => {
    $("category").value = $("category").value === mode ? "" : mode;
    press();
    chosen();
  } }, mode)));
  press();
}

export function press() {
  for (const chip of $("chips").children) chip.setAttribute("aria-pressed", String(chip.textContent === $("category").value));
}

/** Offer the code and the mode of a failure that was just labelled for the next ones. */
export function remember({ code, category }, chosen) {
  if (category && ![...$("modes").options].some((o) => o.value === category)) offer([...[...$("modes").options].map((o) => o.value), category], chosen);
  const codes = [...$("codes").options].map((o) => o.value);
  if (codes.length && code) fill($("codes"), [code, ...codes.filter((c) => c !== code)]);
}

export function setVerdict(value) {
  for (const name of ["pass", "fail", "defer"]) $(name).setAttribute("aria-pressed", String(value === name));
}

/** Show the label or the draft of an item; return its fields. */
export function showLabel(item) {
  const draft = drafts.draftOf(item.key, item.draft), label = item.label || {}, fields = draft ?? label;
  setVerdict(label.verdict || null);
  for (const name of FIELDS) $(name).value = fields[name] || "";
  press();
  $("draft").textContent = draft ? "Your draft: not saved as a label yet." : "";
  return fields;
}

export const written = () => ({ ...Object.fromEntries(FIELDS.map((name) => [name, $(name).value])), first_failure_step: currentStep() });
export function startFail() { setVerdict("fail"); $("comment").focus(); }
