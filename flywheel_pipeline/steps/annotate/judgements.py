"""An entry of a label file -> an annotation, a score of an evaluator or a reject."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from flywheel_pipeline.names import clean_name
from flywheel_pipeline.records import Annotation, EvaluatorScore, Json, Reject
from flywheel_pipeline.steps.annotate.dates import read_date
from flywheel_pipeline.steps.annotate.entries import Entry
from flywheel_pipeline.steps.annotate.sources import HUMAN, kind_of_name
from flywheel_pipeline.steps.annotate.words import is_blank, is_spreadsheet_error, number_of, verdict_of

MAX_TEXT, MAX_EXTRA = 100_000, 2_000
"""Characters of any one cell of a label, and of a cell beyond our columns; longer ones are refused, or cut."""
SET = frozenset("1 1.0 true yes y x wahr ja vrai oui vero verdadero verdadeiro sí sim si waar prawda".split())
"""What stands for yes in a column such as `is_picked`; spreadsheets write "true" in the language of their user."""
_EXPORTED = re.compile(r"(\S{10,40})(?: (pass|fail|defer) ([0-9a-f]{8}))?")

Judged = Annotation | EvaluatorScore | Reject


@dataclass(frozen=True)
class Reading:
    """What must be known of a whole file to read one entry of it."""

    file: str
    version: str
    date_order: str | None
    scales: Mapping[str, Collection[float]]
    """{name of a score: its numbers}, where they are more than 0 and 1"""
    people: Collection[str]


def judge(entry: Entry, reading: Reading) -> Judged | None:
    """Return what an entry is; None for an unlabelled row."""
    try:
        if entry.row.problem or entry.problem:
            raise ValueError(entry.row.problem or entry.problem)
        if entry.kind is None and all(is_blank(entry.cells.get(n)) for n in ("verdict", "code", "comment")):
            return None
        kind = entry.kind or _kind_by_name(entry, reading)
        return _annotation(entry, reading) if kind == HUMAN else _score(entry, kind, reading)
    except ValueError as error:
        return reject(reading.file, entry.row.line, str(error), entry.row.raw)


def reject(file: str, line: int, reason: str, raw: str) -> Reject:
    """Return the record of a label row that is not used."""
    return Reject("labels", file, line, storable(reason), storable(raw[:200]))


def storable(text: str) -> str:
    """Return text that UTF-8, and with it Parquet, can hold."""
    return text.encode("utf-8", "replace").decode()


def digest(a: Annotation) -> str:
    """Return eight hex digits of what a person fills in, by which an import sees whether it was changed."""
    filled = (a.annotator, a.verdict, a.code, a.comment, a.category, a.first_failure_step, a.severity)
    text = "\n".join(" ".join(str(v).split()) for v in filled)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def _kind_by_name(entry: Entry, reading: Reading) -> str:
    """Return who gave a verdict by the annotator's name.

    Raises:
        ValueError: the name may be that of a model or of a person.
    """
    name = _text(entry.cells, "annotator")
    kind = kind_of_name(name, reading.people) if name else HUMAN
    if kind is None:
        raise ValueError(
            f"annotator {str(name)[:80]!r} may be a model or a person: only people's verdicts are labels; "
            "name people in annotate.annotators"
        )
    return kind


def _annotation(entry: Entry, reading: Reading) -> Annotation | None:
    cells = entry.cells
    trace_id, code, comment = (_text(cells, name) for name in ("trace_id", "code", "comment"))
    if is_blank(cells.get("verdict")) and not (code or comment):
        return None
    if not trace_id:
        raise ValueError("trace_id is empty")
    verdict = _verdict(entry, reading)
    if verdict == "fail" and not (code or comment):
        raise ValueError(_unexplained(entry))
    made = Annotation(
        trace_id=trace_id, batch=reading.file, verdict=verdict,
        annotator=clean_name(_text(cells, "annotator") or "") or "expert",
        code=code, comment=comment, category=_text(cells, "category"),
        first_failure_step=_step(cells), severity=_text(cells, "severity"),
        rubric_version=_text(cells, "rubric_version"),
        is_repeat=_is_set(cells, "is_repeat"), is_picked=_is_set(cells, "is_picked"),
        labelled_at=read_date(cells.get("labelled_at"), reading.date_order), corrects=None,
        extra=_extra(cells.get("extra"), cells.get("rest") or {}),
        is_current=False, is_superseded=False, source_file=reading.file, source_version=reading.version,
        source_line=max(entry.row.line, 1),
    )  # fmt: skip
    return _since_export(made, _text(cells, "exported"))


def _is_set(cells: Mapping[str, Any], name: str) -> bool:
    return str(cells.get(name) or "").strip().lower() in SET


def _score(entry: Entry, kind: str, reading: Reading) -> EvaluatorScore | None:
    cells = entry.cells
    label, trace_id = _text(cells, "label") or _text(cells, "verdict"), _text(cells, "trace_id")
    score = cells.get("score") if isinstance(cells.get("score"), float) else number_of(label)
    explanation = _text(cells, "comment")
    if label is None and score is None and explanation is None:
        return None
    if not trace_id:
        raise ValueError("trace_id is empty")
    name = clean_name(_text(cells, "evaluator") or _text(cells, "annotator") or "") or kind
    is_number = label is not None and number_of(label) is not None and number_of(label) == score
    return EvaluatorScore(
        trace_id=trace_id, evaluator=name, annotator_kind=kind, label=None if is_number else label,
        score=score, explanation=explanation, source_id=_text(cells, "source_id"),
        judged_at=read_date(cells.get("labelled_at"), reading.date_order), source_file=reading.file,
        source_version=reading.version, source_line=max(entry.row.line, 1),
    )  # fmt: skip


def _verdict(entry: Entry, reading: Reading) -> str:
    value = entry.cells.get("verdict")
    scale = reading.scales.get(entry.measure)
    if scale and number_of(value) in (0, 1, -1):
        numbers = ", ".join(f"{n:g}" for n in sorted(scale)[:6])
        raise ValueError(f"verdict {str(value)[:40]!r} is on a scale ({numbers}): write pass or fail")
    verdict = verdict_of(value)
    if verdict is None:
        raise ValueError(f"verdict {str('' if value is None else value)[:40]!r} is not one of pass, fail, defer")
    return verdict


def _unexplained(entry: Entry) -> str:
    """Return why a fail cannot be used, with the columns that may hold the explanation."""
    why = "a fail needs a comment or a code: say what went wrong first"
    errors = [n for n in ("comment", "code") if is_spreadsheet_error(entry.cells.get(n))]
    if errors:
        return f"{why}; the {errors[0]} is a formula that cannot be calculated ({entry.cells[errors[0]]})"
    rest = entry.cells.get("rest") or {}
    filled = [str(k) for k, v in rest.items() if isinstance(v, str) and not is_blank(v)]
    if filled:
        return f"{why}; not read: {', '.join(filled)[:200]} (labels.columns.comment names the column)"
    return why


def _since_export(a: Annotation, exported: str | None) -> Annotation:
    """Return the verdict, dated by the export where a person changed what had been filled in there.

    People who correct a verdict in a spreadsheet do not change its date; without a later one the correction
    and the verdict that it corrects would contradict each other.
    """
    found = _EXPORTED.fullmatch(exported or "")
    if not found or not found[2] or digest(a) == found[3]:
        return a
    at = read_date(found[1])
    newer = a.labelled_at if a.labelled_at and at and a.labelled_at > at else at
    return replace(a, labelled_at=newer, corrects=found[2])


def _extra(cell: Any, rest: Mapping[str, Any]) -> Json:
    """Return what the file holds beyond our columns; a cell `extra` with a JSON object, as we export it, is opened."""
    inner: Any = cell
    if isinstance(cell, str):
        try:
            inner = json.loads(cell or "{}")
        except (ValueError, RecursionError):
            inner = None
    if cell and not isinstance(inner, dict):
        inner = {"extra": cell}
    values = {storable(str(k))[:100]: _bounded(v) for k, v in {**(inner or {}), **rest}.items()}
    return Json(json.dumps({k: v for k, v in values.items() if v not in (None, "")}, ensure_ascii=False))


def _bounded(value: Any) -> Any:
    """Return a cell as JSON holds it: a text or number as it is, anything nested as text, long ones cut."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    if value in ([], {}):
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = storable(text).replace("\x00", "").strip()
    return text if len(text) <= MAX_EXTRA else text[: MAX_EXTRA - 1] + "…"


def _text(cells: Mapping[str, Any], name: str) -> str | None:
    value = cells.get(name)
    text = "" if value is None else storable(str(value)).replace("\x00", "").strip()
    if len(text) > MAX_TEXT:
        raise ValueError(f"{name} has {len(text)} characters; {MAX_TEXT} is the most")
    return None if is_blank(text) else text


def _step(cells: Mapping[str, Any]) -> int | None:
    text = _text(cells, "first_failure_step")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}(\.0)?", text):
        raise ValueError(f"first_failure_step {text[:40]!r} is not the number of a message, from 0")
    return int(float(text))
