// The server holds the state: every edit names the version that is on the screen, is saved before it is answered, and
// what the answer holds is shown.
import { $, ask, count, fail, listen, make, stored, succeed } from "../assets/shared.js";
import { draw } from "./board.js";

let board = null, busy = false, dragged = [];
const selected = new Set();

const boxes = (within = document) => [...within.querySelectorAll(".pick input")];
const boxOf = (trace) => boxes().find((box) => box.value === trace);
const cards = () => [...document.querySelectorAll(".card:not([hidden])")];
const modeOf = (id) => board.modes.find((m) => m.mode_id === id);
const modeOfTrace = (trace) => board.modes.find((m) => m.failures.some((f) => f.trace_id === trace));
const focusedBox = () => (document.activeElement?.matches(".pick input") ? document.activeElement : null);
const chosen = () => (selected.size ? [...selected] : focusedBox() ? [focusedBox().value] : []);

async function load(whole = "") { show(await ask("api/board?whole=" + encodeURIComponent(whole))); succeed(board.modes.length ? "" : "No failure modes yet: label failures, then run the flywheel."); }

/** Send an edit; say `done` when it is saved. */
async function act(edit, done) {
  if (busy) return;
  busy = true;
  try {
    const next = await ask("api/act", { ...edit, by: $("by").value, version: board.version });
    if (edit.traces) selected.clear();
    show(next);
    succeed(done);
  } catch (error) {
    if (error.status === 409) await load().catch(() => {});
    fail(error);
  } finally { busy = false; }
}

function show(next) {
  const focus = placeOfFocus(), top = scrollY, lists = new Map([...document.querySelectorAll(".failures")].map((l) => [l.dataset.list, l.scrollTop]));
  board = next;
  $("by").replaceChildren(...board.people.map((n) => new Option(n, n, false, n === stored.get("annotator"))));
  $("by").closest("label").hidden = board.people.length < 2;
  draw(board, selected, work);
  for (const trace of [...selected]) if (!boxOf(trace)) selected.delete(trace);
  showSelection();
  for (const list of document.querySelectorAll(".failures")) list.scrollTop = lists.get(list.dataset.list) ?? 0;
  restoreFocus(focus);
  scrollTo(0, top);
}

// The focus stays on the failure, or on the place in its list from which it was moved away.
function placeOfFocus() {
  const now = document.activeElement, list = now?.closest(".failures");
  return { id: now?.id, trace: focusedBox()?.value, list: list?.dataset.list, at: list ? boxes(list).indexOf(now) : 0, mode: now?.closest(".mode")?.dataset.mode };
}

function restoreFocus({ id, trace, list, at, mode }) {
  const left = list ? boxes(document.querySelector(`.failures[data-list="${CSS.escape(list)}"]`) ?? make("p")) : [];
  const target = (id && $(id)) || left.find((box) => box.value === trace) || left[Math.min(at, left.length - 1)]
    || (mode && document.querySelector(`.mode[data-mode="${CSS.escape(mode)}"]`)) || (trace && boxOf(trace));
  if (target) focusOn(target, true);
}

function focusOn(target, preventScroll = false) {
  if (target.matches(".pick input")) {
    for (const box of boxes(target.closest(".failures"))) box.tabIndex = box === target ? 0 : -1;
  }
  target.focus({ preventScroll });
  if (!preventScroll) target.scrollIntoView({ block: "nearest" });
}

function select(box, isSelected) {
  box.checked = isSelected;
  selected[isSelected ? "add" : "delete"](box.value);
}

function showSelection() {
  $("selection").hidden = !selected.size;
  $("n-selected").textContent = `${count(selected.size, "failure")} selected`;
}

function clear() {
  for (const box of boxes()) box.checked = false;
  selected.clear();
  showSelection();
}

/** Ask for a mode; returns it, or null. */
function pick(title, options) {
  $("pick-title").textContent = title;
  $("pick-filter").value = "";
  let at = 0, found = options;
  const render = () => {
    const words = $("pick-filter").value.toLowerCase().trim();
    found = options.filter((o) => o.name.toLowerCase().includes(words));
    at = Math.max(0, Math.min(at, found.length - 1));
    $("pick-list").replaceChildren(...found.map((o, n) => make("li", { role: "option", id: `pick-${n}`, dir: "auto", "aria-selected": String(n === at),
      onclick: () => { at = n; $("pick").close("ok"); } }, o.name)));
    $("pick-filter").setAttribute("aria-activedescendant", found.length ? `pick-${at}` : "");
    $("pick-list").children[at]?.scrollIntoView({ block: "nearest" });
  };
  $("pick-filter").oninput = () => { at = 0; render(); };
  $("pick-filter").onkeydown = (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    at += event.key === "ArrowDown" ? 1 : -1;
    render();
  };
  render();
  return answer($("pick"), $("pick-filter")).then((ok) => (ok ? found[at] ?? null : null));
}

