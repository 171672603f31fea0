"""Which lines of a prompt changed, and the recorded reason of each: a failure mode and the cases that show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from flywheel_pipeline.steps.improve.propose import ADDED, CHANGED, REMOVED

ALIKE = 0.5
"""Similarity (`difflib.SequenceMatcher.ratio`) from which a removed and an added line are one line that changed."""


@dataclass(frozen=True)
class Reason:
    """Why a line was changed, as the improver recorded it: the failure mode, the cases that show it, its own words."""

    mode_id: str
    mode: str
    cases: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True)
class ChangedLine:
    """A line that differs: `line` as it is now (or was, where it was removed), `old` what a changed line was."""

    action: str
    line: str
    old: str = ""
    reasons: tuple[Reason, ...] = ()


def explain_lines(before: str, after: str, recorded: Sequence[Mapping[str, Any]]) -> list[ChangedLine]:
    """Return the lines that differ between two prompts, in the order of the new one, each with its recorded reasons.

    `recorded` are rows of `prompt_candidate.reasons`. A line without a reason has none: none is inferred. What differs
    in blanks at the ends only has not changed.
    """
    return [replace(c, reasons=tuple(_reasons(c, recorded))) for c in _changed(before, after, recorded)]


def _changed(before: str, after: str, rows: Sequence[Mapping[str, Any]]) -> Iterable[ChangedLine]:
    old, new = ([line.strip() for line in text.splitlines() if line.strip()] for text in (before, after))
    said_changed = {_line(r) for r in rows if r.get("action") == CHANGED}
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from _block(old[i1:i2], new[j1:j2], said_changed)


def _block(old: Sequence[str], new: Sequence[str], said_changed: set[str]) -> Iterable[ChangedLine]:
    """Yield the changes of one place; a removed and an added line that are alike are one that changed."""
    left = list(old)
    for line in new:
        near = max(left, key=lambda o: SequenceMatcher(None, o, line, autojunk=False).ratio(), default=None)
        if near is not None and (
            line in said_changed or SequenceMatcher(None, near, line, autojunk=False).ratio() >= ALIKE
        ):
            left.remove(near)
            yield ChangedLine(CHANGED, line, near)
        else:
            yield ChangedLine(ADDED, line)
    yield from (ChangedLine(REMOVED, line) for line in left)


def _line(row: Mapping[str, Any]) -> str:
    return str(row.get("line") or "").strip()


def _reasons(changed: ChangedLine, rows: Sequence[Mapping[str, Any]]) -> Iterable[Reason]:
    """Yield the reasons recorded for a line; one for its removal is none for a line that is there now."""
    is_removed = changed.action == REMOVED
    for r in rows:
        if _line(r) == changed.line and (r.get("action") == REMOVED) == is_removed and r.get("mode_id"):
            cases = r.get("cases")
            named = tuple(str(c) for c in cases) if isinstance(cases, list | tuple) else ()
            yield Reason(str(r["mode_id"]), str(r.get("mode") or r["mode_id"]), named, str(r.get("why") or "").strip())
