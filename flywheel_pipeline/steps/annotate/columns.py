"""The columns of a label file: the names that are understood for each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "trace_id": ("trace_id", "traceid", "trace", "id"),
    "verdict": ("verdict", "label", "result", "judgement", "judgment", "outcome", "pass", "passed"),
    "code": ("code", "open_code"),
    "comment": ("comment", "comments", "note", "notes", "critique", "reason", "explanation"),
    "category": ("category", "failure_mode", "mode", "axial_code"),
    "annotator": ("annotator", "labeler", "labeller", "reviewer", "expert", "user"),
    "labelled_at": ("labelled_at", "labeled_at", "updated_at", "modified_at", "created_at", "timestamp", "date"),
    "first_failure_step": ("first_failure_step", "step"),
    "severity": ("severity",),
    "rubric_version": ("rubric_version", "rubric"),
    "is_repeat": ("is_repeat", "repeat"),
    "exported": ("exported",),
    "extra": ("extra",),
}
"""The columns of a label file and the names that are understood for each, the first found wins."""

CONTEXT = ("input", "output", "conversation", "why_sampled")
"""What our own export shows of the trace beside the columns to fill in; the lake has it already."""

VERDICT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("pass", "passed", "good", "ok", "okay", "yes", "true", "1", "1.0"), "pass"),
    **dict.fromkeys(("fail", "failed", "bad", "no", "false", "0", "0.0"), "fail"),
    **dict.fromkeys(("defer", "deferred", "skip", "skipped", "unsure", "later"), "defer"),
}


def tidy(name: object) -> str:
    """Return a column's name in the spelling of `SYNONYMS`."""
    return re.sub(r"[^a-z0-9]+", "_", str(name).strip().lower()).strip("_")


def by_name(cells: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the cells under our names, and those beyond them under their own."""
    theirs: dict[str, str] = {}
    for name in cells:
        theirs.setdefault(tidy(name), name)
    found = {name: next((theirs[s] for s in names if s in theirs), None) for name, names in SYNONYMS.items()}
    used = {name: key for name, key in found.items() if key is not None}
    taken = set(used.values())
    hidden = CONTEXT if "exported" in used else ()
    rest = {k: v for k, v in cells.items() if k not in taken and tidy(k) not in hidden}
    return {name: cells[key] for name, key in used.items()}, rest