const unfinished = new Map();  // {title of a dialog: what was typed and not sent}

/** Ask for a text; returns it, or null. */
function write(title, label, text, { longest = 80, rows = 1, hint = "" } = {}) {
  $("write-title").textContent = title;
  $("write-label").textContent = label;
  $("write-hint").textContent = hint;
  Object.assign($("write-text"), { value: unfinished.get(title) ?? text, maxLength: longest, rows });
  $("write-text").onkeydown = (event) => {
    if (event.key !== "Enter" || (rows > 1 && !event.ctrlKey && !event.metaKey)) return;
    event.preventDefault();
    $("write").querySelector("button").click();
  };
  $("write-text").oninput = () => unfinished.set(title, $("write-text").value);
  $("write").querySelector("[value=cancel]").onclick = () => unfinished.delete(title);
  const done = answer($("write"), $("write-text"));
  $("write-text").select();
  return done.then((ok) => {
    if (ok) unfinished.delete(title);
    return ok ? $("write-text").value : null;
  });
}

let asked = 0;  // dialogs opened so far

/** Open a dialog; returns whether it was answered. A dialog that is opened again before its close event is a new one. */
function answer(dialog, field) {
  const before = document.activeElement, mine = ++asked;
  dialog.returnValue = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => dialog.addEventListener("close", function closed() {
    if (mine === asked && dialog.open) return;  // the close event of the dialog before
    dialog.removeEventListener("close", closed);
    if (mine === asked && before?.isConnected) before.focus({ preventScroll: true });
    resolve(mine === asked && dialog.returnValue === "ok");
  }));
}

const live = (...but) => board.modes.filter((m) => m.status !== "retired" && !but.includes(m));

async function moveSelected() {
  const traces = chosen();
  if (!traces.length) throw new Error("Select a failure first (Space).");
  const target = await pick(`Move ${count(traces.length, "failure")} to …`, live());
  if (target) await moveTo(traces, target);
}

function moveTo(traces, target) {
  return act({ action: "move", mode: target.mode_id, traces }, `Moved ${count(traces.length, "failure")} to “${target.name}”.`);
}

async function newMode() {
  const traces = chosen(), from = new Set(traces.map(modeOfTrace));
  if (!traces.length) throw new Error("Select failures first (Space).");
  if (from.size > 1) throw new Error("The selected failures are in several modes: select failures of one mode, or in no mode.");
  const [mode] = from, n = count(traces.length, "failure");
  const name = await write(mode ? `Split “${mode.name}”` : "New mode", `Name of the mode of ${n === "1 failure" ? "this failure" : `these ${n}`}`, "", { hint: "A verb and an object, at most six words." });
  if (!name) return;
  await act(mode ? { action: "split", mode: mode.mode_id, traces, name } : { action: "add", traces, name }, `Made “${name.trim()}” of ${n}.`);
}

const work = {
  async rename(mode) {
    const name = await write(`Rename “${mode.name}”`, "Name", mode.name, { hint: "A verb and an object, at most six words. The id stays." });
    if (name) await act({ action: "rename", mode: mode.mode_id, value: name }, `Renamed to “${name.trim()}”.`);
  },
  async define(mode) {
    const text = await write(`Define “${mode.name}”`, "A failure belongs here when …", mode.definition, { longest: 2000, rows: 5 });
    if (text) await act({ action: "define", mode: mode.mode_id, value: text }, "The definition is saved.");
  },
  async include(mode) {
    const text = await write(`What belongs to “${mode.name}”`, "Belongs, although one might doubt it", mode.belongs, { longest: 2000, rows: 4 });
    if (text !== null) await act({ action: "belongs", mode: mode.mode_id, value: text }, "Saved what belongs.");
  },
  async exclude(mode) {
    const text = await write(`What does not belong to “${mode.name}”`, "Does not belong, although it is similar, and where it goes instead", mode.does_not_belong, { longest: 2000, rows: 4 });
    if (text !== null) await act({ action: "does-not-belong", mode: mode.mode_id, value: text }, "Saved what does not belong.");
  },
  async rate(mode) {
    const levels = [["high", "high"], ["medium", "medium"], ["low", "low"], ["", "from its failures"]].map(([value, name]) => ({ value, name }));
    const level = await pick(`Severity of “${mode.name}”`, levels);
    if (level) await act({ action: "rate", mode: mode.mode_id, value: level.value }, "The severity is saved.");
  },
  async merge(mode) {
    const into = await pick(`Merge “${mode.name}” into …`, live(mode));
    if (into) await act({ action: "merge", mode: mode.mode_id, into: into.mode_id }, `Merged “${mode.name}” into “${into.name}”.`);
  },
  accept: (mode) => act({ action: "accept", mode: mode.mode_id }, `Accepted “${mode.name}”.`),
  retire: (mode) => act({ action: "retire", mode: mode.mode_id }, `Retired “${mode.name}”: no failures are assigned to it any more.`),
  decide: (p, action) => act({ proposal: p.id, action }, action === "accept" ? `Accepted: ${p.what}` : "Rejected: it is not proposed again."),
  showAll: (whole) => load(whole).catch(fail),
};

