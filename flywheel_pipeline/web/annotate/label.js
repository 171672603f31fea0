// The server holds the state: every action is sent, and what it answers is shown.
import { $, ask, attempt, count, isTyping, listen, make, stored, succeed } from "../assets/shared.js";
import * as drafts from "./drafts.js";
import { bothGiven, choose, isComparing, judge, onVerdict, showAnswers, verdicts } from "./compare.js";
import { goToFirstFailure, goToLast, markNext, onMark, showConversation } from "./conversation.js";
import { FIELDS, fill, offer, press, remember, showLabel, startFail, written as writtenFields } from "./verdict.js";

// `current` is the key of the item that is shown, or, while not `ready`, about to be: a verdict is always on the item
// on the screen, never on a place in the queue, which may have changed meanwhile.
let items = [], at = 0, current = null, ready = false, pending = 0, nLabels = 0, loads = 0;

const FIRST = 20;  // labels after which the first groups of failures are shown, and earlier codes are offered
const who = () => $("annotator").value || stored.get("annotator") || "";
const asked = () => "annotator=" + encodeURIComponent(who());

async function loadQueue() {
  const reply = await ask("api/queue?" + asked());
  const withDraft = new Set(reply.drafts);
  const batches = reply.batches.flatMap(([name, n]) => Array(n).fill(name));
  items = reply.keys.map((key, n) => ({ key, batch: batches[n], verdict: reply.verdicts[key] ?? null, draft: withDraft.has(key) }));
  at = Math.max(0, items.findIndex((i) => i.key === current));
  [pending, nLabels] = [reply.n_pending, reply.n_labels];
  $("annotator").replaceChildren(...reply.annotators.map((n) => new Option(n, n, false, n === reply.annotator)));
  $("annotator").closest("label").hidden = reply.annotators.length < 2;
  fillBatches(reply.batches.map(([name]) => name));
  fill($("codes"), reply.codes);
  offer(reply.modes, keepDraft);
  showProgress();
  await showEmpty();
}

/** Where there is nothing to label, offer to make the first batch. */
async function showEmpty() {
  document.body.classList.toggle("nothing", !items.length);
  $("first").hidden = items.length > 0;
  if (items.length) return;
  const { n_traces: n, n_batches: drawn } = await ask("api/home");
  $("draw").hidden = !n || drawn;
  $("first-export").hidden = drawn;
  $("first-captured").textContent = drawn ? "No trace of a batch waits for you. `flywheel sample` draws another batch." : n ? `${count(n, "trace")} captured, and no batch drawn yet.` : "There are no traces yet. Choose an export: it is read, and a first batch of 20 is drawn from it.";
}

async function makeFirst(sent) {
  succeed("Reading …");
  const reply = await ask("api/start", sent);
  await start();
  $("first-lines").replaceChildren(...reply.lines.map((line) => make("li", { dir: "auto" }, line)));
  succeed(reply.lines.join(" · "));
}

const encoded = (file) => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
  reader.onerror = () => failed(new Error("The file cannot be read."));
  reader.readAsDataURL(file);
});

// The newest batch that has something open is shown until another one is chosen; any item is found by its id.
function fillBatches(names) {
  const chosen = $("batch").value;
  $("batch").replaceChildren(...names.map((n) => new Option(n, n)), new Option("all batches", ""));
  const open = names.find((n) => items.some((i) => i.batch === n && !i.verdict));
  $("batch").value = $("batch").dataset.chosen ? chosen : open ?? names[0] ?? "";
  if (names.length) $("batch").dataset.chosen = "yes";
  $("batch").closest("label").hidden = names.length < 2;
}

const inBatch = (i) => !$("batch").value || i.batch === $("batch").value;
const openOnly = (i) => !i.verdict && inBatch(i);
function wanted(i) {
  const f = $("filter").value;
  return inBatch(i) && (!f || (f === "open" ? !i.verdict : f === "draft" ? i.draft : i.verdict === f));
}

function showProgress() {
  const own = items.filter(inBatch), done = own.filter((i) => i.verdict && i.verdict !== "defer").length;
  const again = own.filter((i) => i.key.endsWith("#again")).length, twice = again ? ` (${count(again, "trace")} shown twice)` : "";
  $("progress").textContent = items.length ? `${done} of ${own.length} labelled${twice}` : "Nothing to label yet";
  $("bar").max = own.length || 1;
  $("bar").value = done;
  $("submit").textContent = pending ? `Submit ${count(pending, "label")}` : "Submit labels";
  $("submit").disabled = !pending;
}

