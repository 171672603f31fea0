"use strict";
// The server holds the state: every edit names the version that is on the screen, is saved before it is answered, and
// what the answer holds is shown. All text is set as text, so nothing that a comment holds can be anything else.
const $ = (id) => document.getElementById(id);
let board = null, dragged = null, busy = false;
const opened = new Set();  // modes whose editor is open

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((c) => c != null));
  return node;
}

async function ask(path, sent) {
  const options = sent ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent) } : {};
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("The server can not be reached. Nothing was lost; try again."); }
  const told = await answer.json().catch(() => ({ error: "The server answered " + answer.status + "." }));
  if (!answer.ok) throw Object.assign(new Error(told.error), { status: answer.status });
  return told;
}

async function load(whole = "") { show(await ask("api/board?whole=" + encodeURIComponent(whole))); }

async function act(edit, done) {
  if (busy) return;
  busy = true;
  $("message").textContent = "";
  try {
    show(await ask("api/act", { ...edit, by: $("by").value, version: board.version }));
    $("told").textContent = done;
  } catch (error) {
    $("message").textContent = error.message;
    if (error.status === 409) { await load().catch(() => {}); $("message").textContent = error.message + " This is how it stands now."; }
  } finally { busy = false; }
}

function show(next) {
  const focus = document.activeElement?.id, top = scrollY;
  board = next;
  $("by").replaceChildren(...board.people.map((n) => new Option(n, n, false, n === localStorage.getItem("annotator"))));
  $("by").closest("label").hidden = board.people.length < 2;
  $("advice").textContent = board.modes.length ? "Labelling: " + board.advice : "";
  $("proposals").hidden = !board.proposals.length;
  $("proposal-list").replaceChildren(...board.proposals.map(proposal));
  $("loose").hidden = !board.n_loose;
  $("loose").replaceChildren(...(board.n_loose ? loose() : []));
  $("modes").replaceChildren(...board.modes.map(mode));
  $("changes").replaceChildren(...board.history.map((c) => make("li", {}, c)));
  $("told").textContent = board.modes.length ? "" : "No failure modes yet: label failures, then run the flywheel.";
  if (focus && $(focus)) $(focus).focus({ preventScroll: true });
  scrollTo(0, top);
}

function proposal(p) {
  const decide = (action, told) => () => act({ proposal: p.id, action }, told);
  return make("div", { class: "proposal" },
    make("strong", {}, p.what), make("p", { class: "hint" }, p.why),
    p.model ? make("p", { class: "hint" }, "A model: " + p.model) : null,
    make("ul", {}, ...p.examples.map((e) => make("li", {}, e))),
    make("div", { class: "actions" },
      make("button", { type: "button", class: "primary", "aria-label": "Accept: " + p.what, onclick: decide("accept", "Accepted: " + p.what) }, "Accept"),
      make("button", { type: "button", "aria-label": "Reject: " + p.what, onclick: decide("reject", "Rejected; it is not proposed again.") }, "Reject")));
}

function loose() {
  return [
    make("h2", { id: "loose-title" }, `In no mode yet: ${board.n_loose}`),
    make("ul", { class: "failures", "aria-labelledby": "loose-title", tabindex: "0" }, ...board.loose.map((f) => failure(f, null))),
    more("loose", board.n_loose - board.loose.length),
    make("form", { class: "pairing", onsubmit: (event) => { event.preventDefault(); makeMode(event.target.closest("section")); } },
      field("New mode of those chosen", make("input", { id: "new-name", maxlength: 80 })),
      make("button", {}, "Make a mode")),
  ];
}

function makeMode(section) {
  act({ action: "add", traces: chosen(section), name: $("new-name").value }, "There is a new mode.");
}

const chosen = (part) => [...part.querySelectorAll(".pick input:checked")].map((box) => box.value);

function field(label, control) { return make("div", {}, make("label", { for: control.id }, label), control); }

function more(whole, n) {
  return n > 0 ? make("button", { type: "button", onclick: () => load(whole).catch((e) => { $("message").textContent = e.message; }) }, `Show ${n} more`) : null;
}

function failure(f, from) {
  const targets = board.modes.filter((m) => m.status !== "retired" && m !== from);
  const move = make("select", { "aria-label": `Another mode for: ${f.text}`, id: "move-" + f.trace_id }, new Option("Move to …", ""), ...targets.map((m) => new Option(m.name, m.mode_id)));
  const by = f.by === "HUMAN" ? "by a person" : f.by ? `${f.by === "LLM" ? "by a model" : "by likeness"}, ${Math.round(f.confidence * 100)} %` : "";
  return make("li", { class: "failure" + (f.gone ? " gone" : ""), draggable: "true",
    ondragstart: (event) => { dragged = f.trace_id; event.dataTransfer.effectAllowed = "move"; event.dataTransfer.setData("text/plain", f.trace_id); },
    ondragend: () => { dragged = null; } },
    make("label", { class: "pick" }, make("input", { type: "checkbox", value: f.trace_id }), make("span", {}, f.text)),
    f.comment ? make("details", {}, make("summary", { class: "hint" }, "Comment"), f.comment) : null,
    make("span", { class: "by" }, f.gone ? "not a failure any more" : by),
    make("div", { class: "row" }, move,
      make("button", { type: "button", "aria-label": `Move: ${f.text}`, onclick: () => move.value ? moveTo(f.trace_id, move.value) : move.focus() }, "Move")));
}

