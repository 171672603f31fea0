// The board as elements. All text is set as text, so that nothing that a comment holds can become markup.
import { $, count, make } from "../assets/shared.js";

/** Draw the board; `work` holds what its buttons do, `selected` the ids of the selected failures. */
export function draw(board, selected, work) {
  const groups = { groups: [], proposed: [], modes: [], retired: [] };
  for (const mode of board.modes) groups[sectionOf(mode)].push(mode);
  for (const [id, modes] of Object.entries(groups)) {
    $(id).hidden = !modes.length;
    $(id).querySelector(".cards").replaceChildren(...modes.map((mode) => card(mode, selected, work)));
  }
  $("groups-title").textContent = `Groups to review (${groups.groups.length})`;
  $("proposed-title").textContent = `Proposed failure modes (${groups.proposed.length})`;
  $("modes-title").textContent = `Failure modes (${groups.modes.length})`;
  $("advice").hidden = !(board.modes.length && board.advice);
  $("advice").textContent = board.advice;
  $("proposals").hidden = !board.proposals.length;
  $("proposal-list").replaceChildren(...board.proposals.map((p) => proposal(p, work)));
  $("unassigned").hidden = !board.n_unassigned;
  $("unassigned").replaceChildren(
    make("h2", { id: "unassigned-title" }, `In no mode yet (${board.n_unassigned})`),
    list("unassigned", "unassigned-title", board.unassigned, selected),
    ...more("unassigned", board.n_unassigned - board.unassigned.length, work));
  $("changes").replaceChildren(...board.history.map((change) => make("li", { dir: "auto" }, change)));
  $("undo").disabled = !board.undo;
  $("undo").title = board.undo ? `Undo ${board.undo}` : "Nothing to undo";
}

function sectionOf(mode) {
  if (mode.status === "retired") return "retired";
  if (mode.kind === "group to review") return "groups";
  return mode.status === "accepted" ? "modes" : "proposed";
}

function proposal(p, work) {
  const what = (text) => ({ type: "button", "aria-label": `${text}: ${p.what}` });
  return make("div", { class: "proposal" },
    make("strong", { dir: "auto" }, p.what), make("p", { class: "hint", dir: "auto" }, p.why),
    p.model ? make("p", { class: "hint", dir: "auto" }, "A model: " + p.model) : null,
    make("ul", {}, ...p.examples.map((e) => make("li", { dir: "auto" }, e))),
    make("div", { class: "actions" },
      make("button", { ...what("Accept"), class: "primary", onclick: () => work.decide(p, "accept") }, "Accept"),
      make("button", { ...what("Reject"), onclick: () => work.decide(p, "reject") }, "Reject")));
}

function card(mode, selected, work) {
  const id = "mode-" + mode.mode_id, isRetired = mode.status === "retired";
  const button = (text, key, action) => make("button", { type: "button", class: "quiet", id: `${action}-${mode.mode_id}`, "aria-label": `${text}: ${mode.name}`, onclick: () => work[action](mode) },
    text, key ? make("kbd", {}, key) : null);
  return make("section", { class: `card mode ${mode.status}`, "aria-labelledby": id, "data-mode": mode.mode_id, tabindex: "-1" },
    make("header", {}, make("span", { class: "rank" }, `${mode.rank}.`), make("h3", { id, dir: "auto" }, mode.name), make("span", { class: "hint n" }, count(mode.n, "failure"))),
    ...meaning(mode),
    ...(mode.evaluators.length ? [make("details", { class: "hint evaluators" }, make("summary", {}, count(mode.evaluators.length, "evaluator")), make("ul", {}, ...mode.evaluators.map((e) => make("li", { dir: "auto" }, e))))] : []),
    make("p", { class: "hint" }, mode.reason, mode.severity ? `; severity set to ${mode.severity}` : ""),
    make("div", { class: "actions" },
      button("Rename", "r", "rename"), button("Define", "d", "define"),
      ...(mode.definition ? [button("Belongs", "b", "include"), button("Does not belong", "o", "exclude")] : []),
      button("Severity", "v", "rate"),
      isRetired ? null : button("Merge", "g", "merge"),
      mode.status === "accepted" ? null : button(isRetired ? "Reopen" : "Accept", "y", "accept"),
      isRetired ? null : button("Retire", "R", "retire")),
    list(mode.mode_id, id, mode.failures, selected),
    ...more(mode.mode_id, mode.n - mode.failures.length, work));
}

// A mode has a definition; a group has none, and is shown by comments of the expert.
function meaning(mode) {
  const limit = (title, text) => (text ? make("p", { class: "hint", dir: "auto" }, make("strong", {}, title), " ", text) : null);
  const definition = mode.definition ? [make("p", { class: "definition", dir: "auto" }, mode.definition), limit("Belongs:", mode.belongs), limit("Does not belong:", mode.does_not_belong)] : [];
  if (mode.status === "accepted" || !mode.examples.length) return definition;
  return [...definition, make("ul", { class: "examples", "aria-label": "Typical comments" }, ...mode.examples.map((e) => make("li", { dir: "auto" }, e)))];
}

function list(name, label, failures, selected) {
  return make("ul", { class: "failures", "data-list": name, "aria-labelledby": label }, ...failures.map((f, n) => failure(f, n, selected)));
}

function failure(f, n, selected) {
  const by = f.by === "HUMAN" ? "by a person" : f.by ? `${f.by === "LLM" ? "by a model" : "matched by wording"}, ${Math.round(f.confidence * 100)}%` : "";
  return make("li", { class: "failure" + (f.gone ? " gone" : ""), draggable: "true" },
    make("label", { class: "pick" },
      make("input", { type: "checkbox", value: f.trace_id, tabindex: n ? "-1" : "0", ...(selected.has(f.trace_id) ? { checked: true } : {}) }),
      make("span", { dir: "auto" }, f.text)),
    comment(f.comment),
    make("span", { class: "by" }, f.gone ? "not a failure any more" : by, f.picked ? make("span", { class: "mark", title: "A person picked this trace: it is in no rate of traffic" }, "picked") : null, " ", make("a", { class: "look", href: "../traces/#" + encodeURIComponent(f.trace_id), tabindex: "-1" }, "trace")));
}

const SHORT = 160;
function comment(text) {
  if (!text) return null;
  if (text.length <= SHORT) return make("p", { class: "comment", dir: "auto" }, text);
  return make("details", { class: "comment" }, make("summary", { dir: "auto", tabindex: "-1" }, text.slice(0, SHORT - 40) + "…"), make("p", { dir: "auto" }, text));
}

const more = (whole, n, work) => (n > 0 ? [make("button", { type: "button", class: "quiet", onclick: () => work.showAll(whole) }, `Show ${n.toLocaleString("en")} more`)] : []);
