// The trace on the screen: messages that come in pieces, texts that come in pieces, and where it first went wrong.
// Its HTML comes escaped from the server; pieces of texts are set as text.
import { $, ask, attempt, count, make } from "../assets/shared.js";

let key = null, marking = true, shown = 0, step = null, nMessages = 0, changed = () => {};

export const currentStep = () => step;
export function onMark(work) { changed = work; }

const url = (name, values) => `api/${name}?` + new URLSearchParams({ key, ...values });
const messageAt = (n) => document.querySelector(`#trace .message[data-step="${n}"]`);

export function showConversation(item, marked) {
  key = item.key;
  marking = item.marking ?? !item.answers;
  shown += 1;
  nMessages = item.n_messages;
  $("trace").innerHTML = item.html;
  $("outline").hidden = nMessages < 5;
  $("n-messages").textContent = `of ${nMessages.toLocaleString("en")}`;
  $("message-number").value = "";
  $("outline-list").replaceChildren(...item.outline.map(([n, role, line]) => make("li", { value: n + 1 },
    make("button", { type: "button", class: "entry " + (/^(user|assistant|tool|system)$/.test(role) ? role : "other"), onclick: () => attempt(() => goTo(n)) },
      make("span", { class: "role" }, role), " ", make("span", { dir: "auto" }, line)))));
  $("all-messages").open = matchMedia("(min-width: 90rem)").matches;
  setStep(marked);
}

export function setStep(value) {
  step = value;
  for (const message of document.querySelectorAll("#trace .message")) mark(message);
  $("first-failure").disabled = value === null;
  $("first-step").textContent = value === null ? "Click the message where it first went wrong." : `First failure at message ${value + 1}.`;
}

function mark(message) {
  const isMarked = step !== null && Number(message.dataset.step) === step;
  message.classList.toggle("marked", isMarked);
  message.querySelector(":scope > header .step").setAttribute("aria-pressed", String(isMarked));
}

function toggle(n) { setStep(n === step ? null : n); changed(); }

/** Mark the message in focus, or else the one after the marked one. */
export async function markNext() {
  const focused = document.activeElement?.closest("#trace .message");
  if (focused && Number(focused.dataset.step) !== step) { setStep(Number(focused.dataset.step)); changed(); return; }
  const steps = [...document.querySelectorAll("#trace .message:not(.system, .developer)")].map((m) => Number(m.dataset.step)).sort((a, b) => a - b);
  setStep(steps.find((n) => step === null || n > step) ?? null);
  changed();
  document.querySelector("#trace .marked")?.scrollIntoView({ block: "nearest" });
}

/** Show message `n` (from 0), loading it where it is not there yet. */
export async function goTo(n) {
  if (!(n >= 0 && n < nMessages)) throw new Error(`This trace has messages 1 to ${nMessages}.`);
  const rest = [...document.querySelectorAll("#trace .rest")].find((r) => Number(r.dataset.from) <= n && n <= Number(r.dataset.to));
  if (!messageAt(n) && rest) await load(rest, n);
  const message = messageAt(n);
  if (!message) return;
  message.scrollIntoView({ block: "start" });
  message.focus({ preventScroll: true });
}

export const goToFirstFailure = () => (step === null ? Promise.reject(new Error("No message is marked as the first failure.")) : goTo(step));
export const goToLast = () => goTo(nMessages - 1);

/** Put messages from step `n` on in the place of what was left out; what is still missing before and after stays so. */
async function load(rest, n) {
  const from = Number(rest.dataset.from), to = Number(rest.dataset.to), at = shown;
  const piece = await ask(url("messages", { start: n, end: to }));
  if (at !== shown || !rest.isConnected) return;
  const holder = make("template");
  holder.innerHTML = piece.html;
  for (const extra of holder.content.querySelectorAll(".rest")) extra.remove();
  const parts = [];
  if (piece.first > from) parts.push(remaining(from, piece.first - 1));
  parts.push(holder.content);
  if (piece.next !== null && piece.next <= to) parts.push(remaining(piece.next, to));
  rest.replaceWith(...parts);
  setStep(step);
}

const remaining = (from, to) => make("p", { class: "rest", "data-from": from, "data-to": to },
  make("button", { type: "button", class: "load" }, from === to ? `Show message ${from + 1}` : `Show messages ${from + 1} to ${to + 1}`));

/** Add the next piece of a text, or all of them at once: laying a long text out again for every piece takes long. */
async function more(cut, all) {
  if (cut.dataset.busy) return;
  cut.dataset.busy = "yes";
  const pieces = [], at = shown;
  let start = cut.dataset.next;
  try {
    do {
      const piece = await ask(url("text", { address: cut.dataset.address, start }));
      pieces.push(piece.text);
      start = piece.next;
      cut.querySelector("span").textContent = start === null ? "" : count(piece.n_more, "more character");
    } while (all && start !== null && at === shown);
  } finally { delete cut.dataset.busy; }
  if (at !== shown) return;
  cut.previousElementSibling.append(pieces.join(""));
  if (start === null) cut.remove();
  else cut.dataset.next = start;
}

$("main").addEventListener("click", (event) => {
  const button = event.target.closest("button"), message = event.target.closest(".message");
  if (button?.matches(".more, .all")) { attempt(() => more(button.closest(".cut"), button.matches(".all"))); return; }
  if (button?.matches(".load")) { attempt(() => load(button.closest(".rest"), Number(button.closest(".rest").dataset.from))); return; }
  const marks = button ? button.matches(".step") : !event.target.closest("a, summary, pre") && !String(getSelection());
  if (message && marks && marking) toggle(Number(message.dataset.step));
});
$("main").addEventListener("toggle", (event) => {
  const cut = event.target.querySelector?.(".cut");
  if (event.target.matches("details.partial[open]") && cut) { event.target.classList.remove("partial"); attempt(() => more(cut, false)); }
}, true);
$("go").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => goTo(Number($("message-number").value) - 1));
});
$("first-failure").addEventListener("click", () => attempt(goToFirstFailure));
$("last-message").addEventListener("click", () => attempt(goToLast));