function moveTo(trace, modeId) {
  const target = board.modes.find((m) => m.mode_id === modeId);
  if (target) act({ action: "move", mode: modeId, traces: [trace] }, `Moved to “${target.name}”.`);
}

function mode(m) {
  const id = "mode-" + m.mode_id;
  const part = make("section", { class: `mode ${m.status}`, "aria-labelledby": id },
    make("header", {}, make("span", { class: "rank" }, `${m.rank}.`), make("h2", { id }, m.name), make("span", { class: `status ${m.status}` }, m.status)),
    make("p", { class: "definition" }, m.definition), make("p", { class: "hint" }, m.reason),
    editor(m),
    make("ul", { class: "failures", tabindex: "0", "aria-labelledby": id }, ...m.failures.map((f) => failure(f, m))),
    more(m.mode_id, m.n - m.failures.length));
  if (m.status !== "retired") {
    part.addEventListener("dragover", (event) => { if (dragged) { event.preventDefault(); part.classList.add("over"); } });
    part.addEventListener("dragleave", () => part.classList.remove("over"));
    part.addEventListener("drop", (event) => {
      event.preventDefault();
      part.classList.remove("over");
      if (dragged && !m.failures.some((f) => f.trace_id === dragged)) moveTo(dragged, m.mode_id);
    });
  }
  return part;
}

function editor(m) {
  const say = (action, value, told) => act({ action, mode: m.mode_id, value }, told);
  const name = make("input", { id: "name-" + m.mode_id, maxlength: 80, value: m.name });
  const definition = make("textarea", { id: "definition-" + m.mode_id, rows: 3, maxlength: 2000 });
  definition.value = m.definition;
  const severity = make("select", { id: "severity-" + m.mode_id },
    ...["", "low", "medium", "high"].map((s) => new Option(s || "as its failures say", s, false, s === m.severity)));
  const into = make("select", { id: "into-" + m.mode_id }, new Option("choose a mode", ""),
    ...board.modes.filter((o) => o !== m && o.status !== "retired").map((o) => new Option(o.name, o.mode_id)));
  const splitName = make("input", { id: "split-" + m.mode_id, maxlength: 80 });
  const button = (text, work) => make("button", { type: "button", onclick: work }, text);
  const status = (action, text, told) => button(text, () => act({ action, mode: m.mode_id }, told));
  const box = make("details", { open: opened.has(m.mode_id), ontoggle: (event) => opened[event.target.open ? "add" : "delete"](m.mode_id) },
    make("summary", { id: "edit-" + m.mode_id, "aria-label": "Edit " + m.name }, "Edit"),
    make("div", {},
      make("div", { class: "pairing" }, field("Name", name), button("Rename", () => say("rename", name.value, "Renamed; its id stays."))),
      field("A failure belongs here when …", definition),
      button("Save the definition", () => say("define", definition.value, "The definition is saved.")),
      make("div", { class: "pairing" }, field("Severity", severity), button("Save", () => say("rate", severity.value, "The severity is saved."))),
      m.status === "retired" ? null : make("div", { class: "pairing" }, field("Merge into", into),
        button("Merge", () => into.value ? act({ action: "merge", mode: m.mode_id, into: into.value }, "Merged.") : into.focus())),
      m.status === "retired" ? null : make("div", { class: "pairing" }, field("Split off the failures chosen below, as", splitName),
        button("Split", (event) => act({ action: "split", mode: m.mode_id, traces: chosen(event.target.closest(".mode")), name: splitName.value }, "Split."))),
      make("div", { class: "actions" },
        m.status === "accepted" ? null : status("accept", m.status === "retired" ? "Open again" : "Accept", "Accepted."),
        m.status === "retired" ? null : status("retire", "Retire", "Retired: it takes no more failures."))));
  return box;
}

$("by").addEventListener("change", () => localStorage.setItem("annotator", $("by").value));
const dirty = () => /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName) || document.querySelector(".pick input:checked");
addEventListener("focus", () => { if (board && !busy && !dirty()) load().catch(() => {}); });
load().catch((error) => { $("message").textContent = error.message; });
