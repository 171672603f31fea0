"""Items of other tools' exports -> rows under our names: one row a person who judged.

| tool | shape |
|---|---|
| Label Studio | a task: `data`, `annotations[].result[]`; its JSON-MIN and CSV exports are plain rows |
| Argilla | a record: `fields`, `responses` by question (2.x) or by user (1.x, API), or `….responses` columns |
| Langfuse | a score: `traceId`, `name`, `value` or `stringValue`, `dataType`, `comment`, `authorUserId` |
| LangSmith | a feedback: `run_id`, `trace_id`, `key`, `score`, `value`, `comment`, `feedback_source` |

An item of which nobody has judged is one row without a verdict. Anything else is a row already.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.annotate.columns import CONTEXT, SYNONYMS, VERDICT_WORDS, by_name, tidy

Cells = dict[str, Any]
Found = tuple[Cells, str | None]
"""A row's cells, and the problem that keeps it from being used."""

VERDICT_NAMES = frozenset((*SYNONYMS["verdict"], "correctness", "correct", "quality", "acceptable"))
"""Names of the scores of Langfuse and LangSmith that are the expert's verdict on the whole trace."""


def translate(item: Cells) -> list[Found]:
    """Return the rows that an item holds."""
    keys = {_key(k): k for k in item}
    if isinstance(item.get("data"), dict) and not {"traceid", "verdict"} & keys.keys():
        return [(cells, None) for cells in _label_studio(item)]
    if _is_argilla(item):
        return [(cells, None) for cells in _argilla(item)]
    if {"traceid", "name"} <= keys.keys() and keys.keys() & {"datatype", "stringvalue", "configid"}:
        return [_langfuse({key: item[name] for key, name in keys.items()})]
    if {"key", "score"} <= keys.keys() and keys.keys() & {"runid", "traceid"}:
        return [_langsmith({key: item[name] for key, name in keys.items()})]
    return [(item, None)]


