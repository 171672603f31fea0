"""Labelled traces -> golden cases, and the file they are kept in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.records import GoldenCase, Json


@dataclass(frozen=True)
class LabelledTrace:
    """A trace with the verdict that counts, and for a fail its mode."""

    trace_id: str
    session_id: str | None
    messages: str
    retrieved: str
    output: str | None
    failed: bool
    comment: str | None
    first_failure_step: int | None
    mode_id: str | None


@dataclass(frozen=True)
class Draft:
    """A case before it has a family and a split."""

    kind: str
    mode_id: str | None
    messages: tuple[Mapping[str, Any], ...]
    observed: str | None
    trace: LabelledTrace

    @property
    def input(self) -> str:
        """The user message under test."""
        return text_of(self.messages[-1].get("content"))

    @property
    def case_id(self) -> str:
        """Hash of the kind and the conversation."""
        return content_id(self.kind, self.messages)


def content_id(kind: str, messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the id of the case of this kind and conversation."""
    content = json.dumps([kind, messages], sort_keys=True, ensure_ascii=False)
    return "g-" + hashlib.sha256(content.encode()).hexdigest()[:12]


def draft_case(trace: LabelledTrace) -> Draft | None:
    """Return the case of a labelled trace: the conversation up to the user message under test.

    That is the last user message before the answer that failed first, if the expert named it, else before
    the last answer. None for a conversation without such a message.
    """
    messages = json.loads(trace.messages)
    answered = _answer_under_test(messages, trace.first_failure_step)
    before = [i for i, m in enumerate(messages[:answered]) if m["role"] == "user"]
    if not before or not text_of(messages[before[-1]].get("content")).strip():
        return None
    turns = tuple(m for m in messages[: before[-1] + 1] if m["role"] not in ("system", "developer"))
    observed = text_of(messages[answered].get("content")) if answered < len(messages) else trace.output
    kind = "failure" if trace.failed else "happy_path"
    return Draft(kind, trace.mode_id if trace.failed else None, turns, observed or None, trace)


def _answer_under_test(messages: Sequence[Mapping[str, Any]], step: int | None) -> int:
    """Return the index of the answer that is judged; the length of the conversation if there is none."""
    spoken = [i for i, m in enumerate(messages) if m["role"] == "assistant" and text_of(m.get("content")).strip()]
    asked = [i for i, m in enumerate(messages) if m["role"] == "user"]
    answers = [i for i in spoken if asked and i > asked[0]]
    if step is not None and any(i >= step for i in answers):
        return next(i for i in answers if i >= step)
    return answers[-1] if answers else len(messages)


def golden_case(draft: Draft, family: str, split: str, added_in: str) -> GoldenCase:
    """Return the permanent record of a draft."""
    passed = draft.kind == "happy_path"
    return GoldenCase(
        case_id=draft.case_id, kind=draft.kind, mode_id=draft.mode_id, input=draft.input,
        messages=Json(json.dumps(draft.messages, ensure_ascii=False)),
        context=Json(json.dumps(json.loads(draft.trace.retrieved), ensure_ascii=False)),
        reference=draft.observed if passed else None, expected_doc_ids=None,
        criteria=None if passed else draft.trace.comment,
        observed_output=draft.observed if draft.kind != "synthetic" else None,
        family=family, split=split, source_trace_id=draft.trace.trace_id, added_in=added_in,
    )  # fmt: skip


def in_current_modes(
    cases: Sequence[GoldenCase], assigned: Mapping[str, str | None], known: Mapping[str, str]
) -> list[GoldenCase]:
    """Return the cases with the modes that the taxonomy gives them now; the file keeps those of their beginning.

    `assigned` is {trace_id: mode_id, or None where it fits no mode}, `known` {every id: the mode that it stands for
    now}. A case whose trace was moved to another mode follows it, also out of all modes or back into one; one whose
    mode was merged into another guards that; one whose mode is gone, and whose trace has no other, guards none.
    """
    now = {
        c.case_id: assigned.get(c.source_trace_id or "", c.mode_id) if c.kind != "happy_path" else None for c in cases
    }
    return [replace(c, mode_id=known.get(now[c.case_id] or "")) for c in cases]


def dump_case(case: GoldenCase) -> dict[str, Any]:
    """Return the line of `golden_set.jsonl`; conversations and documents are kept as JSON, to be diffable."""
    row = asdict(case)
    return {
        **row,
        **{k: json.loads(row[k]) for k in ("messages", "context", "expected_doc_ids") if row[k] is not None},
    }


def load_cases(rows: Sequence[Mapping[str, Any]]) -> list[GoldenCase]:
    """Return the cases of `golden_set.jsonl`; the inverse of `dump_case`.

    Raises:
        CorruptFileError: a row lacks a field or has one too many, or two rows share an id.
    """
    names = {f.name for f in fields(GoldenCase)}
    cases = []
    for number, row in enumerate(rows, 1):
        if set(row) != names:
            wrong = ", ".join(sorted(set(row) ^ names))
            raise CorruptFileError(f"golden_set.jsonl, case {number}: missing or unknown fields: {wrong}. Restore it.")
        texts = {
            k: json.dumps(row[k], ensure_ascii=False)
            for k in ("messages", "context", "expected_doc_ids")
            if row[k] is not None
        }
        cases.append(GoldenCase(**{**row, **texts}))
    if len({c.case_id for c in cases}) != len(cases):
        raise CorruptFileError("golden_set.jsonl: two cases share an id. Restore it.")
    return cases
