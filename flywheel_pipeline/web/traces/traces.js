// The list of traces and the trace that is open. The address holds the filters, its part behind # the open trace.
import { $, ask, attempt, count, isTyping, listen, make, stored, succeed } from "../assets/shared.js";
import * as drafts from "./drafts.js";
import { goToFirstFailure, goToLast, markNext, onMark, showConversation } from "./conversation.js";
import { FIELDS, fill, offer, press, remember, setVerdict, showLabel, startFail, written } from "./verdict.js";
import * as filters from "./filters.js";
import { makeCases, sendTraces } from "./cases.js";

// A verdict is always on the item on the screen: `item` is the open one, `ready` whether it is there and not being saved.
let following = null, loads = 0, opens = 0, item = null, ready = false, pending = 0, annotators = [], left = null;

const who = () => $("annotator").value || stored.get("annotator") || "";
const asked = () => "annotator=" + encodeURIComponent(who());
const rows = () => [...document.querySelectorAll("#trace-list .trace")];
const openId = () => { try { return decodeURIComponent(location.hash.slice(1)); } catch { return ""; } };

async function loadForm() {
  const reply = await ask("api/start?" + asked());
  annotators = reply.annotators;
  $("annotator").replaceChildren(...annotators.map((n) => new Option(n, n, false, n === reply.annotator)));
  $("annotator").closest("label").hidden = annotators.length < 2;
  fill($("codes"), reply.codes);
  offer(reply.modes, keepDraft);
  filters.showViews(reply.views);
  showPending(reply.n_pending);
}

function showPending(n) {
  pending = n;
  $("submit").textContent = n ? `Submit ${count(n, "label")}` : "Submit labels";
  $("submit").disabled = !n;
}

async function loadList() {
  const at = ++loads, counted = filters.count();
  counted.catch(() => {});  // reported below, where it is waited for
  const page = await ask("api/list?" + filters.query());
  if (at !== loads) return;
  $("trace-list").innerHTML = page.html;  // escaped by the server
  showRest(page);
  $("note").hidden = !page.note;
  $("note").textContent = page.note;
  $("empty").hidden = page.n > 0 || Boolean(page.note) && filters.query().size === 1;
  $("empty").textContent = filters.query().size ? "No trace fulfils all of these filters." : "No traces yet: choose an export on the page Labelling, or run `flywheel start FILE`.";
  showSelection();
  const n = await counted;  // how many there are is never said above the rows of other filters
  if (at === loads && n !== null) $("found").textContent = count(n, "trace");
}

function showRest(page) {
  following = page.next;
  $("rest").hidden = !page.next;
}

async function loadMore() {
  if (!following) return;
  const at = loads, params = filters.query();
  params.set("after", following);
  const page = await ask("api/list?" + params);
  if (at !== loads) return;
  $("trace-list").insertAdjacentHTML("beforeend", page.html);
  showRest(page);
}

// The list

const focusedRow = () => document.activeElement?.closest("#trace-list .trace");
async function move(by) {
  const all = rows(), row = focusedRow(), place = row ? all.indexOf(row) + by : by > 0 ? 0 : -1;
  if (place >= all.length && following) await loadMore();
  const next = rows()[Math.max(0, place)];
  next?.querySelector(".open").focus();
}

const selected = () => rows().filter((row) => row.querySelector(".tick").checked).map((row) => row.dataset.id);
function showSelection() {
  const n = selected().length;
  $("selection").hidden = !n || Boolean(openId());
  $("n-selected").textContent = `${count(n, "trace")} selected`;
}
function clearSelection() { for (const row of rows()) row.querySelector(".tick").checked = false; showSelection(); }
function tick() {
  const box = focusedRow()?.querySelector(".tick");
  if (box) { box.checked = !box.checked; showSelection(); }
}

// The open trace

async function open() {
  const id = openId(), at = ++opens;
  drafts.flush();
  ready = false;
  if (!id) { showBrowse(); return; }
  const reply = await ask(`api/trace?${asked()}&id=${encodeURIComponent(id)}`);
  if (at !== opens) return;
  [item, ready] = [reply, true];
  if (!$("browse").hidden) left = scrollY;
  $("browse").hidden = true;
  $("opened").hidden = false;
  $("selection").hidden = true;
  $("title").textContent = item.trace_id;
  $("badges").replaceChildren(...item.badges.map((b) => make("li", { dir: "auto" }, b)));
  $("about").innerHTML = item.about;  // escaped by the server
  $("picked-note").textContent = item.picked
    ? "Picked: your verdict counts for failure modes and the golden set, and is in no rate of traffic."
    : "Your verdict here corrects one that counts for rates of traffic.";
  showConversation(item, showLabel(item).first_failure_step ?? null);
  scrollTo(0, 0);
  $("read").focus({ preventScroll: true });
}

function showBrowse() {
  item = null;
  $("opened").hidden = true;
  $("browse").hidden = false;
  showSelection();
  if (left !== null) scrollTo(0, left);
  left = null;
}

async function back() {
  const id = openId();
  if (!id) return;
  history.pushState(null, "", location.pathname + location.search);
  showBrowse();
  rowOf(id)?.querySelector(".open").focus();
}

const rowOf = (id) => rows().find((row) => row.dataset.id === id);
async function step(by) {
  const id = openId(), at = rows().findIndex((row) => row.dataset.id === id);
  if (at === rows().length - 1 && by > 0 && following) await loadMore();
  const next = rows()[at + by];
  if (at < 0 || !next) throw new Error(by > 0 ? "That was the last trace of the list." : "That was the first trace of the list.");
  location.hash = encodeURIComponent(next.dataset.id);
}
function toTrace(id) { if (id) location.hash = encodeURIComponent(id); else throw new Error("There is no further trace in this session."); }


