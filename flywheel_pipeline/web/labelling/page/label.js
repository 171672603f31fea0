"use strict";
// The server holds the state: every action is sent, and what it answers is shown. HTML of traces comes escaped from it.
const $ = (id) => document.getElementById(id);
// `current` is the key of the item that is shown, or, while not `ready`, about to be: what is said is always of an item
// that stands on the screen, never of a place in the queue, which may have changed meanwhile.
let items = [], at = 0, current = null, ready = false, step = null, pending = 0, loads = 0;

const who = () => encodeURIComponent($("annotator").value || localStorage.getItem("annotator") || "");

async function ask(path, sent) {
  const options = sent ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent) } : {};
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("The server can not be reached. Nothing was lost; try again."); }
  const told = await answer.json().catch(() => ({ error: "The server answered " + answer.status + "." }));
  if (!answer.ok) throw new Error(told.error);
  return told;
}

async function attempt(work) {
  try { $("message").textContent = ""; await work(); } catch (error) { $("message").textContent = error.message; }
}

function fill(list, values) {
  list.replaceChildren(...values.map((v) => { const o = document.createElement("option"); o.value = v; return o; }));
}

async function loadQueue() {
  const told = await ask("api/queue?annotator=" + who());
  items = told.items;
  at = Math.max(0, items.findIndex((i) => i.key === current));
  pending = told.n_pending;
  $("annotator").replaceChildren(...told.annotators.map((n) => new Option(n, n, false, n === told.annotator)));
  $("annotator").closest("label").hidden = told.annotators.length < 2;
  fillBatches();
  fill($("codes"), told.codes);
  fill($("modes"), told.modes);
  offer(told.modes);
  fill($("ids"), items.map((i) => i.key));
  showProgress();
}

// The newest batch that has something open is shown until another one is chosen; any item is found by its id.
function fillBatches() {
  const names = [...new Set(items.map((i) => i.batch))], chosen = $("batch").value;
  $("batch").replaceChildren(...names.map((n) => new Option(n, n)), new Option("all batches", ""));
  const open = names.find((n) => items.some((i) => i.batch === n && !i.verdict));
  $("batch").value = $("batch").dataset.chosen ? chosen : open ?? names[0] ?? "";
  if (names.length) $("batch").dataset.chosen = "yes";
  $("batch").closest("label").hidden = names.length < 2;
}

const inBatch = (i) => !$("batch").value || i.batch === $("batch").value;

function offer(modes) {
  $("chips").replaceChildren(...modes.slice(0, 12).map((mode) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.textContent = mode;
    chip.addEventListener("click", () => { $("category").value = $("category").value === mode ? "" : mode; press(); });
    return chip;
  }));
  press();
}

function press() {
  for (const chip of $("chips").children) chip.setAttribute("aria-pressed", String(chip.textContent === $("category").value));
}

function showProgress() {
  const own = items.filter(inBatch), done = own.filter((i) => i.verdict && i.verdict !== "defer").length;
  $("progress").textContent = items.length ? `${done} of ${own.length}` : "Nothing to label yet: run the flywheel to draw a batch.";
  $("bar").max = own.length || 1;
  $("bar").value = done;
  $("hand-in").textContent = pending ? `Hand in ${pending}` : "Hand in";
  $("hand-in").disabled = !pending;
}

async function show(place, whole) {
  if (!items.length) return;
  at = Math.max(0, Math.min(place, items.length - 1));
  const load = ++loads;
  current = items[at].key;
  ready = false;
  const item = await ask(`api/item?annotator=${who()}&key=${encodeURIComponent(current)}${whole ? "&whole" : ""}`);
  if (load !== loads) return;
  ready = true;
  $("title").textContent = item.trace_id;
  $("reason").textContent = "Why it is here: " + item.reason;
  $("badges").replaceChildren(...item.badges.map((b) => { const li = document.createElement("li"); li.textContent = b; return li; }));
  $("trace").innerHTML = item.html;
  const label = item.label || {};
  setVerdict(label.verdict || null);
  for (const name of ["comment", "code", "severity", "category"]) $(name).value = label[name] || "";
  press();
  setStep(label.first_failure_step ?? null);
  if (!whole) scrollTo(0, 0);
}

function setVerdict(value) {
  for (const name of ["pass", "fail"]) $(name).setAttribute("aria-pressed", String(value === name));
  $("defer").setAttribute("aria-pressed", String(value === "defer"));
}

function setStep(value) {
  step = value;
  for (const m of document.querySelectorAll(".message")) {
    const marked = Number(m.dataset.step) === value && value !== null;
    m.classList.toggle("marked", marked);
    m.querySelector(".step").setAttribute("aria-pressed", String(marked));
  }
  $("step-told").textContent = value === null ? "Click the message where it first went wrong." : `First failure at message ${value + 1}.`;
}