async function show(place) {
  if (!items.length) return;
  drafts.flush();
  at = Math.max(0, Math.min(place, items.length - 1));
  const load = ++loads, key = items[at].key;
  current = key;
  ready = false;
  const item = await ask(`api/item?${asked()}&key=${encodeURIComponent(key)}`);
  if (load !== loads) return;
  ready = true;
  $("title").replaceChildren(item.answers ? item.trace_id : make("a", { href: "../traces/#" + encodeURIComponent(item.trace_id) }, item.trace_id));
  $("reason").textContent = (item.answers ? "" : "Why it is here: ") + item.reason + (item.picked ? ". Picked: your verdict is in no rate of traffic." : "");
  $("badges").replaceChildren(...item.badges.map((b) => make("li", { dir: "auto" }, b)));
  const fields = showLabel(item);
  showAnswers(item, fields);
  showConversation(item, fields.first_failure_step ?? null);
  scrollTo(0, 0);
}

const written = () => (isComparing() ? verdicts() : writtenFields());
function keepDraft() { if (ready) { $("draft").textContent = ""; drafts.keep(current, written()); } }
function noteDraft(key, exists) { const item = items.find((i) => i.key === key); if (item) item.draft = exists; }

async function give(verdict) {
  if (!ready) return;
  const key = current, fields = written(), comparing = isComparing();
  ready = false;
  let reply;
  try { await drafts.settle(key); reply = await ask("api/label?" + asked(), { key, verdict, ...fields }); } finally { ready = current === key; }
  drafts.discard(key);
  const item = items.find((i) => i.key === key), isNew = item && !item.verdict;
  if (item) item.verdict = verdict;
  pending = reply.n_pending;
  if (verdict === "fail") remember(fields, keepDraft);
  showProgress();
  await show(nextIn(1, openOnly));
  $("main").focus({ preventScroll: true });
  const isLast = !items.some(openOnly);
  succeed(reply.n_submitted ? thanks(reply.n_submitted) : !isLast ? "" : comparing ? "That was the last one. Submit your labels; `flywheel gate decide` then decides on the candidate." : "That was the last one.");
  if (isNew && !comparing && (isLast || reply.n_labels === FIRST)) await showFound();
  // Another tab has labelled, too, or there are labels enough for earlier codes to be offered.
  if (reply.n_labels !== nLabels + (isNew ? 1 : 0) || reply.n_labels === FIRST) loadQueue().catch(() => {});
  nLabels = reply.n_labels;
}

/** Show the first groups of failures among the labels of the batch. */
async function showFound() {
  $("found-groups").textContent = "Grouping …";
  $("submit-found").disabled = !pending;
  if (!$("groups").open) $("groups").showModal();
  const reply = await ask(`api/groups?${asked()}&batch=${encodeURIComponent($("batch").value)}`);
  $("found-groups").innerHTML = reply.html;  // escaped by the server
}

function nextIn(by, test) {
  for (let place = at + by; place >= 0 && place < items.length; place += by) if (test(items[place])) return place;
  if (test === openOnly) { const first = items.findIndex(openOnly); if (first >= 0) return first; }
  return at;
}

async function undo() {
  const reply = await ask("api/undo?" + asked(), {});
  if (!reply.key) { succeed("Nothing to undo."); return; }
  drafts.restore(reply.key);
  await loadQueue();
  const place = items.findIndex((i) => i.key === reply.key);
  if (place >= 0 && !inBatch(items[place])) chooseBatch(items[place].batch);
  await show(place < 0 ? at : place);
  succeed("Undone. What you wrote is back as a draft.");
}

async function submit() {
  const reply = await ask("api/submit?" + asked(), {});
  await loadQueue();
  const left = items.filter((i) => i.draft).length;
  succeed(reply.n ? thanks(reply.n) + (left ? ` ${count(left, "draft is", "drafts are")} not among them.` : "") : "Nothing new to submit.");
}

const thanks = (n) => `Thank you: ${count(n, "label")} submitted.`;

