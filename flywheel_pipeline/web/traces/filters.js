// The filters: fields of a form, facets with their counts, saved views. The address of the page holds them all.
import { $, ask, attempt, make, succeed } from "../assets/shared.js";

const NAMES = { feedback: "Feedback", verdict: "Verdict", mode: "Failure mode", error: "Ended in an error", case: "Golden case",
  evaluator: "Evaluator's label", app: "App", model: "Model", prompt: "Prompt version", language: "Language (tag)" };
const READABLE = { "(none)": "none", happy_path: "happy path" };
let changed = () => {}, asked = 0, drawn = false;  // until the counts are drawn, the facets are in the address only

/** Return the filters in the page's address. */
export const query = () => new URLSearchParams(location.search);

function fields() {
  const pairs = new URLSearchParams();
  for (const [name, value] of new FormData($("trace-filters"))) if ((drawn || !(name in NAMES)) && String(value).trim()) pairs.append(name, String(value).trim());
  if (!drawn) for (const [name, value] of query()) if (name in NAMES) pairs.append(name, value);
  return pairs;
}

/** The address has changed: what the facets show is out of date. */
export function forget() { drawn = false; }

/** Show what the address says in the form; facets are drawn when their counts arrive. */
export function read() {
  const params = query();
  for (const field of $("trace-filters").elements) {
    if (!field.name || field.closest("#facets")) continue;
    if (field.type === "checkbox") field.checked = params.getAll(field.name).includes(field.value);
    else field.value = params.get(field.name) ?? "";
  }
}

function apply() {
  const before = query(), next = fields();
  if (next.toString() === before.toString()) return;
  show(next.toString());
}

export function go(search) {
  forget();
  show(search);
}

function show(search) {
  history.pushState(null, "", location.pathname + (search ? "?" + search : ""));
  read();
  changed();
}

/** Ask for the counts and show them. */
export async function count() {
  const at = ++asked, reply = await ask("api/facets?" + query());
  if (at !== asked) return null;
  $("histogram").innerHTML = reply.histogram;  // escaped by the server
  const params = query(), focused = document.activeElement?.closest("#facets input");
  $("facets").replaceChildren(...Object.entries(NAMES).map(([name, title]) => facet(name, title, reply.values[name] ?? [], params.getAll(name))));
  drawn = true;
  if (focused) [...$("facets").querySelectorAll("input")].find((i) => i.name === focused.name && i.value === focused.value)?.focus();
  return reply.n;
}

function facet(name, title, values, chosen) {
  const isTrivial = values.length < 2 && !chosen.length && values.every(([value]) => value === "(none)" || value === "no");
  return make("fieldset", { class: "checks", hidden: !values.length || isTrivial }, make("legend", {}, title), ...values.map(([value, shown, n]) =>
    make("label", {}, make("input", { type: "checkbox", name, value, checked: chosen.includes(value) }),
      " ", make("span", { dir: "auto" }, READABLE[shown] ?? shown), " ", make("span", { class: "n" }, n.toLocaleString("en")))));
}

export function showViews(views) {
  $("views").replaceChildren(...Object.entries(views).map(([name, search]) => make("li", {},
    make("a", { href: "?" + search, dir: "auto", onclick: (event) => { event.preventDefault(); go(search); } }, name), " ",
    make("button", { type: "button", class: "quiet", "aria-label": `Delete the view ${name}`, onclick: () => attempt(() => saveView(name, "")) }, "Delete"))));
}

async function saveView(name, search) {
  showViews((await ask("api/view", { name, query: search })).views);
  succeed(search ? `Saved the view “${name}”.` : `Deleted the view “${name}”.`);
}

export function start(onChange) {
  changed = onChange;
  $("trace-filters").addEventListener("change", apply);
  $("trace-filters").addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  $("clear-filters").addEventListener("click", () => go(""));
  $("save-view").addEventListener("click", () => attempt(async () => {
    if (!query().toString()) throw new Error("Set filters first: a view is a name for filters.");
    await saveView($("view-name").value.trim(), query().toString());
    $("view-name").value = "";
  }));
  $("histogram").addEventListener("click", (event) => {
    const day = event.target.dataset?.day;
    if (day) { $("since").value = day; $("until").value = day; apply(); }
  });
  if (matchMedia("(max-width: 60rem)").matches) $("more-filters").open = false;
  read();
}
