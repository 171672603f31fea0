// Which version is looked at, and beside which, is in the address.
import { $, ask, attempt, listen, make, stored, succeed } from "../assets/shared.js";

const address = new URLSearchParams(location.search);
let state = { versions: [] }, mayShip = false, toRead = false, pending = null;

function remember(values) {
  for (const [name, value] of Object.entries(values)) if (value) address.set(name, value); else address.delete(name);
  history.replaceState(null, "", address.size ? `?${address}` : location.pathname);
}

async function take(reply) {
  state = reply;
  $("overview").innerHTML = reply.html;
  $("turns").innerHTML = reply.turns;
  for (const button of $("overview").querySelectorAll("button[data-version]")) {
    button.addEventListener("click", () => attempt(() => choose(button.dataset.version)));
  }
  for (const name of ["version", "against"]) $(name).replaceChildren(...reply.versions.map(([value, text]) => new Option(text, value)));
  const known = reply.versions.map(([version]) => version);
  if (!known.length) { $("detail").replaceChildren(); succeed(""); return; }
  const wanted = address.get("version");
  await choose(known.includes(wanted) ? wanted : known[0]);
  succeed("");
}

async function choose(version) {
  const known = state.versions.map(([name]) => name), against = address.get("against");
  remember({ version, against: known.includes(against) ? against : state.production ?? version });
  $("version").value = version;
  $("against").value = address.get("against");
  for (const button of $("overview").querySelectorAll("button[data-version]")) {
    button.setAttribute("aria-pressed", String(button.dataset.version === version));
  }
  const reply = await ask("api/version?" + new URLSearchParams({ version, against: address.get("against") }));
  if (version !== address.get("version")) return;
  $("detail").innerHTML = reply.html;
  mayShip = reply.may_ship;
  const actions = [];
  if (mayShip) actions.push(make("button", { type: "button", onclick: promote }, "Promote to production ", make("kbd", {}, "p")));
  if (version === state.production && state.previous) actions.push(make("button", { type: "button", class: "quiet", onclick: rollBack }, "Roll back ", make("kbd", {}, "r")));
  if (reply.to_read) actions.push(make("button", { type: "button", onclick: read }, "I have read it ", make("kbd", {}, "y")));
  toRead = reply.to_read;
  $("actions").replaceChildren(...actions);
}

const step = (by) => {
  const known = state.versions.map(([name]) => name), at = known.indexOf(address.get("version"));
  const next = known[Math.min(known.length - 1, Math.max(0, at + by))];
  return next && choose(next);
};

function ready(what, title, button) {
  pending = what;
  $("move-title").textContent = title;
  $("confirm").textContent = button;
  $("by").value = stored.get("annotator") ?? stored.get("name") ?? "";
  $("move").showModal();
}
const promote = () => mayShip && ready({ what: "promote", version: address.get("version") }, `Put ${address.get("version")} into production?`, "Promote");
const read = () => toRead && ready({ what: "read", version: address.get("version") }, "Have you read it, and may it ship if the gate lets it?", "Yes");
const rollBack = () => state.previous && ready({ what: "roll back" }, `Restore ${state.previous}, the production prompt before this one?`, "Roll back");

$("move-form").addEventListener("submit", () => attempt(async () => {
  stored.set("name", $("by").value);
  const sent = { ...pending, by: $("by").value, message: $("message").value, seen: state.seen };
  await take(await ask("api/act", sent));
  if (pending.what === "read") { succeed("Noted. The gate decides again with `flywheel gate decide`, or in the next run."); return; }
  succeed(pending.what === "promote" ? `${sent.version} is in production now.` : `${state.production} is in production again.`);
}));
$("cancel").addEventListener("click", () => $("move").close());
$("version").addEventListener("change", () => attempt(() => choose($("version").value)));
$("against").addEventListener("change", () => attempt(() => { remember({ against: $("against").value }); return choose($("version").value); }));
listen({ j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1), p: promote, r: rollBack, y: read });
attempt(async () => take(await ask("api/overview")));