/** Give the verdict on what is shown: on the trace, or on the chosen one of two answers. */
function decide(verdict) {
  if (isComparing()) return ready ? judge(verdict) : undefined;
  return verdict === "pass" ? give("pass") : startFail();
}
function save() {
  if (!isComparing()) return give("fail");
  if (!bothGiven()) throw new Error("Pass or fail both answers.");
  return give("compared");
}
function choosing(n) { if (isComparing()) choose(n, true); }

const KEYS = {
  p: () => decide("pass"), f: () => decide("fail"), 1: () => choosing(1), 2: () => choosing(2), d: () => give("defer"), u: undo, j: () => show(nextIn(1, wanted)), k: () => show(nextIn(-1, wanted)),
  ArrowRight: () => show(nextIn(1, wanted)), ArrowLeft: () => show(nextIn(-1, wanted)), n: () => show(nextIn(1, openOnly)), s: () => { if (!isComparing()) return markNext(); },
  v: showFound, g: () => { if (!$("outline").hidden) $("message-number").select(); }, m: goToFirstFailure, e: goToLast, "/": () => $("jump").focus(), S: submit,
};
listen(KEYS);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !document.querySelector("dialog[open]")) { event.preventDefault(); attempt(async () => save()); }
});
for (const [id, key] of [["pass", "p"], ["fail", "f"], ["defer", "d"], ["undo", "u"], ["next", "j"], ["previous", "k"], ["submit", "S"], ["found", "v"]])
  $(id).addEventListener("click", () => attempt(async () => KEYS[key]()));
$("save").addEventListener("click", () => attempt(async () => save()));
$("compared").addEventListener("click", (event) => {
  const panel = event.target.closest(".one-of-two"), button = event.target.closest("[data-verdict]");
  if (panel && button && ready) attempt(() => judge(button.dataset.verdict, Number(panel.dataset.answer)));
  else if (panel && !event.target.closest("button, a, summary")) choose(Number(panel.dataset.answer));
});
$("form").addEventListener("submit", (event) => event.preventDefault());
$("form").addEventListener("input", (event) => { if (FIELDS.includes(event.target.id)) { press(); keepDraft(); } });
$("jump").addEventListener("change", () => attempt(async () => {
  const start = $("jump").value.trim(), place = items.findIndex((i) => i.key.startsWith(start));
  if (!start) return;
  if (place < 0) throw new Error("No trace of your queue has an id that begins so.");
  $("jump").value = "";
  $("jump").blur();
  if (!inBatch(items[place])) chooseBatch(items[place].batch);
  if (!ready || items[place].key !== current) await show(place);  // what is shown need not be loaded again
}));
$("draw").addEventListener("click", () => attempt(() => makeFirst({})));
$("export").addEventListener("change", () => attempt(async () => {
  const [file] = $("export").files;
  if (file) await makeFirst({ name: file.name, data: await encoded(file) });
}));
$("groups").addEventListener("close", () => { if ($("groups").returnValue === "submit") attempt(submit); $("groups").returnValue = ""; });
$("filter").addEventListener("change", () => attempt(async () => {
  $("filter").blur();
  if (!items.some(wanted)) throw new Error("No trace of this batch is like that.");
  if (!wanted(items[at])) await show(items.findIndex(wanted));
}));
function chooseBatch(name) { $("batch").value = name; showProgress(); }
$("batch").addEventListener("change", () => attempt(async () => {
  $("batch").blur();
  chooseBatch($("batch").value);
  at = -1;
  await show(Math.max(items.findIndex(inBatch), nextIn(1, openOnly)));
}));
$("annotator").addEventListener("change", () => { $("annotator").blur(); stored.set("annotator", $("annotator").value); attempt(start); });
addEventListener("focus", () => { if (!isTyping(document.activeElement)) attempt(loadQueue); });

/** Show the trace that the address names, or the next one without a verdict. */
async function start() {
  await loadQueue();
  const named = new URLSearchParams(location.search).get("trace"), place = named ? items.findIndex((i) => i.key === named) : -1;
  if (place >= 0) chooseBatch(items[place].batch);
  at = -1;
  await show(place >= 0 ? place : Math.max(0, nextIn(1, openOnly)));
  if (named && place < 0) throw new Error("The trace that you came for is not in your queue.");
}
drafts.start(who, noteDraft);
onMark(keepDraft);
onVerdict(keepDraft, () => give("compared"));
attempt(start);
