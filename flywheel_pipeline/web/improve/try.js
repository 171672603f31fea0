// The text is kept in this browser until it is the production prompt again, so that a reload loses nothing.
import { $, ask, attempt, count, listen, make, stored, succeed } from "../assets/shared.js";

const address = new URLSearchParams(location.search), version = address.get("version") ?? "";
const DRAFT = `try:${version}`;
let production = "";

async function start() {
  const reply = await ask("api/start?" + new URLSearchParams({ version }));
  production = reply.text;
  $("text").value = stored.get(DRAFT) ?? reply.text;
  $("version").textContent = version ? `beginning with ${version}` : "beginning with the one in production";
  $("mode").replaceChildren(...reply.modes.map(([id, name, n]) => new Option(`${name} (${count(n, "case")})`, id)));
  const wanted = address.get("mode");
  if (reply.modes.some(([id]) => id === wanted)) $("mode").value = wanted;
  $("models").replaceChildren(...reply.models.map((model) => make("option", { value: model })));
  $("model").placeholder = reply.model;
  $("run").disabled = !reply.modes.length;
  succeed(reply.modes.length ? "" : "No failure mode has a case of the train or dev split yet: label failures, then run the flywheel.");
}

async function run() {
  $("run").disabled = true;
  succeed("Asking …");
  try {
    const sent = { mode: $("mode").value, text: $("text").value, model: $("model").value.trim(), n: Number($("n").value) };
    const reply = await ask("api/run", sent);
    $("tried").innerHTML = reply.html;
    succeed(`${count(reply.n, "case")} tried.`);
    $("tried").focus();
  } finally { $("run").disabled = false; }
}

$("text").addEventListener("input", () => stored.set(DRAFT, $("text").value === production ? null : $("text").value));
$("form").addEventListener("submit", (event) => { event.preventDefault(); attempt(run); });
$("form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); if (!$("run").disabled) $("form").requestSubmit(); }
});
listen({ e: () => $("text").focus(), m: () => $("mode").focus() });
attempt(start);
