"""Argilla: a record has answers by question and user; one row for each user who answered. Suggestions are not read.

| where from | shape |
|---|---|
| 2.x `to_json` | `fields`, `metadata`, `responses` by question |
| 1.x and 2.x API | `fields`, `metadata`, `responses` as a list by user |
| 2.x `to_datasets` | columns `verdict.responses`, `verdict.responses.users`, `verdict.responses.status` |
| 1.x on the hub | columns of questions, each a list of `user_id`, `value`, `status`; `external_id` |
| 1.x text classification | `annotation`, `annotation_agent`, `status` |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flywheel_pipeline.steps.annotate.answers import name_answers, trace_of
from flywheel_pipeline.steps.annotate.columns import LabelRules, matches
from flywheel_pipeline.steps.annotate.entries import Cells, Entries, Entry, mapping, objects, text_of
from flywheel_pipeline.steps.annotate.rows import Row
from flywheel_pipeline.steps.annotate.sources import read_literal
from flywheel_pipeline.steps.annotate.words import tidy

NAME = "argilla"

Responses = dict[str, tuple[dict[str, Any], str, Any]]
"""{user: (answers by question, status, time)}"""
_USERS, _SUGGESTION = ".responses.users", "-suggestion"


def recognises(cells: Cells) -> bool:
    """Return whether a row is a record: with responses, or with questions whose answers name a user."""
    if isinstance(cells.get("fields"), dict) and isinstance(cells.get("responses"), dict | list):
        return True
    if {"annotation", "annotation_agent"} <= cells.keys():
        return True
    names = [str(k) for k in cells]
    if any(n.endswith(_USERS) and isinstance(read_literal(cells[n]), list) for n in names if n in cells):
        return True
    asked = any(_by_user(v) for v in cells.values())
    return asked or any(n.endswith(_SUGGESTION) and n.removesuffix(_SUGGESTION) in cells for n in names)


def read(rows: Sequence[Row], rules: LabelRules) -> Entries:
    """Return an entry for each user who answered, and one for a record without answers."""
    used: dict[str, str] = {}
    return Entries([entry for row in rows for entry in _record(row, rules, used)], (), used)


def _record(row: Row, rules: LabelRules, used: dict[str, str]) -> Iterator[Entry]:
    record = row.cells
    metadata = mapping(read_literal(record.get("metadata")))
    base = {"trace_id": trace_of({**mapping(record.get("fields")), **record, **_ids(metadata)}, rules), "verdict": ""}
    kept = {k: v for k, v in metadata.items() if matches("trace_id", k) is None and tidy(k) != "external_id"}
    responses = _responses(record)
    for user, (answers, status, at) in responses.items():
        named = name_answers({} if status == "draft" else answers, rules)
        used |= {**named.used, **used}
        cells = {
            **base, **named.cells, "annotator": user or None, "labelled_at": at,
            "extra": {**kept, **named.cells["extra"]}, **({"verdict": "defer"} if status == "discarded" else {}),
        }  # fmt: skip
        yield Entry(row, cells, problem=None if status == "discarded" else named.problem)
    if not responses:
        yield Entry(row, base)


def _ids(metadata: Mapping[str, Any]) -> Cells:
    """Return the ids in a record's metadata, which name the trace better than the record's own."""
    return {k: v for k, v in metadata.items() if tidy(k) in ("trace_id", "traceid", "trace", "external_id")}


def _responses(record: Cells) -> Responses:
    responses = record.get("responses")
    if isinstance(responses, list):
        return {
            text_of(r.get("user_id")): (
                {q: mapping(v).get("value") for q, v in mapping(r.get("values")).items()},
                text_of(r.get("status")), r.get("updated_at") or r.get("inserted_at"),
            )
            for r in objects(responses)
        }  # fmt: skip
    if {"annotation", "annotation_agent"} <= record.keys():
        return _classified(record)
    by_question = mapping(responses) or _flat(record) or {q: v for q, v in record.items() if _by_user(v)}
    found: Responses = {}
    for question, given in by_question.items():
        for r in _by_user(given):
            answers, _, _ = found.setdefault(text_of(r.get("user_id")), ({}, text_of(r.get("status")), None))
            answers[question] = r.get("value")
    return found


def _classified(record: Cells) -> Responses:
    """Return the annotation of a 1.x text classification record, which names its agent; predictions are not read."""
    status = text_of(record.get("status")).casefold()
    label = text_of(record.get("annotation"))
    if not label and status != "discarded":
        return {}
    given = {"verdict": label, "comment": mapping(read_literal(record.get("metadata"))).get("comment")}
    return {text_of(record.get("annotation_agent")): (given, status, record.get("event_timestamp"))}


def _by_user(value: Any) -> list[dict[str, Any]]:
    """Return the answers to a question with their users: as a list, or as the columns that Datasets makes of it."""
    parsed = read_literal(value)
    if isinstance(parsed, list):
        answers = objects(parsed)
        return answers if len(answers) == len(parsed) and all({"user_id", "value"} <= a.keys() for a in answers) else []
    users, values, states = (
        (parsed.get(k) if isinstance(parsed, dict) else None) for k in ("user_id", "value", "status")
    )
    if not (isinstance(users, list) and isinstance(values, list)):
        return []
    padded = [*(states if isinstance(states, list) else ()), *[None] * len(users)]
    return [{"user_id": u, "value": v, "status": s} for u, v, s in zip(users, values, padded, strict=False)]


def _flat(record: Cells) -> dict[str, list[dict[str, Any]]]:
    """Return the responses of a row of `dataset.records.to_datasets()` in the form of a record's."""
    found: dict[str, list[dict[str, Any]]] = {}
    for column, listed in record.items():
        users = read_literal(listed)
        if str(column).endswith(_USERS) and isinstance(users, list):
            question = str(column)[: -len(_USERS)]
            values = read_literal(record.get(f"{question}.responses"))
            states = read_literal(record.get(f"{question}.responses.status"))
            columns = [x if isinstance(x, list) else [] for x in (values, states)]
            given = [[x[i] if i < len(x) else None for x in columns] for i in range(len(users))]
            found[question] = [
                {"user_id": user, "value": value, "status": status}
                for user, (value, status) in zip(users, given, strict=True)
            ]
    return found