function nextStep() {
  const steps = [...document.querySelectorAll(".message:not(.system)")].map((m) => Number(m.dataset.step));
  const after = steps.find((s) => step === null || s > step);
  setStep(after ?? null);
  document.querySelector(".marked")?.scrollIntoView({ block: "nearest" });
}

async function say(value) {
  if (!ready) return;
  const key = current, sent = { key, verdict: value, comment: $("comment").value };
  if (value === "fail") Object.assign(sent, { code: $("code").value, severity: $("severity").value, category: $("category").value, first_failure_step: step });
  ready = false;
  let told;
  try { told = await ask("api/label?annotator=" + who(), sent); } finally { ready = current === key; }
  const said = items.find((i) => i.key === key);
  if (said) said.verdict = value;
  await show(nextIn(1, openOnly));
  $("main").focus({ preventScroll: true });
  if (told.n) thank(told.n);
  else if (!items.some(openOnly)) $("message").textContent = "That was the last one. Hand in when you are ready.";
  loadQueue().catch(() => {});
}

const openOnly = (i) => !i.verdict && inBatch(i);
function wanted(i) { const f = $("filter").value; return inBatch(i) && (!f || (f === "open" ? !i.verdict : i.verdict === f)); }

function nextIn(by, test) {
  for (let place = at + by; place >= 0 && place < items.length; place += by) if (test(items[place])) return place;
  if (test === openOnly) { const first = items.findIndex(openOnly); if (first >= 0) return first; }
  return at;
}

async function undo() {
  const told = await ask("api/undo?annotator=" + who(), {});
  await loadQueue();
  const place = items.findIndex((i) => i.key === told.key);
  if (place >= 0 && !inBatch(items[place])) chooseBatch(items[place].batch);
  await show(place < 0 ? at : place);
}

async function handIn() {
  const told = await ask("api/hand-in?annotator=" + who(), {});
  await loadQueue();
  thank(told.n);
}

function thank(n) { $("message").textContent = n ? `Thank you: ${n} labels are handed in.` : "Nothing new to hand in."; }

function startFail() { setVerdict("fail"); $("comment").focus(); }

const KEYS = {
  p: () => say("pass"), f: startFail, d: () => say("defer"), u: undo, j: () => show(nextIn(1, wanted)), k: () => show(nextIn(-1, wanted)),
  ArrowRight: () => show(nextIn(1, wanted)), ArrowLeft: () => show(nextIn(-1, wanted)), n: () => show(nextIn(1, openOnly)), s: nextStep,
  "/": () => $("jump").focus(), "?": () => $("help").showModal(), H: handIn,
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); attempt(() => say("fail")); return; }
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "Escape" && typing) { event.target.blur(); return; }
  if (typing || $("help").open || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  attempt(async () => KEYS[event.key]());
});
for (const [id, key] of [["pass", "p"], ["fail", "f"], ["defer", "d"], ["undo", "u"], ["next", "j"], ["previous", "k"], ["hand-in", "H"], ["help-button", "?"]])
  $(id).addEventListener("click", () => attempt(async () => KEYS[key]()));
$("save").addEventListener("click", () => attempt(() => say("fail")));
$("form").addEventListener("submit", (event) => event.preventDefault());
$("help-close").addEventListener("click", () => $("help").close());
$("trace").addEventListener("click", (event) => {
  const button = event.target.closest("button"), message = event.target.closest(".message");
  if (button?.classList.contains("whole")) { attempt(() => show(at, true)); return; }
  const marks = button ? button.classList.contains("step") : !event.target.closest("a, summary") && !String(getSelection());
  if (message && marks) setStep(Number(message.dataset.step) === step ? null : Number(message.dataset.step));
});
$("jump").addEventListener("change", () => attempt(async () => {
  const place = items.findIndex((i) => i.key.startsWith($("jump").value.trim()));
  if (place < 0) throw new Error("No trace of your queue has this id.");
  $("jump").value = "";
  $("jump").blur();
  if (!inBatch(items[place])) chooseBatch(items[place].batch);
  await show(place);
}));
$("filter").addEventListener("change", () => attempt(async () => {
  $("filter").blur();
  if (!items.some(wanted)) throw new Error("There is none of this kind.");
  if (!wanted(items[at])) await show(items.findIndex(wanted));
}));
function chooseBatch(name) { $("batch").value = name; showProgress(); }
$("batch").addEventListener("change", () => attempt(async () => {
  $("batch").blur();
  chooseBatch($("batch").value);
  at = -1;
  await show(Math.max(items.findIndex(inBatch), nextIn(1, openOnly)));
}));
$("category").addEventListener("input", press);
$("annotator").addEventListener("change", () => { localStorage.setItem("annotator", $("annotator").value); attempt(start); });
addEventListener("focus", () => attempt(loadQueue));

async function start() { await loadQueue(); at = -1; await show(Math.max(0, nextIn(1, openOnly))); }
attempt(start);
