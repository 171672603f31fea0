// Half-written labels. Every keystroke is kept in this browser at once, and on the server a moment later; what the
// server has acknowledged leaves the browser again. So neither a reload nor a crash of either loses a text.
import { $, ask, stored } from "../assets/shared.js";

const WAIT = 400;
let who = () => "", changed = () => {};
const latest = new Map();   // {key: fields, or null where there are none}, as far as this tab knows better than the server
const timers = new Map(), sending = new Map();

const place = (key) => `draft ${who()} ${key}`;
const isEmpty = (fields) => !Object.values(fields).some((value) => value !== "" && value != null);

export function start(annotator, onChange) { who = annotator; changed = onChange; }

/** Return the draft of an item: this browser's, which the server has not seen yet, or else the server's. */
export function draftOf(key, fromServer) {
  const own = stored.get(place(key));
  if (own) {
    const fields = JSON.parse(own);
    soon(key, fields);
    return isEmpty(fields) ? null : fields;
  }
  return latest.has(key) ? latest.get(key) : fromServer;
}

export function keep(key, fields) {
  const draft = isEmpty(fields) ? null : fields;
  latest.set(key, draft);
  stored.set(place(key), JSON.stringify(fields));
  changed(key, Boolean(draft));
  soon(key, fields);
}

/** Wait until nothing of an item's draft is on its way, so that its label comes after it. */
export async function settle(key) {
  clearTimeout(timers.get(key));
  timers.delete(key);
  await sending.get(key);
}

/** Forget the draft of an item that has become a label; the server did so when it kept the label. */
export function discard(key) {
  latest.set(key, null);
  stored.set(place(key), null);
  changed(key, false);
  $("draft").textContent = "";
}

/** Take over what the server made a draft. */
export function restore(key) { latest.delete(key); stored.set(place(key), null); changed(key, true); }

function soon(key, fields) {
  clearTimeout(timers.get(key));
  timers.set(key, setTimeout(() => send(key, fields), WAIT));
}

function send(key, fields, more) {
  clearTimeout(timers.get(key));
  timers.delete(key);
  sending.set(key, (sending.get(key) ?? Promise.resolve()).then(() => deliver(key, fields, more)));
}

async function deliver(key, fields, more) {
  const sent = JSON.stringify(fields);
  try {
    const { kept } = await ask("api/draft?annotator=" + encodeURIComponent(who()), { key, ...fields }, more);
    if (stored.get(place(key)) === sent) stored.set(place(key), null);
    if (!timers.has(key)) $("draft").textContent = kept ? "Draft kept." : "";
  } catch { $("draft").textContent = "Draft kept in this browser only: the server did not take it."; }
}

/** Send everything that waits. */
export function flush(more) {
  for (const key of [...timers.keys()]) send(key, latest.get(key) ?? {}, more);
}
addEventListener("pagehide", () => flush({ keepalive: true }));  // what is too long for it stays in this browser
