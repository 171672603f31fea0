"""A comparison and its cases as the page and the report show them: plain values that templates and JSON take."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flywheel_pipeline.flows.case_details import CaseDetails, Side
from flywheel_pipeline.flows.compare import Compared
from flywheel_pipeline.prompting import plain_messages
from flywheel_pipeline.records import EvalResult
from flywheel_pipeline.steps.evaluate import CaseChange, Coverage, EvaluatorChange, word_diff
from flywheel_pipeline.steps.evaluate.compare import COUNTS
from flywheel_pipeline.words import first_line, show_number

LONGEST = 20_000
"""Characters of one text that are shown."""


def show_evaluators(compared: Compared) -> list[dict[str, Any]]:
    """Return a row per evaluator, all together that count first, then the lowest rate first."""
    found = compared.found
    changes = [*([found.overall] if found.overall else []), *found.evaluators]
    return [_evaluator(e, compared) for e in changes]


def _evaluator(change: EvaluatorChange, compared: Compared) -> dict[str, Any]:
    paired = change.change
    return {
        "evaluator": change.evaluator,
        "name": compared.name_of(change.evaluator),
        "status": change.status,
        "counts": change.status == COUNTS,
        "complete": change.complete,
        "before": _coverage(change.before),
        "after": _coverage(change.after),
        "difference": paired and paired.difference,
        "low": paired and paired.low,
        "high": paired and paired.high,
        "fixed": show_number(change.fixed),
        "broken": show_number(change.broken),
    }


def _coverage(coverage: Coverage) -> dict[str, Any]:
    rate = coverage.rate
    return {
        "value": rate.value if rate.n else None, "low": rate.low, "high": rate.high, "n": rate.n,
        "unknown": coverage.n_unknown, "text": str(coverage),
    }  # fmt: skip


def show_case(details: CaseDetails, change: CaseChange, compared: Compared) -> dict[str, Any]:
    """Return one case whole: question, documents, the answers with what changed in them, and verdicts side by side."""
    case = details.case
    return {
        "case_id": case.case_id,
        "outcome": change.outcome(),
        "approved": [k.reason for k in compared.approved if k.case_id == case.case_id],
        "about": [x for x in (case.kind.replace("_", " "), case.split, case.stage) if x],
        "mode": compared.names.get(f"judge:{case.mode_id}", case.mode_id or ""),
        "messages": [(m["role"], _cut(m["content"])) for m in plain_messages(_messages(case.messages))],
        "documents": _documents(case.context),
        "criteria": _cut(case.criteria or ""),
        "criteria_kind": case.criteria_kind,
        "reference": _cut(case.reference or ""),
        "trace_id": case.source_trace_id or "",
        "diff": [tuple(p) for p in word_diff(_cut(details.before.output), _cut(details.after.output))],
        "before": _cut(details.before.output),
        "after": _cut(details.after.output),
        "repeats": max(len(details.before.answers), len(details.after.answers), 1),
        "verdicts": _verdicts(details, compared),
    }


def _verdicts(details: CaseDetails, compared: Compared) -> list[dict[str, Any]]:
    """Return a row per evaluator with its verdicts on both versions; what counts first, and there what changed."""
    counting = compared.found.counting
    names = {r.evaluator for side in (details.before, details.after) for r in side.verdicts}
    rows = [
        {
            "name": compared.name_of(e),
            "counts": e in counting,
            "before": _verdict(details.before, e),
            "after": _verdict(details.after, e),
        }
        for e in sorted(names)
    ]
    return sorted(rows, key=lambda r: (not r["counts"], _labels(r["before"]) == _labels(r["after"]), r["name"]))


def _labels(verdicts: Sequence[Mapping[str, str]]) -> list[str]:
    return [v["label"] for v in verdicts]


def _verdict(side: Side, evaluator: str) -> list[dict[str, str]]:
    return [_one(r) for r in side.verdicts if r.evaluator == evaluator]


def _one(result: EvalResult) -> dict[str, str]:
    return {"label": result.label or "not evaluated", "why": _cut(result.explanation or result.error or "")}


def _messages(text: str) -> list[Any]:
    return [m for m in _list(text) if isinstance(m, Mapping)]


def _documents(text: str) -> list[tuple[str, str]]:
    """Return (title, content) of the documents that the app had."""
    found = []
    for n, document in enumerate(_list(text), 1):
        fields = document if isinstance(document, Mapping) else {"content": document}
        title = str(fields.get("title") or fields.get("id") or fields.get("doc_id") or f"document {n}")
        content = fields.get("content") or fields.get("text") or json.dumps(document, ensure_ascii=False)
        found.append((_cut(title, 200), _cut(content if isinstance(content, str) else json.dumps(content))))
    return found


def _list(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _cut(text: str, longest: int = LONGEST) -> str:
    more = len(text) - longest
    return text if more <= 0 else f"{text[:longest]} […] ({more:,} more characters)"


def row_of(change: CaseChange, compared: Compared, evaluator: str, approved: Collection[str]) -> list[Any]:
    """Return a case as a row of the list: id, outcome, the evaluators that do not pass it now, question, approved."""
    return [
        change.case_id, change.outcome(evaluator),
        ", ".join(compared.name_of(e) for e in change.culprits(compared.found.counting)),
        first_line(change.question), change.case_id in approved,
    ]  # fmt: skip