/** List the traces whose questions are like that of the open trace, or of the one that has the focus. */
function like() {
  const id = item?.trace_id ?? focusedRow()?.dataset.id;
  if (!id) throw new Error("Open a trace first, or go to one with j.");
  left = null;
  filters.go("like=" + encodeURIComponent(id));
  if (item) showBrowse();
  scrollTo(0, 0);
}

async function showSimilar(box) {
  if (!box.open || box.dataset.asked) return;
  box.dataset.asked = "yes";
  const reply = await ask("api/similar?id=" + encodeURIComponent(box.dataset.id));
  box.querySelector("div").innerHTML = reply.html;  // escaped by the server
}

function keepDraft() { if (ready) { $("draft").textContent = ""; drafts.keep(item.key, written()); } }

async function give(verdict) {
  if (!ready) return;
  const given = item, fields = written();
  ready = false;
  let reply;
  try { await drafts.settle(given.key); reply = await ask("api/label?" + asked(), { key: given.key, verdict, ...fields }); } finally { ready = item === given; }
  drafts.discard(given.key);
  showPending(reply.n_pending);
  if (verdict === "fail") remember(fields, keepDraft);
  given.label = { verdict, ...fields };
  if (item === given) setVerdict(verdict);
  const saved = `Saved: ${verdict}${given.picked ? ", picked" : ""}.` + (reply.n_submitted ? ` ${count(reply.n_submitted, "label")} submitted.` : "");
  const place = rows().findIndex((row) => row.dataset.id === given.trace_id);
  if (place >= 0 && (rows()[place + 1] || following)) await step(1);
  $("read").focus({ preventScroll: true });
  succeed(saved);
}

async function undo() {
  const reply = await ask("api/undo?" + asked(), {});
  if (!reply.key) { succeed("Nothing to undo."); return; }
  drafts.restore(reply.key);
  showPending(reply.n_pending);
  const id = reply.key.replace(/#(picked|again)$/, "");
  if (openId() === id) await open(); else location.hash = encodeURIComponent(id);
  succeed("Undone. What you wrote is back as a draft.");
}

async function submit() {
  const reply = await ask("api/submit?" + asked(), {});
  showPending(0);
  succeed(reply.n ? `Thank you: ${count(reply.n, "label")} submitted.` : "Nothing new to submit.");
}

const chosen = () => {
  const ids = item ? [item.trace_id] : selected();
  if (!ids.length) throw new Error("Select traces first, or open one.");
  return ids;
};
const cases = () => makeCases(chosen(), item, item ? open : async () => { clearSelection(); await loadList(); });
const send = () => sendTraces(chosen(), annotators, who(), async () => { if (!item) clearSelection(); });

const opened = (work) => () => { if (item) return work(); return undefined; };
const KEYS = {
  j: () => (item ? step(1) : move(1)), k: () => (item ? step(-1) : move(-1)),
  ArrowDown: () => (item ? scrollBy(0, 80) : move(1)), ArrowUp: () => (item ? scrollBy(0, -80) : move(-1)),
  x: () => tick(), b: back, "/": () => { if (item) back(); $("words").select(); }, t: cases, h: send, u: undo, S: submit,
  p: opened(() => give("pass")), f: opened(startFail), d: opened(() => give("defer")), s: opened(markNext),
  g: opened(() => { if (!$("outline").hidden) $("message-number").select(); }), m: opened(goToFirstFailure), e: opened(goToLast),
  "=": like,
  "[": opened(() => toTrace(item.before)), "]": opened(() => toTrace(item.after)),
};
listen(KEYS);
document.addEventListener("keydown", (event) => {
  if (item && event.key === "Enter" && (event.ctrlKey || event.metaKey) && !document.querySelector("dialog[open]")) { event.preventDefault(); attempt(() => give("fail")); }
});
for (const [id, key] of [["pass", "p"], ["fail", "f"], ["defer", "d"], ["undo", "u"], ["submit", "S"], ["back", "b"], ["next", "j"], ["previous", "k"],
  ["make-case", "t"], ["send-one", "h"], ["cases-of-selected", "t"], ["send-selected", "h"]])
  $(id).addEventListener("click", () => attempt(async () => KEYS[key]()));
$("save").addEventListener("click", () => attempt(() => give("fail")));
$("clear").addEventListener("click", clearSelection);
$("load-more").addEventListener("click", () => attempt(loadMore));
$("form").addEventListener("submit", (event) => event.preventDefault());
$("form").addEventListener("input", (event) => { if (FIELDS.includes(event.target.id)) { press(); keepDraft(); } });
$("trace-list").addEventListener("change", showSelection);
$("about").addEventListener("toggle", (event) => { if (event.target.id === "similar") attempt(() => showSimilar(event.target)); }, true);
$("annotator").addEventListener("change", () => { $("annotator").blur(); stored.set("annotator", $("annotator").value); attempt(async () => { await loadForm(); await open(); }); });
addEventListener("hashchange", () => attempt(open));
addEventListener("popstate", () => { filters.forget(); filters.read(); attempt(loadList); });
addEventListener("focus", () => { if (!isTyping(document.activeElement)) attempt(loadForm); });

drafts.start(who, () => {});
onMark(keepDraft);
filters.start(() => attempt(loadList));
attempt(() => Promise.all([loadForm(), loadList(), open()]));