function here() {
  const mode = modeOf(document.activeElement?.closest(".mode")?.dataset.mode);
  if (!mode) throw new Error("Go to a mode first ( ] ).");
  return mode;
}

const onMode = (action) => () => work[action](here());

function step(by, extend) {
  const all = boxes().filter((box) => box.offsetParent), now = focusedBox();
  const card = document.activeElement?.closest(".card");
  const next = now ? all[all.indexOf(now) + by] : card ? boxes(card)[0] ?? all[0] : all[0];
  if (!next) return;
  if (extend && now) { select(now, true); select(next, true); showSelection(); }
  focusOn(next);
}

function stepCard(by) {
  const all = cards(), at = all.indexOf(document.activeElement?.closest(".card"));
  const next = all[at < 0 ? 0 : (at + by + all.length) % all.length];
  if (next) { next.focus({ preventScroll: true }); next.scrollIntoView({ block: "nearest" }); }
}

function selectAll() {
  const card = document.activeElement?.closest(".card");
  if (!card) throw new Error("Go to a mode first ( ] ).");
  const own = boxes(card), all = own.every((box) => box.checked);
  for (const box of own) select(box, !all);
  showSelection();
}

const undo = () => act({ action: "undo" }, `Undone: ${board.undo}.`);
listen({
  j: () => step(1), k: () => step(-1), ArrowDown: (event) => step(1, event.shiftKey), ArrowUp: (event) => step(-1, event.shiftKey),
  "]": () => stepCard(1), "[": () => stepCard(-1), x: () => focusedBox()?.click(), l: () => focusedBox()?.closest(".failure").querySelector(".look").click(), a: selectAll, m: moveSelected, n: newMode,
  r: onMode("rename"), d: onMode("define"), b: onMode("include"), o: onMode("exclude"), v: onMode("rate"), g: onMode("merge"), y: onMode("accept"), R: onMode("retire"), u: undo, Escape: clear,
});
$("move").addEventListener("click", () => moveSelected().catch(fail));
$("split").addEventListener("click", () => newMode().catch(fail));
$("clear").addEventListener("click", clear);
$("undo").addEventListener("click", undo);
$("main").addEventListener("change", (event) => {
  if (event.target.matches(".pick input")) { select(event.target, event.target.checked); showSelection(); }
});

// Dragging one of the selected failures drags them all.
$("main").addEventListener("dragstart", (event) => {
  const trace = event.target.closest?.(".failure")?.querySelector("input").value;
  dragged = selected.has(trace) ? [...selected] : [trace];
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.join(" "));
});
$("main").addEventListener("dragend", () => { dragged = []; });
const targetOf = (event) => event.target.closest?.(".mode:not(.retired)");
$("main").addEventListener("dragover", (event) => {
  const card = targetOf(event);
  for (const other of document.querySelectorAll(".over")) if (other !== card) other.classList.remove("over");
  if (card && dragged.length) { event.preventDefault(); card.classList.add("over"); }
});
$("main").addEventListener("drop", (event) => {
  const card = targetOf(event);
  event.preventDefault();
  card?.classList.remove("over");
  const mode = card && modeOf(card.dataset.mode), traces = dragged.filter((t) => modeOfTrace(t) !== mode);
  if (mode && traces.length) moveTo(traces, mode);
});

$("by").addEventListener("change", () => stored.set("annotator", $("by").value));
addEventListener("focus", () => { if (board && !busy && !selected.size && !document.querySelector("dialog[open]")) load().catch(() => {}); });
load().catch(fail);