def _key(name: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    """Return an answer as text: of several choices or submissions, all of them."""
    if isinstance(value, list):
        return "\n".join(_text(v) for v in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _answered(answers: Mapping[str, Any]) -> Cells:
    """Return the answers to questions under our names; without a name of ours, the first verdict is the verdict."""
    named, rest = by_name({name: _text(value) for name, value in answers.items()})
    if "verdict" not in named:
        found = next((n for n, text in rest.items() if text.strip().lower() in VERDICT_WORDS), None)
        named["verdict"] = "" if found is None else rest.pop(found)
    return {**named, "extra": rest}


def _label_studio(task: Cells) -> Iterator[Cells]:
    named, rest = by_name(task["data"])
    base = {"trace_id": named.get("trace_id"), "verdict": ""}
    own = {k: v for k, v in rest.items() if tidy(k) not in CONTEXT}
    annotations = _dicts(task.get("annotations"))
    for annotation in annotations:
        answers = _answered(_results(annotation))
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            answers["verdict"] = "defer"
        told = {k: annotation[k] for k in ("id", "lead_time", "ground_truth") if annotation.get(k)}
        extra = {**own, **answers.pop("extra"), **{f"label_studio_{k}": v for k, v in told.items()}}
        yield {
            **base, **answers, "annotator": _person(annotation.get("completed_by")),
            "labelled_at": annotation.get("updated_at") or annotation.get("created_at"), "extra": extra,
        }  # fmt: skip
    if not annotations:
        yield base


def _results(annotation: Cells) -> dict[str, Any]:
    """Return {from_name: what was chosen, written or counted}."""
    found: dict[str, list[Any]] = {}
    for result in _dicts(annotation.get("result")):
        value = _dict(result.get("value"))
        kind = str(result.get("type") or "")
        answer = value.get("text" if kind == "textarea" else kind)
        if kind in ("choices", "textarea", "number", "rating", "datetime", "taxonomy") and answer is not None:
            found.setdefault(str(result.get("from_name")), []).append(answer)
    return dict(found)


def _person(value: Any) -> str | None:
    told = _dict(value)
    who = next((told[k] for k in ("email", "username", "user_name", "name", "id") if told.get(k)), None)
    return _text(who if told else value) or None


def _is_argilla(item: Cells) -> bool:
    nested = isinstance(item.get("fields"), dict) and isinstance(item.get("responses"), dict | list)
    return nested or any(isinstance(v, list) and str(k).endswith(".responses.users") for k, v in item.items())


def _argilla(record: Cells) -> Iterator[Cells]:
    told = {**_dict(record.get("fields")), **_dict(record.get("metadata")), **record}
    known = {tidy(k): v for k, v in told.items() if v}
    names = ("trace_id", "traceid", "trace", "external_id", "id")
    base = {"trace_id": next((known[n] for n in names if n in known), None), "verdict": ""}
    metadata = {k: v for k, v in _dict(record.get("metadata")).items() if tidy(k) not in names}
    responses = _responses(record)
    for user, (answers, status, at) in responses.items():
        cells = _answered({} if status == "draft" else answers)
        verdict = "defer" if status == "discarded" else cells["verdict"]
        extra = {**metadata, **cells["extra"]}
        yield {**base, **cells, "verdict": verdict, "annotator": user or None, "labelled_at": at, "extra": extra}
    if not responses:
        yield base


Responses = dict[str, tuple[dict[str, Any], str, Any]]
"""{user: (answers by question, status, time)}"""


def _responses(record: Cells) -> Responses:
    found: Responses = {}
    responses = record.get("responses")
    if isinstance(responses, list):
        for r in _dicts(responses):
            values = {q: _dict(v).get("value") for q, v in _dict(r.get("values")).items()}
            at = r.get("updated_at") or r.get("inserted_at")
            found[_text(r.get("user_id"))] = (values, _text(r.get("status")), at)
        return found
    for question, given in (_dict(responses) or _flat(record)).items():
        for r in _dicts(given):
            answers, _, _ = found.setdefault(_text(r.get("user_id")), ({}, _text(r.get("status")), None))
            answers[question] = r.get("value")
    return found


def _flat(record: Cells) -> dict[str, list[dict[str, Any]]]:
    """Return the responses of a row of `dataset.records.to_datasets()` in the form of a record's."""
    found: dict[str, list[dict[str, Any]]] = {}
    for column, users in record.items():
        if str(column).endswith(".responses.users") and isinstance(users, list):
            question = str(column)[: -len(".responses.users")]
            values, states = record.get(f"{question}.responses"), record.get(f"{question}.responses.status")
            columns = [x if isinstance(x, list) else [] for x in (values, states)]
            given = [[x[i] if i < len(x) else None for x in columns] for i in range(len(users))]
            found[question] = [
                {"user_id": user, "value": value, "status": status}
                for user, (value, status) in zip(users, given, strict=True)
            ]
    return found


def _langfuse(score: Cells) -> Found:
    used = {"traceid", "name", "value", "stringvalue", "comment", "authoruserid", "timestamp", "updatedat", "createdat"}
    cells = {
        "trace_id": score.get("traceid"), "verdict": _either(score.get("stringvalue"), score.get("value")),
        "comment": score.get("comment"), "annotator": score.get("authoruserid") or None,
        "labelled_at": score.get("updatedat") or score.get("timestamp") or score.get("createdat"),
        "extra": {"score": score.get("name"), **{k: v for k, v in score.items() if k not in used}},
    }  # fmt: skip
    return cells, _score_problem(score.get("name"), _text(score.get("source")).upper() == "EVAL")


def _langsmith(feedback: Cells) -> Found:
    used = {"traceid", "runid", "key", "score", "value", "comment", "feedbacksource", "modifiedat", "createdat"}
    source = feedback.get("feedbacksource")
    source = _dict(_loads(source) if isinstance(source, str) else source)
    person = _person({"user_name": source.get("user_name"), "id": source.get("user_id")})
    value = feedback.get("value")
    cells = {
        "trace_id": feedback.get("traceid") or feedback.get("runid"),
        "verdict": value if _text(value).strip().lower() in VERDICT_WORDS else _either(feedback.get("score"), value),
        "comment": feedback.get("comment"), "annotator": person,
        "labelled_at": feedback.get("modifiedat") or feedback.get("createdat"),
        "extra": {"key": feedback.get("key"), **{k: v for k, v in feedback.items() if k not in used}},
    }  # fmt: skip
    return cells, _score_problem(feedback.get("key"), _text(source.get("type")) in ("model", "auto_eval"))


def _either(first: Any, second: Any) -> Any:
    return _text(second if first is None or first == "" else first)


def _score_problem(name: Any, by_model: bool) -> str | None:
    if by_model:
        return f"the score {_text(name)[:80]!r} was given by a model: only people's verdicts are labels"
    if tidy(name) not in VERDICT_NAMES:
        return f"the score {_text(name)[:80]!r} is not named as a verdict: call it `verdict`, or leave it out"
    return None


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
