"""Rows of one label file -> annotations and rejects; column names and verdicts in any usual spelling."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from math import isfinite
from typing import Any

from flywheel_pipeline.records import Annotation, Json, Reject
from flywheel_pipeline.steps.annotate.columns import VERDICT_WORDS, by_name
from flywheel_pipeline.steps.annotate.rows import Row, label_rows

MAX_TEXT, MAX_EXTRA = 100_000, 2_000
"""Characters of any one cell of a label, and of a cell beyond our columns; longer ones are refused, or cut."""
DIGITS = 16
"""Hex digits that tell one version of a file from another."""

_EXPORTED = re.compile(r"(\S{10,40})(?: (pass|fail|defer) ([0-9a-f]{8}))?")


@dataclass(frozen=True)
class LabelFile:
    """What was in one label file; every row is an annotation, a reject, or one that nobody filled in."""

    file: str
    annotations: tuple[Annotation, ...]
    rejects: tuple[Reject, ...]
    n_unlabelled: int = 0
    superseded: tuple[Annotation, ...] = ()
    """Verdicts of earlier versions of the file that this one does not hold."""

    @property
    def n_rows(self) -> int:
        """Rows in the file, as counted for the accounting (an empty file counts as one reject)."""
        return len(self.annotations) + len(self.rejects) + self.n_unlabelled


def read_labels(file: str, data: bytes) -> LabelFile:
    """Read one label file: needs trace_id and verdict, and for a fail a comment or a code.

    A row that can not be used is a reject with its line and reason; nothing is raised for one.
    """
    annotations: list[Annotation] = []
    rejects: list[Reject] = []
    n_unlabelled = 0
    version = hashlib.sha256(data).hexdigest()[:DIGITS]
    for row in label_rows(file, data):
        try:
            found = _annotation(file, version, row)
            annotations += [found] if found else []
            n_unlabelled += found is None
        except ValueError as error:
            rejects.append(reject(file, row.line, str(error), row.raw))
        except RecursionError:
            rejects.append(reject(file, row.line, "nested too deeply", row.raw))
    return LabelFile(file, tuple(annotations), tuple(rejects), n_unlabelled)


def read_versions(file: str, versions: Sequence[bytes]) -> LabelFile:
    """Read the last of the versions of a label file, and of those before it every verdict that it does not hold.

    What was said and then corrected or taken out is a fact, too, but no longer what its author says. A verdict is told
    once, from the latest version that holds it, wherever in the file it stood.
    """
    latest = read_labels(file, versions[-1])
    said = {_fact(a) for a in latest.annotations}
    superseded: list[Annotation] = []
    for data in dict.fromkeys(reversed(versions[:-1])):
        earlier = [a for a in read_labels(file, data).annotations if _fact(a) not in said]
        said |= {_fact(a) for a in earlier}
        superseded += [replace(a, is_superseded=True) for a in earlier]
    return replace(latest, superseded=tuple(superseded))


def _fact(a: Annotation) -> Annotation:
    """Return what was said, without where it stood."""
    return replace(a, source_version="", source_line=1)


def reject(file: str, line: int, reason: str, raw: str) -> Reject:
    """Return the record of a label row that is not used."""
    return Reject("labels", file, line, storable(reason), storable(raw[:200]))


def storable(text: str) -> str:
    """Return text that UTF-8, and with it Parquet, can hold."""
    return text.encode("utf-8", "replace").decode()


def _annotation(file: str, version: str, row: Row) -> Annotation | None:
    """Return the verdict of a row, None where nobody filled it in.

    Raises:
        ValueError: the row can not be used; the text says why.
    """
    if row.problem:
        raise ValueError(row.problem)
    cells, rest = by_name(row.cells)
    missing = [name for name in ("trace_id", "verdict") if name not in cells]
    if missing:
        raise ValueError(f"missing column {', '.join(missing)}; the file has {', '.join(map(str, row.cells))[:200]}")
    trace_id, code, comment = (_text(cells, name) for name in ("trace_id", "code", "comment"))
    if not trace_id:
        raise ValueError("trace_id is empty")
    if not (_text(cells, "verdict") or code or comment):
        return None
    verdict = _verdict(cells["verdict"])
    if verdict == "fail" and not (code or comment):
        raise ValueError("a fail needs a comment or a code: say what went wrong first")
    made = Annotation(
        trace_id=trace_id, batch=file, annotator=_text(cells, "annotator") or "expert", verdict=verdict,
        code=code, comment=comment, category=_text(cells, "category"),
        first_failure_step=_step(cells), severity=_text(cells, "severity"),
        rubric_version=_text(cells, "rubric_version"),
        is_repeat=str(cells.get("is_repeat") or "").strip().lower() in ("1", "true", "yes"),
        labelled_at=_time(cells, "labelled_at"), corrects=None, extra=_extra(cells.get("extra"), rest),
        is_current=False, is_superseded=False, source_file=file, source_version=version, source_line=row.line,
    )  # fmt: skip
    return _since_export(made, _text(cells, "exported"))


def _since_export(a: Annotation, exported: str | None) -> Annotation:
    """Return the verdict, dated by the export where a person changed what had been filled in there.

    Nobody who corrects a verdict in a spreadsheet changes its date, too; without a later one the correction
    and the verdict that it corrects would contradict each other.
    """
    found = _EXPORTED.fullmatch(exported or "")
    if not found or not found[2] or digest(a) == found[3]:
        return a
    at = _time({"exported": found[1]}, "exported")
    newer = a.labelled_at if a.labelled_at and at and a.labelled_at > at else at
    return replace(a, labelled_at=newer, corrects=found[2])


def digest(a: Annotation) -> str:
    """Return eight hex digits of what a person fills in, by which an import tells whether it was changed."""
    said = (a.annotator, a.verdict, a.code, a.comment, a.category, a.first_failure_step, a.severity)
    text = "\n".join(" ".join(str(v).split()) for v in said)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def _extra(told: Any, rest: Mapping[str, Any]) -> Json:
    """Return what the file says beyond our columns; a cell `extra` with a JSON object, as we export it, is opened."""
    inner: Any = told
    if isinstance(told, str):
        try:
            inner = json.loads(told or "{}")
        except (ValueError, RecursionError):
            inner = None
    if told and not isinstance(inner, dict):
        inner = {"extra": told}
    values = {storable(str(k))[:100]: _bounded(v) for k, v in {**(inner or {}), **rest}.items()}
    return Json(json.dumps({k: v for k, v in values.items() if v not in (None, "")}, ensure_ascii=False))


def _bounded(value: Any) -> Any:
    """Return a cell as JSON holds it: a text or number as it is, anything nested as text, long ones cut."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    if value in ([], {}):
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = storable(text).replace("\x00", "").strip()
    return text if len(text) <= MAX_EXTRA else text[: MAX_EXTRA - 1] + "…"


def _verdict(value: Any) -> str:
    word = str("" if value is None else value).strip().lower()
    if word not in VERDICT_WORDS:
        raise ValueError(f"verdict {str(value)[:40]!r} is not one of pass, fail, defer (or {', '.join(VERDICT_WORDS)})")
    return VERDICT_WORDS[word]


def _text(cells: Mapping[str, Any], name: str) -> str | None:
    value = cells.get(name)
    text = "" if value is None else storable(str(value)).replace("\x00", "").strip()
    if len(text) > MAX_TEXT:
        raise ValueError(f"{name} has {len(text)} characters; {MAX_TEXT} is the most")
    return None if text in ("", "nan", "NaN") else text


def _step(cells: Mapping[str, Any]) -> int | None:
    text = _text(cells, "first_failure_step")
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,9}(\.0)?", text):
        raise ValueError(f"first_failure_step {text[:40]!r} is not the number of a message, from 0")
    return int(float(text))


def _time(cells: Mapping[str, Any], name: str) -> datetime | None:
    text = _text(cells, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise ValueError(f"{name} {text[:40]!r} is not an ISO 8601 time") from None
