// The server holds the state: every action is sent, and what it answers is shown.
import { $, ask, attempt, count, isTyping, listen, make, stored, succeed } from "../assets/shared.js";
import { currentStep, goToFirstFailure, goToLast, showConversation } from "./conversation.js";

// `current` is the disagreement on the screen, or, while not `ready`, about to be: an action is always on that one.
let board = { judges: [], disagreements: [] }, current = null, ready = false, loads = 0;
const written = new Map();

const who = () => $("annotator").value || stored.get("annotator") || "";
const asked = () => "annotator=" + encodeURIComponent(who());
const idOf = (d) => `${d.judge} ${d.trace}`;
const same = (d) => current !== null && idOf(d) === idOf(current);

const percent = (x) => `${Math.round(100 * x)}%`;
const recall = (r) => r === null ? ["none labelled"]
  : [`${percent(r.share)} `, make("span", { class: "range" }, `(${percent(r.low)} to ${percent(r.high)}, ${r.n_right} of ${r.n})`)];

function take(reply) {
  board = reply;
  $("annotator").replaceChildren(...reply.annotators.map((n) => new Option(n, n, false, n === reply.annotator)));
  $("annotator").closest("label").hidden = reply.annotators.length < 2;
  const chosen = $("judge").value;
  $("judge").replaceChildren(new Option("all judges", ""), ...reply.judges.map((j) => new Option(j.name, j.judge)));
  $("judge").value = reply.judges.some((j) => j.judge === chosen) ? chosen : "";
  $("judge-rows").replaceChildren(...reply.judges.map(rowOf));
  const done = reply.disagreements.filter((d) => d.done).length;
  $("progress").textContent = reply.judges.length ? `${done} of ${count(reply.disagreements.length, "disagreement")} reviewed`
    : "No judge was measured yet: label some traces, then `flywheel run`.";
  $("submit").textContent = reply.n_pending ? `Submit ${count(reply.n_pending, "label")}` : "Submit labels";
  $("submit").disabled = !reply.n_pending;
  $("undo").disabled = !reply.undo;
}

function rowOf(judge) {
  const kinds = Object.entries(judge.counts).map(([kind, n]) => kind === "unsure" ? `${n} unsure` : count(n, kind, kind.endsWith("s") ? kind + "es" : kind + "s")).join(", ");
  const twice = [judge.repeated && `asked again: ${judge.repeated}`, judge.swapped && `reversed: ${judge.swapped}`].filter(Boolean).join("; ");
  return make("tr", { class: judge.judge === $("judge").value ? "chosen" : null },
    make("th", { scope: "row", dir: "auto" }, judge.name),
    make("td", { "data-title": "Status" }, make("span", { class: "status " + judge.status.replace(" ", "-") }, judge.status)),
    make("td", { "data-title": "Failures caught" }, ...recall(judge.fails)),
    make("td", { "data-title": "Passes recognised" }, ...recall(judge.passes)),
    make("td", { "data-title": "Same label twice" }, twice || "not measured"),
    make("td", { "data-title": "Disagreements" }, kinds
      ? make("button", { type: "button", class: "quiet", onclick: () => attempt(() => choose(judge.judge)) }, kinds, make("span", { class: "unseen" }, ` of ${judge.name}`)) : "none"),
    make("td", { "data-title": "Next", dir: "auto" }, judge.next + (judge.n_broken ? `; ${count(judge.n_broken, "answer")} without a verdict` : "")));
}

function wanted(d) {
  const kind = $("kind").value;
  return (!$("judge").value || d.judge === $("judge").value) && (!kind || (kind === "open" ? !d.done : d.kind === kind));
}
const list = () => board.disagreements.filter((d) => wanted(d) || same(d));

async function choose(judge) {
  $("judge").value = judge;
  $("judge-rows").replaceChildren(...board.judges.map(rowOf));
  current = current && wanted(current) ? current : null;
  await show(current ?? board.disagreements.find((d) => wanted(d) && !d.done) ?? board.disagreements.find(wanted));
  if (current) $("title").focus();
}

async function show(d) {
  keepWritten();
  const load = ++loads;
  current = d ?? null;
  ready = false;
  $("none").hidden = Boolean(d);
  $("dispute").hidden = !d;
  if (!d) { setTitle(); return; }
  const item = await ask("api/item?" + new URLSearchParams({ judge: d.judge, trace: d.trace }));
  if (load !== loads) return;
  ready = true;
  const isFail = d.expert === "fail", label = item.label;
  setTitle(item.mode);
  $("expert").textContent = d.expert;
  $("expert").className = d.expert;
  $("remark").textContent = [label.code, label.comment].filter(Boolean).join(": ") || (isFail ? "no comment" : "no fault found");
  $("verdict").textContent = d.kind === "unsure" ? "unsure" : isFail ? "pass" : "fail";
  $("verdict").className = d.kind === "unsure" ? "" : isFail ? "pass" : "fail";
  $("critique").textContent = item.explanation || "no reason given";
  $("describe").hidden = isFail;
  $("trace").classList.toggle("fixed", isFail);
  $("comment").value = written.get(idOf(d)) ?? "";
  $("correct-text").textContent = isFail ? "Correct to pass" : "Correct to fail";
  showDone();
  $("fence").textContent = d.split === "train" ? "" : `It ${d.split ? `is a ${d.split} case` : "is no golden case yet"}: no judge is shown it as an example${d.split ? "" : " unless it comes into the train split"}.`;
  const link = make("a", { href: "../../traces/#" + encodeURIComponent(d.trace) }, d.trace);
  $("badges").replaceChildren(...[link, ...item.badges].map((b) => make("li", { dir: "auto" }, b)));
  showConversation({ ...item, marking: !isFail }, label.first_failure_step ?? null);
  $("first-failure").hidden = label.first_failure_step == null;
}

