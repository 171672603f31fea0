// What all pages need: elements, requests, and messages on how a request went.
export const $ = (id) => document.getElementById(id);

/** Make an element; all content is set as text, so that nothing in it can become markup. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** Return "1 tool call", "2 tool calls". */
export const count = (n, noun, plural = noun + "s") => `${n.toLocaleString("en")} ${n === 1 ? noun : plural}`;

/** Return the JSON that a request answers; an error carries the server's own words. */
export async function ask(path, sent, more = {}) {
  const options = sent ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent), ...more } : {};
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("The server cannot be reached. Nothing is lost: try again."); }
  const reply = await answer.json().catch(() => ({ error: `The server answered ${answer.status}.` }));
  if (!answer.ok) throw Object.assign(new Error(reply.error), { status: answer.status });
  return reply;
}

export function succeed(text) { $("error").textContent = ""; $("status").textContent = text; }
export function fail(error) { $("status").textContent = ""; $("error").textContent = error.message; }

/** Do some work; what goes wrong is shown. */
export async function attempt(work) {
  try { $("error").textContent = ""; await work(); } catch (error) { fail(error); }
}

/** Read or write a setting of this browser, where it allows that. */
export const stored = {
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { if (value == null) localStorage.removeItem(name); else localStorage.setItem(name, value); } catch { /* full, or not allowed */ } },
};

export const isTyping = (target) => /^(TEXTAREA|SELECT)$/.test(target.tagName) || (target.tagName === "INPUT" && target.type !== "checkbox");

/** Run a page's shortcuts: {key: what it does}; keys are left alone in fields, in dialogs and with modifiers.
 * A letter that is held down counts once. */
export function listen(keys) {
  keys["?"] = () => $("help").showModal();
  $("help-button").addEventListener("click", keys["?"]);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented) return;
    if (event.key === "Escape" && isTyping(event.target) && !event.target.closest("dialog")) { event.target.blur(); return; }
    if (isTyping(event.target) || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    if (event.repeat && /^[a-z]$/i.test(event.key) && !/^[jk]$/.test(event.key)) return;
    attempt(async () => keys[event.key](event));
  });
}
