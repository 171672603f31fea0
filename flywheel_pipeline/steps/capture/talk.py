"""Which conversation a trace of spans is: whose words its input and output are.

The generations of the main agent hold it, not those of its tools and sub-agents, however long. The input and output of
the root win where they are words; where they wrap a conversation (an agent's state, arguments, a request), what is
inside. Where the root says nothing, the step nearest to it that does speaks for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.steps.capture.messages import loads, of_python, text_said, to_messages
from flywheel_pipeline.steps.capture.spans import Span, ancestors
from flywheel_pipeline.steps.capture.turns import last_turn, question_in

Messages = list[dict[str, Any]]
_BELOW = ("tool", "agent", "evaluator", "retriever")
"""Steps whose generations are not those of the main agent."""
_NO_WORDS = ("llm", "tool", "retriever", "embedding", "evaluator")
"""Steps whose input and output are not what user and app said."""
_PRINTED = ("content='", 'content="', "{'", "[{'")
_OBJECT = re.compile(r"<[\w.]+ object at 0x[0-9a-f]+>")


@dataclass(frozen=True)
class Talk:
    """The conversation of a trace, the question and the answer in it, and the model that answered."""

    messages: Messages
    asked: str
    answered: str | None
    model: str | None


def root_of(spans: Sequence[Span]) -> Span:
    """Return the step that stands for the whole: without a parent, or whose parent is missing; the first of many.

    Where parents form a cycle, and no step has none, it is the earliest one.
    """
    ids = {s.span_id for s in spans}
    tops = [s for s in spans if not s.parent_id or s.parent_id not in ids]
    whole = [s for s in tops if s.kind == "trace"]
    said = [s for s in tops if s.input or s.output or s.messages or s.reply]
    return (whole or said or tops or list(spans))[0]


def main_talk(root: Span, spans: Sequence[Span]) -> Talk:
    """Return the conversation of a trace, as the module says."""
    first = _main(root, spans, None, None)
    asked, answer = _voice(root, spans, first, "input"), _voice(root, spans, first, "output")
    question, final = _text_of(asked, "user"), _text_of(answer, "assistant")
    main = _main(root, spans, question, final)
    messages = _with_tools(spans, _fullest(asked, answer, [*main.messages, *main.reply] if main else [], root))
    said, reply = last_turn(messages, text_said)
    final = _final(final, answer, reply)
    if final is not None and not _answers(messages, final):
        messages = [*messages, {"role": "assistant", "content": final}]
    models = [s.model for s in [*_generations(spans), *([main] if main else [])] if s.model]
    asked_last = question_in(question) if question else said
    return Talk(messages, asked_last, reply if final is None else final, models[-1] if models else None)


def _fullest(asked: Messages, answer: Messages, held: Messages, root: Span) -> Messages:
    """Return the conversation that a generation held, or that of the step in front where it has more of it."""
    whole = answer if any(m["role"] == "user" for m in answer) else [*asked, *answer]
    has_user = any(m["role"] == "user" for m in held)
    if any(m["role"] == "user" for m in whole) and (len(whole) > len(held) if has_user else not held):
        return _in_order([*(m for m in held if m["role"] == "system" and m not in whole), *whole])
    system = [m for m in [*held, *asked] if m["role"] == "system"]
    rest = [m for m in held if m["role"] != "system"]
    if has_user:
        return _in_order(held if any(m["role"] == "system" for m in held) else [*system, *held])
    return [*system, *([m for m in asked if m["role"] != "system"] or _asked(root)), *rest]


def _voice(root: Span, spans: Sequence[Span], main: Span | None, side: str) -> Messages:
    """Return the words of the step that speaks for the trace: the root, or where it says nothing the nearest below it.

    Below the root it must be in front of the main generation, if there is one. A root that is a generation has its
    words in its messages.
    """
    role = "user" if side == "input" else "assistant"
    if root.kind == "llm" and (root.messages or root.reply):
        return []
    if getattr(root, side):
        return _words(getattr(root, side), role)
    above = {s.span_id: s.parent_id for s in spans}
    in_front = set(ancestors(main.span_id, above)) if main else set(above)
    steps = [s for s in spans if s.span_id in in_front and s.kind not in _NO_WORDS and getattr(s, side)]
    nearest = sorted(steps, key=lambda s: len(list(ancestors(s.span_id, above))))
    return next((words for s in nearest if (words := _words(getattr(s, side), role))), [])


def _words(value: str | None, role: str) -> Messages:
    """Return the conversation in an input or output; none where it is an object of which nobody said a word."""
    found = to_messages(of_python(value), role)
    is_whole = len(found) == 1 and isinstance(loads(value), dict) and isinstance(loads(found[0]["content"]), dict)
    is_object = isinstance(value, str) and value[:1] == "{" and is_whole and found[0]["role"] == role
    return [] if (is_object and role == "user") or _is_repr(found) else found


def _is_repr(found: Messages) -> bool:
    """Return whether a text is how Python prints objects, which nobody says."""
    text = found[0]["content"].lstrip() if len(found) == 1 else ""
    return text.startswith(_PRINTED) or "Message(content=" in text or _OBJECT.match(text) is not None


def _text_of(messages: Messages, role: str) -> str | None:
    return next((t for m in reversed(messages) if m["role"] == role and (t := text_said(m)).strip()), None)


def _asked(root: Span) -> Messages:
    """Return what the root was asked; where it names no role it was the user."""
    asked = to_messages(root.input, "user")
    return asked if any(m["role"] == "user" for m in asked) else [{**m, "role": "user"} for m in asked]


def _final(final: str | None, answer: Messages, reply: str | None) -> str | None:
    """Return the answer that the step in front gave, None where the generation's counts.

    A state that ends with a turn of the user has no answer; an object without words is none beside a reply.
    """
    if final is None or (answer and answer[-1]["role"] == "user"):
        return None
    value = loads(final)
    return None if isinstance(value, dict | list) and reply and " " not in _strings(value) else final


def _strings(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(_strings(v) for v in value.values())
    if isinstance(value, list):
        return "\n".join(map(_strings, value))
    return value if isinstance(value, str) else ""


def _generations(spans: Sequence[Span]) -> list[Span]:
    found = [s for s in spans if s.kind == "llm"]
    return found or [s for s in spans if s.messages or s.reply]


def _main(root: Span, spans: Sequence[Span], question: str | None, final: str | None) -> Span | None:
    """Return the generation that holds the conversation of the main agent.

    Of those in the fewest tools and agents below the root: what gave the answer or was asked the question, then the
    one with the most messages, then the last, which saw most.
    """
    held = [s for s in _generations(spans) if s.messages or s.reply]
    held = held or [s for s in spans if s.kind not in _NO_WORDS and (s.messages or s.reply)]  # kept at the agent only
    by_id, above = {s.span_id: s for s in spans}, {s.span_id: s.parent_id for s in spans}

    def level(span: Span) -> int:
        within = [by_id[i] for i in ancestors(span.span_id, above) if i in by_id and i != root.span_id]
        return sum(s.kind in _BELOW for s in within)

    def rank(span: Span) -> tuple[bool, bool, int]:
        reply = _text_of(span.reply, "assistant")
        answers = bool(final and reply and (reply.strip() in final or final.strip() in reply))
        asked = [text_said(m) for m in span.messages if m["role"] == "user"]
        return (
            answers,
            bool(question and any(question.strip() in a for a in asked)),
            len(span.messages) + len(span.reply),
        )

    levels = {s.span_id: level(s) for s in held}
    speaking = [s for s in held if any(m["role"] == "user" for m in s.messages)] or held
    if not speaking:
        return None
    least = min(levels[s.span_id] for s in speaking)
    agents = [s for s in speaking if levels[s.span_id] == least]
    return max(reversed(agents), key=rank)


def _in_order(messages: Messages) -> Messages:
    """Return the messages with the system prompt first, where only the answer names it (Responses API)."""
    first = next((n for n, m in enumerate(messages) if m["role"] == "system"), 0)
    return [messages[first], *messages[:first], *messages[first + 1 :]] if first else messages


def _with_tools(spans: Sequence[Span], messages: Messages) -> Messages:
    """Return the conversation with the tool steps that none of its messages mentions, before the answer."""
    made = _uncalled(spans, messages)
    answered = bool(messages) and messages[-1]["role"] == "assistant" and not messages[-1].get("tool_calls")
    return [*messages[:-1], *made, messages[-1]] if answered else [*messages, *made]


def _answers(messages: Messages, text: str) -> bool:
    """Return whether the conversation already ends with `text`, or with more or less of it."""
    said = next((m["content"] for m in reversed(messages) if m["role"] == "assistant" and m.get("content")), "")
    return bool(said) and (said.strip() in text or text.strip() in said or loads(said) == loads(text))


def _uncalled(spans: Sequence[Span], messages: Messages) -> Messages:
    """Return the tool steps that no message mentions, as calls with their results."""
    named = {str(c.get("function", {}).get("name")) for m in messages for c in m.get("tool_calls") or ()}
    made: Messages = []
    for span in spans:
        if span.kind == "tool" and span.name and not any(n and (n in span.name or span.name in n) for n in named):
            function = {"name": span.name, "arguments": span.input or ""}
            call = {"id": span.span_id, "type": "function", "function": function}
            made.append({"role": "assistant", "content": "", "tool_calls": [call]})
            made.append({"role": "tool", "tool_call_id": span.span_id, "name": span.name, "content": span.output or ""})
    return made
