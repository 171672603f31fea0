// Half-written labels. Every keystroke is kept in this browser at once, and on the server a moment later; what the
// server has acknowledged leaves the browser again. So neither a reload nor a crash of either loses a text.
import { $, ask, stored } from "../assets/shared.js";

const WAIT = 400;
let who = () => "", changed = () => {};
// All by annotator and item: the fields as far as this tab knows better than the server (null: there are none), what
// waits to be sent, and what is on its way.
const latest = new Map(), waiting = new Map(), sending = new Map();

const place = (annotator, key) => `draft ${annotator} ${key}`;
const isEmpty = (fields) => !Object.values(fields).some((value) => value !== "" && value != null);

export function start(annotator, onChange) { who = annotator; changed = onChange; }

/** Return the draft of an item: this browser's, which the server has not seen yet, or else the server's. */
export function draftOf(key, fromServer) {
  const id = place(who(), key), own = stored.get(id);
  if (own) {
    const fields = JSON.parse(own);
    later(id, who(), key, fields);
    return isEmpty(fields) ? null : fields;
  }
  return latest.has(id) ? latest.get(id) : fromServer;
}

export function keep(key, fields) {
  const annotator = who(), id = place(annotator, key), draft = isEmpty(fields) ? null : fields;
  latest.set(id, draft);
  stored.set(id, JSON.stringify(fields));
  changed(key, Boolean(draft));
  later(id, annotator, key, fields);
}

/** Wait until nothing of an item's draft is on its way, so that its label comes after it. */
export async function settle(key) {
  const id = place(who(), key);
  clearTimeout(waiting.get(id)?.timer);
  waiting.delete(id);
  await sending.get(id);
}

/** Forget the draft of an item that has become a label; the server did so when it kept the label. */
export function discard(key) {
  const id = place(who(), key);
  latest.set(id, null);
  stored.set(id, null);
  changed(key, false);
  $("draft").textContent = "";
}

/** Take over what the server made a draft. */
export function restore(key) {
  latest.delete(place(who(), key));
  stored.set(place(who(), key), null);
}

function later(id, annotator, key, fields) {
  clearTimeout(waiting.get(id)?.timer);
  waiting.set(id, { annotator, key, fields, timer: setTimeout(() => send(id), WAIT) });
}

function send(id, more) {
  const { annotator, key, fields, timer } = waiting.get(id);
  clearTimeout(timer);
  waiting.delete(id);
  sending.set(id, (sending.get(id) ?? Promise.resolve()).then(() => deliver(id, annotator, { key, ...fields }, JSON.stringify(fields), more)));
}

async function deliver(id, annotator, sent, kept, more) {
  try {
    const reply = await ask("api/draft?annotator=" + encodeURIComponent(annotator), sent, more);
    if (stored.get(id) === kept) stored.set(id, null);
    if (!waiting.has(id)) $("draft").textContent = reply.kept ? "Draft kept." : "";
  } catch { $("draft").textContent = "Draft kept in this browser only: the server did not take it."; }
}

/** Send everything that waits. */
export function flush(more) { for (const id of [...waiting.keys()]) send(id, more); }

addEventListener("pagehide", () => flush({ keepalive: true }));  // what is too long for it stays in this browser
document.addEventListener("visibilitychange", () => { if (document.hidden) flush(); });
