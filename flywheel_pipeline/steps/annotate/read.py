"""Rows of one label file -> annotations and rejects; column names and verdicts in any usual spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from flywheel_pipeline.records import Annotation, Reject
from flywheel_pipeline.steps.annotate.rows import Row, label_rows

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "trace_id": ("trace_id", "traceid", "trace", "id"),
    "verdict": ("verdict", "label", "result", "judgement", "judgment", "outcome", "pass", "passed"),
    "code": ("code", "open_code"),
    "comment": ("comment", "comments", "note", "notes", "critique", "reason", "explanation"),
    "category": ("category", "failure_mode", "mode", "axial_code"),
    "annotator": ("annotator", "labeler", "labeller", "reviewer", "expert", "user"),
    "labelled_at": ("labelled_at", "labeled_at", "created_at", "timestamp", "date"),
    "first_failure_step": ("first_failure_step", "step"),
    "severity": ("severity",),
    "rubric_version": ("rubric_version", "rubric"),
    "is_repeat": ("is_repeat", "repeat"),
}
"""The columns of a label file and the names that are understood for each, the first found wins."""

VERDICT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("pass", "passed", "good", "ok", "okay", "yes", "true", "1", "1.0"), "pass"),
    **dict.fromkeys(("fail", "failed", "bad", "no", "false", "0", "0.0"), "fail"),
    **dict.fromkeys(("defer", "deferred", "skip", "skipped", "unsure", "later"), "defer"),
}


@dataclass(frozen=True)
class LabelFile:
    """What was in one label file; every row is an annotation or a reject."""

    file: str
    annotations: tuple[Annotation, ...]
    rejects: tuple[Reject, ...]

    @property
    def n_rows(self) -> int:
        """Rows in the file, as counted for the accounting (an empty file counts as one reject)."""
        return len(self.annotations) + len(self.rejects)


def read_labels(file: str, data: bytes) -> LabelFile:
    """Read one label file: needs trace_id and verdict, and for a fail a comment or a code.

    A row that can not be used is a reject with its line and reason; nothing is raised for one.
    """
    annotations: list[Annotation] = []
    rejects: list[Reject] = []
    for row in label_rows(file, data):
        try:
            annotations.append(_annotation(file, row))
        except ValueError as error:
            rejects.append(reject(file, row.line, str(error), row.raw))
    return LabelFile(file, tuple(annotations), tuple(rejects))


def reject(file: str, line: int, reason: str, raw: str) -> Reject:
    """Return the record of a label row that is not used."""
    return Reject("labels", file, line, storable(reason), storable(raw[:200]))


def storable(text: str) -> str:
    """Return text that UTF-8, and with it Parquet, can hold."""
    return text.encode("utf-8", "replace").decode()


def _annotation(file: str, row: Row) -> Annotation:
    if row.problem:
        raise ValueError(row.problem)
    cells = _by_name(row.cells)
    missing = [name for name in ("trace_id", "verdict") if name not in cells]
    if missing:
        raise ValueError(f"missing column {', '.join(missing)}; the file has {', '.join(map(str, row.cells))[:200]}")
    verdict, code, comment = _verdict(cells["verdict"]), _text(cells, "code"), _text(cells, "comment")
    trace_id = _text(cells, "trace_id")
    if not trace_id:
        raise ValueError("trace_id is empty")
    if verdict == "fail" and not (code or comment):
        raise ValueError("a fail needs a comment or a code: say what went wrong first")
    return Annotation(
        trace_id=trace_id, batch=file, annotator=_text(cells, "annotator") or "expert", verdict=verdict,
        code=code, comment=comment, category=_text(cells, "category"),
        first_failure_step=_step(cells), severity=_text(cells, "severity"),
        rubric_version=_text(cells, "rubric_version"),
        is_repeat=str(cells.get("is_repeat") or "").strip().lower() in ("1", "true", "yes"),
        labelled_at=_time(cells), is_current=False, source_file=file, source_line=row.line,
    )  # fmt: skip


def _by_name(cells: Mapping[str, Any]) -> dict[str, Any]:
    tidy = {re.sub(r"[^a-z0-9]+", "_", str(k).strip().lower()).strip("_"): v for k, v in cells.items()}
    found = {name: next((s for s in names if s in tidy), None) for name, names in SYNONYMS.items()}
    return {name: tidy[synonym] for name, synonym in found.items() if synonym is not None}


def _verdict(value: Any) -> str:
    word = str("" if value is None else value).strip().lower()
    if word not in VERDICT_WORDS:
        raise ValueError(f"verdict {str(value)[:40]!r} is not one of pass, fail, defer (or {', '.join(VERDICT_WORDS)})")
    return VERDICT_WORDS[word]


def _text(cells: Mapping[str, Any], name: str) -> str | None:
    value = cells.get(name)
    text = "" if value is None else storable(str(value)).replace("\x00", "").strip()
    return None if text in ("", "nan", "NaN") else text


def _step(cells: Mapping[str, Any]) -> int | None:
    text = _text(cells, "first_failure_step")
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,9}(\.0)?", text):
        raise ValueError(f"first_failure_step {text[:40]!r} is not the number of a message, from 0")
    return int(float(text))


def _time(cells: Mapping[str, Any]) -> datetime | None:
    text = _text(cells, "labelled_at")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise ValueError(f"labelled_at {text[:40]!r} is not an ISO 8601 time") from None
