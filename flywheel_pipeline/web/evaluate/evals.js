// What is looked at is in the address: versions, filters and case, so that a view can be sent to somebody.
import { $, ask, attempt, count, listen, make, succeed } from "../assets/shared.js";
import { begin, choose, current, following, onChoose, place } from "./case_list.js";

const FILTERS = ["mode", "outcome", "evaluator", "text"];
let counts = {}, trace = null, toLabel = false, shown = null, loads = 0;

const address = new URLSearchParams(location.search);
const asked = (more = {}) => new URLSearchParams([...["before", "after", ...FILTERS].map((name) => [name, address.get(name) ?? ""]), ...Object.entries(more)].filter(([, value]) => value !== ""));

function remember(values) {
  for (const [name, value] of Object.entries(values)) if (value) address.set(name, value); else address.delete(name);
  history.replaceState(null, "", address.size ? `?${address}` : location.pathname);
}

async function start() {
  cases.clear();
  const [reply] = await Promise.all([ask("api/compare?" + asked()), list(address.get("case"))]);
  for (const side of ["before", "after"]) {
    $(side).replaceChildren(...reply.versions.map(([value, name]) => new Option(name, value, false, value === reply[side])));
  }
  $("summary").innerHTML = reply.html;
  $("mode").replaceChildren(new Option("all", ""), ...reply.modes.map(([value, name]) => new Option(name, value)));
  $("evaluator").replaceChildren(new Option("all that count", ""), ...reply.evaluators.map(([value, name]) => new Option(name, value)));
  for (const name of ["mode", "evaluator", "text"]) $(name).value = address.get(name) ?? "";
  succeed(reply.n_cases ? reply.quality[0].toUpperCase() + reply.quality.slice(1) + "." : "No split was evaluated under both versions: choose others.");
}

/** Show the list that the filters leave, and a case of it: the named one if it is there, else the first. */
async function list(wanted) {
  const reply = await begin((from, n) => ask("api/cases?" + asked({ start: from, n, case: from ? "" : wanted ?? "" })));
  if (!reply) return;
  counts = reply.counts;
  showOutcomes();
  $("n-found").textContent = reply.n ? count(reply.n, "case") : "No case is like that.";
  if (reply.n) await choose(reply.place ?? 0);
  else { $("case").replaceChildren(); shown = trace = null; }
}

function showOutcomes() {
  const chosen = address.get("outcome") ?? "";
  $("outcomes").replaceChildren(...Object.entries(counts).map(([outcome, n], i) => make("button",
    { type: "button", class: `quiet outcome ${outcome.replaceAll(" ", "-")}`, "aria-pressed": String(outcome === chosen), onclick: () => attempt(() => only(outcome)) },
    `${n.toLocaleString("en")} ${outcome} `, make("kbd", {}, String(i + 1)))));
}

function filter(values) { remember({ ...values, case: "" }); return list(); }
const only = (outcome) => filter({ outcome: outcome === address.get("outcome") ? "" : outcome });

onChoose((row) => {
  const load = ++loads;
  remember({ case: row[0] });
  setTimeout(() => { if (load === loads) attempt(() => show(row[0], load)); }, shown ? 40 : 0);  // a key that is held down
});

const cases = new Map();  // {address of a case: what the server answers}, the last few
function fetchCase(id) {
  const path = "api/case?" + asked({ case: id });
  if (!cases.has(path)) cases.set(path, ask(path).catch((error) => { cases.delete(path); throw error; }));
  if (cases.size > 20) cases.delete(cases.keys().next().value);
  return cases.get(path);
}

async function show(id, load) {
  const reply = await fetchCase(id);
  if (load !== loads) return;
  if (following()) fetchCase(following()[0]).catch(() => {});
  shown = id;
  [trace, toLabel] = [reply.trace_id, reply.to_label];
  $("case").innerHTML = reply.html;
  $("case").scrollTop = 0;
  const link = reply.to_label ? make("a", { href: labelling(), id: "label" }, "Label the production trace ", make("kbd", {}, "l"))
    : trace ? make("a", { href: labelling(), id: "label" }, "Look at the production trace ", make("kbd", {}, "l"))
    : make("span", { class: "hint" }, "It was not made from a production trace.");
  $("case").querySelector("header")?.append(make("p", {}, link));
}

const labelling = () => (toLabel ? "../label/?trace=" : "../traces/#") + encodeURIComponent(trace);
function label() {
  if (!trace) throw new Error("This case was not made from a production trace.");
  location.assign(labelling());
}

function move(by) { $("list").focus({ preventScroll: true }); return choose(place() + by); }
const numbered = Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [String(n), () => Object.keys(counts)[n - 1] && only(Object.keys(counts)[n - 1])]));
const clear = () => { for (const name of ["mode", "evaluator", "text"]) $(name).value = ""; return filter({ mode: "", outcome: "", evaluator: "", text: "" }); };
listen({
  ...numbered, j: () => move(1), k: () => move(-1), m: () => $("mode").focus(), e: () => $("evaluator").focus(), "/": () => $("text").select(), c: clear, l: label,
  Enter: () => { if (current()) $("case").focus(); }, Escape: () => $("list").focus(),
});
$("list").addEventListener("keydown", (event) => {
  const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
  if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  attempt(() => choose(by === Infinity ? Number.MAX_SAFE_INTEGER : by === -Infinity ? 0 : place() + by));
});
for (const name of ["mode", "evaluator"]) $(name).addEventListener("change", () => { $(name).blur(); attempt(() => filter({ [name]: $(name).value })); });
for (const name of ["before", "after"]) $(name).addEventListener("change", () => { $(name).blur(); remember({ [name]: $(name).value }); attempt(start); });
let typed = 0;
$("text").addEventListener("input", () => {
  const mine = ++typed;
  setTimeout(() => { if (mine === typed && ($("text").value.trim() !== (address.get("text") ?? ""))) attempt(() => filter({ text: $("text").value.trim() })); }, 200);
});
$("clear").addEventListener("click", () => attempt(clear));
$("filters").addEventListener("submit", (event) => event.preventDefault());
attempt(start);