function setTitle(mode) {
  const all = list(), place = all.findIndex(same);
  $("disagreements-title").textContent = `Disagreements (${board.disagreements.filter(wanted).length})`;
  if (current) $("title").textContent = `${place + 1} of ${all.length} · ${current.kind} · ${mode}`;
}

function showDone() {
  const done = board.disagreements.find(same)?.done ?? "";
  $("done").textContent = done === "confirmed" ? "Reviewed: the label stands." : done === "corrected" ? "Reviewed: the label is corrected. The next run measures the judge by it." : "";
}

function keepWritten() { if (current && ready) { if ($("comment").value) written.set(idOf(current), $("comment").value); else written.delete(idOf(current)); } }

async function act(action) {
  if (!ready || !current) return;
  keepWritten();
  const d = current, sent = { judge: d.judge, trace: d.trace };
  if (action === "correct") Object.assign(sent, { comment: d.expert === "fail" ? "" : $("comment").value, first_failure_step: currentStep() });
  ready = false;
  try { take(await ask(`api/${action}?` + asked(), sent)); } finally { ready = current === d; }
  if (action === "correct") { written.delete(idOf(d)); $("comment").value = ""; }
  current = board.disagreements.find((x) => idOf(x) === idOf(d)) ?? d;
  const next = nextOpen();
  const text = action === "confirm" ? "Your label stands." : `Corrected to ${d.expert === "fail" ? "pass" : "fail"}.`;
  if (next) { await show(next); $("title").focus({ preventScroll: true }); succeed(text); }
  else { showDone(); succeed(`${text} All of these are reviewed: submit your labels when you are ready.`); }
}

const beside = (by) => { const all = list(); return all[all.findIndex(same) + by]; };
function nextOpen() {
  const all = list(), place = all.findIndex(same);
  return [...all.slice(place + 1), ...all.slice(0, Math.max(place, 0))].find((d) => !d.done);
}
const go = (d) => (d ? show(d) : undefined);

function nextJudge(by) {
  const names = ["", ...board.judges.filter((j) => Object.keys(j.counts).length).map((j) => j.judge)];
  return choose(names[(names.indexOf($("judge").value) + by + names.length) % names.length]);
}

async function undo() {
  const reply = await ask("api/undo?" + asked(), {});
  take(reply);
  if (!reply.key) { succeed("Nothing to undo on this page."); return; }
  const d = board.disagreements.find((x) => x.trace === reply.key);
  if (d) await show(d);
  succeed("Undone.");
}

async function submit() {
  const reply = await ask("api/submit?" + asked(), {});
  take(reply);
  succeed(reply.n_submitted ? `${count(reply.n_submitted, "label")} submitted. The next run measures the judges by them.` : "Nothing new to submit.");
}

const KEYS = {
  j: () => go(beside(1)), k: () => go(beside(-1)), ArrowRight: () => go(beside(1)), ArrowLeft: () => go(beside(-1)), n: () => go(nextOpen()),
  "]": () => nextJudge(1), "[": () => nextJudge(-1), c: () => act("confirm"), x: () => act("correct"), u: undo, S: submit,
  w: () => { if (!$("describe").hidden) $("comment").focus(); },
  g: () => { if (!$("outline").hidden) $("message-number").select(); }, m: goToFirstFailure, e: goToLast,
};
listen(KEYS);
for (const [id, key] of [["confirm", "c"], ["correct", "x"], ["undo", "u"], ["next", "j"], ["previous", "k"], ["submit", "S"]])
  $(id).addEventListener("click", () => attempt(async () => KEYS[key]()));
$("judge").addEventListener("change", () => { $("judge").blur(); attempt(() => choose($("judge").value)); });
$("kind").addEventListener("change", () => { $("kind").blur(); attempt(() => choose($("judge").value)); });
$("annotator").addEventListener("change", () => { $("annotator").blur(); stored.set("annotator", $("annotator").value); attempt(load); });
addEventListener("focus", () => { if (!isTyping(document.activeElement)) attempt(load); });

async function load() {
  take(await ask("api/board?" + asked()));
  const d = current && board.disagreements.find(same);
  if (d && ready) { current = d; showDone(); setTitle($("title").textContent.split(" · ").slice(2).join(" · ")); }
  else await show(board.disagreements.find((x) => wanted(x) && !x.done) ?? board.disagreements.find(wanted));
}
attempt(load);
