"""Labelled traces -> golden cases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.records import GoldenCase, Json
from flywheel_pipeline.steps.golden.evidence import corrected_answer, expected_documents

OF_A_MODE = ("failure", "synthetic")
"""Kinds of cases that guard the failure mode of the trace that they are from, or were made of."""


@dataclass(frozen=True)
class LabelledTrace:
    """A trace with the verdict that counts, and for a fail its mode; `extra` is what else the label file says.

    `variables` are the values of its prompt's variables, where they are known.
    """

    trace_id: str
    session_id: str | None
    messages: str
    retrieved: str
    output: str | None
    failed: bool
    comment: str | None
    first_failure_step: int | None
    mode_id: str | None
    extra: str = "{}"
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """A case before it has a family and a split; what it means is as in `GoldenCase`."""

    kind: str
    mode_id: str | None
    messages: tuple[Mapping[str, Any], ...]
    observed: str | None = None
    context: tuple[Any, ...] = ()
    reference: str | None = None
    expected_doc_ids: tuple[str, ...] = ()
    criteria: str | None = None
    source_trace_id: str | None = None
    session_id: str | None = None
    parent_case_id: str | None = None
    transform: str | None = None
    criteria_kind: str = "criticism"
    reference_alternatives: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    expected_tool_calls: tuple[Any, ...] | None = None

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
    the last answer. None for a conversation without such a message. Its reference is the answer that passed, or the
    one that the expert wrote instead (`evidence`).
    """
    messages = json.loads(trace.messages)
    answered = _answer_under_test(messages, trace.first_failure_step)
    before = [i for i, m in enumerate(messages[:answered]) if m["role"] == "user"]
    if not before or not text_of(messages[before[-1]].get("content")).strip():
        return None
    turns = tuple(m for m in messages[: before[-1] + 1] if m["role"] not in ("system", "developer"))
    observed = text_of(messages[answered].get("content")) if answered < len(messages) else trace.output
    documents, extra = json.loads(trace.retrieved), json.loads(trace.extra)
    reference = corrected_answer(extra) or (None if trace.failed else observed or None)
    return Draft(
        kind="failure" if trace.failed else "happy_path", mode_id=trace.mode_id if trace.failed else None,
        messages=turns, observed=observed or None, context=tuple(documents), reference=reference,
        expected_doc_ids=expected_documents(documents, reference, trace.comment, extra),
        criteria=trace.comment if trace.failed else None, source_trace_id=trace.trace_id, session_id=trace.session_id,
        variables=trace.variables,
    )  # fmt: skip


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
    documents = Json(json.dumps(draft.expected_doc_ids, ensure_ascii=False)) if draft.expected_doc_ids else None
    others, calls = draft.reference_alternatives, draft.expected_tool_calls
    return GoldenCase(
        case_id=draft.case_id, kind=draft.kind, mode_id=draft.mode_id, input=draft.input,
        messages=Json(json.dumps(draft.messages, ensure_ascii=False)),
        context=Json(json.dumps(draft.context, ensure_ascii=False)),
        reference=draft.reference, expected_doc_ids=documents, criteria=draft.criteria,
        observed_output=draft.observed, family=family, split=split, source_trace_id=draft.source_trace_id,
        added_in=added_in, session_id=draft.session_id, parent_case_id=draft.parent_case_id,
        transform=draft.transform, criteria_kind=draft.criteria_kind,
        reference_alternatives=Json(json.dumps(others, ensure_ascii=False)) if others else None,
        variables=Json(json.dumps(draft.variables, ensure_ascii=False)) if draft.variables else None,
        expected_tool_calls=None if calls is None else Json(json.dumps(calls, ensure_ascii=False)),
    )  # fmt: skip


def labelled_case(trace: LabelledTrace) -> GoldenCase | None:
    """Return a labelled trace as a case of no family and no split, to ask a judge about; None as in `draft_case`."""
    draft = draft_case(trace)
    return golden_case(draft, "", "", "") if draft else None


def calls_of(trace: LabelledTrace) -> tuple[Mapping[str, Any], ...]:
    """Return the tool calls that belong to the answer that is judged: those after the user message under test."""
    messages = json.loads(trace.messages)
    answered = _answer_under_test(messages, trace.first_failure_step)
    begins = max((i for i, m in enumerate(messages[:answered]) if m["role"] == "user"), default=-1) + 1
    turns = [m for m in messages[begins : answered + 1] if m["role"] == "assistant"]
    return tuple(c for m in turns for c in m.get("tool_calls") or () if isinstance(c, Mapping))


def draft_of(case: GoldenCase) -> Draft:
    """Return what a case was before it had a family and a split."""
    return Draft(
        case.kind, case.mode_id, tuple(json.loads(case.messages)), case.observed_output,
        tuple(json.loads(case.context)), case.reference, _expected_ids(case),
        case.criteria, case.source_trace_id, case.session_id, case.parent_case_id, case.transform,
        case.criteria_kind, tuple(json.loads(case.reference_alternatives or "[]")), json.loads(case.variables or "{}"),
        _calls(case),
    )  # fmt: skip


def _expected_ids(case: GoldenCase) -> tuple[str, ...]:
    """Return the ids of the documents that a case needs; where their relevance is graded, of those that have any."""
    held = json.loads(case.expected_doc_ids or "[]")
    return tuple(d for d, grade in held.items() if grade > 0) if isinstance(held, Mapping) else tuple(held)


def _calls(case: GoldenCase) -> tuple[Any, ...] | None:
    """Return the expected tool calls of a case; a single one may stand without a list."""
    held = None if case.expected_tool_calls is None else json.loads(case.expected_tool_calls)
    return tuple(held) if isinstance(held, list) else None if held is None else (held,)


def in_current_modes(
    cases: Sequence[GoldenCase], assigned: Mapping[str, str | None], known: Mapping[str, str]
) -> list[GoldenCase]:
    """Return the cases with the modes that the taxonomy gives them now; the file keeps those of their beginning.

    `assigned` is {trace_id: mode_id, or None where it fits no mode}, `known` {every id: the mode that it stands for
    now}. A case whose trace was moved to another mode follows it, also out of all modes or back into one; one whose
    mode was merged into another guards that; one whose mode is gone, and whose trace has no other, guards none.
    """
    now = {c.case_id: assigned.get(c.source_trace_id or "", c.mode_id) for c in cases if c.kind in OF_A_MODE}
    return [replace(c, mode_id=known.get(now.get(c.case_id) or "")) for c in cases]
