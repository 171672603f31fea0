"""Personal data and secrets -> typed placeholders, before anything is stored.

Within a trace a value has one placeholder wherever it stands (`<EMAIL_1>`), so that texts can still be read and
clustered; in the session id it is a salted hash (`<EMAIL_1f3a9c2b>`), so that traces of a session still join.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from typing import Any

import orjson

from flywheel_pipeline.ports import Match
from flywheel_pipeline.records import CapturedTrace, Feedback
from flywheel_pipeline.steps.capture.formats.common import as_json
from flywheel_pipeline.steps.capture.redact.patterns import FINDERS
from flywheel_pipeline.steps.capture.redact.screen import screening
from flywheel_pipeline.steps.capture.redact.secrets import may_hold_secret

__all__ = ["KINDS", "Redactor"]

KINDS = ("secret", "email", "iban", "card", "ip", "phone")
"""What is looked for, in this order: where two overlap, the first counts."""

_TEXTS = ("input", "output", "messages", "retrieved", "error", "tags", "spans")
"""The columns that are redacted, in the order that numbers the placeholders."""
N_DERIVED = 2
"""The first of them are parts of `messages`: they hold nothing where it holds nothing."""
_JSON = {"messages", "retrieved", "tags", "spans"}
_KEPT = {"trace_id", "span_id", "parent_id", "started_at", "ended_at", "tool_call_id", "role", "kind", "type"}
"""Keys whose values are ids, times and words of ours, where they look like it."""
_KEPT_OF_CALLS = {*_KEPT, "id"}
"""A call of a tool is joined to its result by its id."""
_ID = re.compile(r"[A-Za-z0-9_:.+\-]{0,64}")

_DIGITS = bytes.maketrans(b"0123456789", b"0" * 10)
_HEX = b"0123456789abcdefABCDEF"
_HEX_DIGITS = bytes.maketrans(_HEX, b"0" * len(_HEX))
MIN_DIGITS = b"0" * 9
"""The fewest digits, separators aside, of a telephone number, a card or an IBAN."""
MAX_DEPTH = 200
_LONGEST_WORD = 20
"""Letters alone, fewer than these, are none of the kinds."""
_SHORT = 40
_ROUTINE = re.compile(
    r'"(?:[a-z]+_tokens|trace_id|span_id|parent_id|tool_call_id|started_at|ended_at)":(?:"[A-Za-z0-9_:.+\-]{0,64}"|\d+)'
    r'|"id":"[A-Za-z0-9_:.+\-]{0,64}","type":"function"'
)
"""Keys of every span that are not redacted although their values look like a secret or a number."""


class Redactor:
    """Replaces what `kinds` name; `salt` makes the hashes of this home its own."""

    def __init__(self, kinds: Sequence[str] = KINDS, salt: str = "") -> None:
        self.kinds = [k for k in KINDS if k in kinds]
        self.salt = salt.encode()
        self.screening = screening(self.kinds)

    def redact(self, trace: CapturedTrace) -> tuple[CapturedTrace, dict[str, int]]:
        """Return the trace without them, and how many different values of each kind it held."""
        values = [getattr(trace, name) or "" for name in _TEXTS]
        kinds = self.suspects(_looked_through(trace), self.kinds)
        if not kinds:
            return trace, {}
        pass_ = _Pass(self, kinds)
        changed: dict[str, Any] = {}
        for name, value in zip(_TEXTS, values, strict=True):
            if value:
                changed[name] = pass_.json(value) if name in _JSON else pass_.text(value)
        if trace.session_id:
            changed["session_id"] = pass_.id(trace.session_id)
        return (replace(trace, **changed) if pass_.seen else trace), dict(pass_.counts)

    def screen(self, traces: Sequence[CapturedTrace], match: Match) -> list[int]:
        """Return the places of those traces that may hold something; most hold nothing."""
        return match.find(self.screening, list(map(_looked_through, traces)))

    def redact_feedback(self, feedback: Feedback) -> tuple[Feedback, dict[str, int]]:
        """Return the feedback without them, and how many different values of each kind its words held."""
        pass_ = _Pass(self, self.kinds)
        comment, label = (pass_.text(t) if t else None for t in (feedback.comment, feedback.label))
        return replace(feedback, comment=comment, label=label, name=pass_.text(feedback.name)), dict(pass_.counts)

    def redact_text(self, text: str) -> str:
        """Return a text without them."""
        return _Pass(self, self.kinds).text(text)

    def redact_id(self, text: str) -> str:
        """Return an id, such as that of a session, as it is stored: with salted hashes for them."""
        return _Pass(self, self.kinds).id(text)

    def values(self, text: str) -> set[tuple[str, str]]:
        """Return the (kind, value) of all that a text without them would lack."""
        pass_ = _Pass(self, self.kinds)
        pass_.text(text)
        return set(pass_.seen)

    def redact_value(self, value: Any) -> Any:
        """Return JSON values without them; a value has one placeholder throughout."""
        return _Pass(self, self.kinds)._walk(value, 0)

    def suspects(self, text: str, kinds: Sequence[str]) -> list[str]:
        """Return those of `kinds` that a text may hold, from what is cheap to see."""
        if not text or (len(text) < _LONGEST_WORD and text.isalpha()):
            return []
        found = _found_in_short(text) if len(text) < _SHORT else _found_in(text, kinds)
        return [k for k in kinds if k in found] if found else []


_SCREENED = attrgetter(*_TEXTS[N_DERIVED:], "session_id")


def _looked_through(trace: CapturedTrace) -> str:
    text = "\n".join([value or "" for value in _SCREENED(trace)])
    return _ROUTINE.sub("", text) if trace.spans is not None else text


def _has_address(raw: bytes) -> bool:
    """Return whether a text may hold an IPv4 address (digits joined by dots) or an IPv6 one."""
    if b"0.0" in raw.translate(_DIGITS) and b"..." in raw.translate(None, b"0123456789"):
        return True
    return b"::" in raw or (b"0:0" in raw.translate(_HEX_DIGITS) and b":" * 7 in raw.translate(None, _HEX))


def _has_long_number(raw: bytes) -> bool:
    return MIN_DIGITS in raw.translate(_DIGITS, b" ().-/+")


_CHECKS: Sequence[tuple[Callable[[bytes], bool], frozenset[str]]] = (
    (may_hold_secret, frozenset({"secret"})),
    (lambda raw: b"@" in raw, frozenset({"email"})),
    (_has_address, frozenset({"ip"})),
    (_has_long_number, frozenset({"phone", "card", "iban"})),
)


def _found_in(text: str, kinds: Collection[str]) -> set[str]:
    raw = text.encode("utf-8", "replace")
    return {k for check, found in _CHECKS if not found.isdisjoint(kinds) and check(raw) for k in found}


@lru_cache(4096)
def _found_in_short(text: str) -> set[str]:
    """Remember short texts: keys, roles, and names of models and tools come again and again."""
    return _found_in(text, KINDS)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


class _Pass:
    """One trace's placeholders; only `kinds` are looked for."""

    def __init__(self, redactor: Redactor, kinds: Sequence[str]) -> None:
        self.redactor, self.kinds = redactor, kinds
        self.seen: dict[tuple[str, str], int] = {}
        self.counts: Counter[str] = Counter()
        self.done: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Return the text with placeholders; question and answer stand in the conversation, too, and are done once."""
        found = self.done.get(text)
        if found is None:
            found = self.done[text] = self._replaced(text, self._placeholder)
        return found

    def _placeholder(self, kind: str, value: str) -> str:
        return f"<{kind.upper()}_{self._number(kind, value)}>"

    def id(self, text: str) -> str:
        """Return an id in which a salted hash stands for the value."""

        def hashed(kind: str, value: str) -> str:
            self._number(kind, value)
            digest = hashlib.blake2b(value.encode(), key=self.redactor.salt[:64], digest_size=4).hexdigest()
            return f"<{kind.upper()}_{digest}>"

        return self._replaced(text, hashed)

    def json(self, text: str) -> str:
        """Return JSON text whose strings and keys have placeholders."""
        if not self.redactor.suspects(text, self.kinds):
            return text
        try:
            value = orjson.loads(text)
        except ValueError:  # nested beyond what this parser takes
            return self.text(text)
        changed = self._walk(value, 0)
        return text if changed is value else as_json(changed)

    def _number(self, kind: str, value: str) -> int:
        if (kind, value) not in self.seen:
            self.counts[kind] += 1
            self.seen[kind, value] = self.counts[kind]
        return self.seen[kind, value]

    def _walk(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._string(value)
        if depth > MAX_DEPTH:
            return value
        if isinstance(value, list):
            made = [self._walk(v, depth + 1) for v in value]
            return value if all(a is b for a, b in zip(made, value, strict=True)) else made
        if isinstance(value, dict):
            kept = _KEPT_OF_CALLS if "function" in value else _KEPT
            pairs = {
                self._string(k): v if k in kept and _is_id(v) else self._walk(v, depth + 1) for k, v in value.items()
            }
            same = all(k in value and v is value[k] for k, v in pairs.items()) and len(pairs) == len(value)
            return value if same else pairs
        return value

    def _string(self, text: str) -> str:
        """Return a string with placeholders; one that is JSON itself, as arguments of tools are, is gone through."""
        if len(text) < 5:
            return text
        if "\\" in text and text.lstrip()[:1] in ("{", "["):
            return self.json(text)
        return self.text(text)

    def _replaced(self, text: str, placeholder: Any) -> str:
        kinds = self.redactor.suspects(text, self.kinds)
        if not kinds:
            return text
        found = [
            (start, rank, end, kind, value)
            for rank, kind in enumerate(kinds)
            for start, end, value in FINDERS[kind](text)
        ]
        parts, at = [], 0
        for start, _, end, kind, value in sorted(found):
            if start >= at:
                parts += [text[at:start], placeholder(kind, value)]
                at = end
        return "".join([*parts, text[at:]])
