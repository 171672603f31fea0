// Dialogs on chosen traces: make test cases of them, send them to an annotator.
import { $, ask, attempt, count, fail, make, succeed } from "../assets/shared.js";

const TEXTS = { reference: "case-reference", criteria: "case-criteria", kind: "case-kind", criteria_kind: "case-criteria-kind", mode_id: "case-mode" };
let ids = [], touched = new Set(), checks = 0, timer = 0, done = () => {};

/** Open the dialog for the traces; `item` is the open trace where there is one only. */
export function makeCases(chosen, item, after) {
  [ids, touched, done] = [chosen, new Set(), after];
  $("case-title").textContent = ids.length === 1 ? "Make a test case" : `Make test cases of ${ids.length} traces`;
  $("case-one").hidden = !item;
  for (const id of Object.values(TEXTS)) $(id).value = "";
  $("case-documents").value = "";
  const isJudged = !item || item.judged;
  $("case-kind").options[0].text = ids.length > 1 ? "as their verdicts say" : isJudged ? "as its verdict says" : "choose one: the trace has no verdict yet";
  if (!isJudged) fillFromLabel(item.label);
  if (item) {
    const asked = item.outline.filter(([, role]) => role === "user");
    $("case-turn").replaceChildren(new Option(isJudged ? "as its verdict says" : "the last one", ""), ...asked.map(([n, , line]) => new Option(`${n + 1}: ${line}`, n)));
    $("case-mode").replaceChildren(new Option(isJudged ? "as assigned" : "none yet", ""), ...item.modes.map(([id, name]) => new Option(name, id)));
    $("case-known").replaceChildren(...item.documents.map((id) => make("option", { value: id })));
  }
  $("case-dialog").showModal();
  check(Boolean(item));
}

/** A label that no run has read yet says what the case is, too. */
function fillFromLabel(label) {
  if (!["pass", "fail"].includes(label?.verdict)) return;
  set("case-kind", label.verdict === "fail" ? "failure" : "happy_path");
  if (label.verdict === "fail") set("case-criteria", label.comment || label.code || "");
}
function set(id, value) { $(id).value = value; touched.add(id); }

/** What was set in the dialog; the rest follows from the verdicts on the traces. */
function wanted() {
  const sent = { ids };
  for (const [name, id] of Object.entries(TEXTS)) if (touched.has(id)) sent[name] = $(id).value;
  if (touched.has("case-turn") && $("case-turn").value !== "") sent.turn = Number($("case-turn").value);
  if (touched.has("case-documents")) sent.documents = $("case-documents").value.split(",").map((id) => id.trim()).filter(Boolean);
  return sent;
}

/** Ask what would be made, and show it; texts that were not edited are filled in. */
async function check(fills) {
  const at = ++checks;
  try {
    const reply = await ask("api/case", { ...wanted(), check: true });
    if (at !== checks) return;
    const [first] = reply.made;
    if (fills && first.input !== undefined) {
      for (const name of ["reference", "criteria"]) if (!touched.has(TEXTS[name])) $(TEXTS[name]).value = first[name];
      if (!touched.has("case-documents")) $("case-documents").value = first.documents.join(", ");
    }
    $("case-add").disabled = !reply.n_new;
    const lines = reply.made.flatMap((m) => m.lines);
    $("case-found").replaceChildren(...lines.slice(0, 12).map((line) => make("p", { dir: "auto" }, line)),
      ...(lines.length > 12 ? [make("p", {}, `and ${lines.length - 12} more`)] : []));
  } catch (error) { if (at === checks) $("case-found").replaceChildren(make("p", {}, error.message)); }
}

$("case-dialog").addEventListener("input", (event) => {
  touched.add(event.target.id);
  clearTimeout(timer);
  timer = setTimeout(() => check(!$("case-one").hidden), 400);
});
$("case-dialog").addEventListener("close", () => attempt(async () => {
  clearTimeout(timer);
  checks += 1;
  if ($("case-dialog").returnValue !== "ok") return;
  succeed("Adding …");
  const reply = await ask("api/case", wanted()), wrong = reply.made.filter((m) => !m.ok || m.lines.length > 1).flatMap((m) => m.lines);
  await done();
  const added = reply.n_new ? `${count(reply.n_new, "case")} added; the next \`flywheel run\` evaluates ${reply.n_new === 1 ? "it" : "them"}.` : "No case was added.";
  succeed([added, ...wrong.slice(0, 5)].join(" "));
}));

/** Open the dialog that sends traces to an annotator. */
export function sendTraces(chosen, annotators, who, after) {
  [ids, done] = [chosen, after];
  $("send-title").textContent = `Send ${count(ids.length, "trace")} to an annotator`;
  $("send-to").replaceChildren(...annotators.map((name) => new Option(name, name)));
  $("send").dataset.by = who;
  $("send").showModal();
}

$("send").addEventListener("close", () => attempt(async () => {
  if ($("send").returnValue !== "ok") return;
  const sent = { ids, to: $("send-to").value, note: $("send-note").value };
  const reply = await ask("api/send?annotator=" + encodeURIComponent($("send").dataset.by), sent);
  $("send-note").value = "";
  await done();
  if (reply.n) succeed(`${count(reply.n, "trace")} sent to ${reply.to}, as the batch ${reply.batch}.`);
  else fail(new Error(`${reply.to} has these traces with this note already.`));
}));
for (const dialog of [$("case-dialog"), $("send")]) dialog.addEventListener("cancel", () => { dialog.returnValue = ""; });
