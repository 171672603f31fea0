// A list of any length: only the rows in sight are elements, and they are asked for in parts.
import { $, make } from "../assets/shared.js";

const HEIGHT = 60, PART = 100, BEYOND = 8;  // pixels of a row, rows of a part, rows kept on either side of what is in sight
let n = 0, at = -1, parts = new Map(), load = null, generation = 0, chosen = () => {};
const list = $("list"), space = make("div", { role: "presentation", class: "space" });
list.append(space);

export function onChoose(work) { chosen = work; }
export const place = () => at;
const rowAt = (i) => parts.get(Math.floor(i / PART))?.rows?.[i % PART];
export const current = () => rowAt(at);
export const following = () => rowAt(at + 1);

/** Begin a new list; `fetchPart(start, n)` answers rows. The first part is there when this returns. */
export async function begin(fetchPart) {
  const mine = ++generation, first = await fetchPart(0, PART);
  if (mine !== generation) return null;
  load = fetchPart;
  parts = new Map([[0, { rows: first.rows }]]);
  n = first.n;
  at = -1;
  list.scrollTop = 0;
  space.style.height = `${n * HEIGHT}px`;
  space.replaceChildren();
  draw();
  return first;
}

function need(part) {
  if (part < 0 || part * PART >= n || parts.has(part)) return parts.get(part)?.promise;
  const mine = generation, entry = { rows: null };
  parts.set(part, entry);
  entry.promise = load(part * PART, PART).then((reply) => {
    if (mine !== generation) return;
    entry.rows = reply.rows;
    draw();
  }).catch(() => { if (mine === generation) parts.delete(part); });
  return entry.promise;
}

/** Draw the rows in sight; a row whose part is not there yet is drawn when it is. */
export function draw() {
  const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - BEYOND);
  const last = Math.min(n - 1, Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + BEYOND);
  const there = new Map([...space.children].map((row) => [Number(row.dataset.at), row]));
  for (const [i, row] of there) if (i < first || i > last || ("waits" in row.dataset && rowAt(i))) { row.remove(); there.delete(i); }
  for (let i = first; i <= last; i++) if (!there.has(i)) space.append(element(i, rowAt(i)));
  for (const row of space.children) row.setAttribute("aria-selected", String(Number(row.dataset.at) === at));
  if (at >= 0 && $(`case-${at}`)) list.setAttribute("aria-activedescendant", `case-${at}`);
  else list.removeAttribute("aria-activedescendant");
  for (const part of [Math.floor(first / PART), Math.floor(last / PART), Math.floor(last / PART) + 1]) need(part);
}

function element(i, row) {
  const [id, outcome, by, question, approved] = row ?? ["", "", "", "…", false];
  const made = make("div", { role: "option", id: `case-${i}`, class: "row-of-list", "data-at": i, "data-waits": !row, "aria-posinset": i + 1, "aria-setsize": n, "aria-selected": "false" },
    make("span", { class: `outcome ${outcome.replace(" ", "-")}` }, outcome),
    make("span", { class: "question", dir: "auto" }, question || id),
    make("span", { class: "by", dir: "auto" }, [id, approved ? "approved" : "", by].filter(Boolean).join(" · ")));
  made.style.top = `${i * HEIGHT}px`;
  return made;
}

/** Choose the case at a place, bring it into sight, and say so when its row is there. */
export async function choose(i) {
  if (!n) return;
  at = Math.max(0, Math.min(i, n - 1));
  const top = at * HEIGHT, mine = generation;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
  draw();
  const asked = at;
  if (!current()) await need(Math.floor(at / PART));
  if (mine === generation && asked === at && current()) chosen(current());
}

let waiting = false;
list.addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
});
list.addEventListener("click", (event) => {
  const row = event.target.closest(".row-of-list");
  if (row) choose(Number(row.dataset.at));
});
addEventListener("resize", draw);
