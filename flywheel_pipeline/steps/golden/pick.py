"""A case that a person makes of a trace: what they say about it, else what the trace's verdict says."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flywheel_pipeline.errors import EditError
from flywheel_pipeline.leakage import asked
from flywheel_pipeline.ports import Embed
from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.records import CRITERIA_KINDS, PICKED_KINDS, GoldenCase
from flywheel_pipeline.steps.golden.cases import Draft, LabelledTrace, draft_case, golden_case
from flywheel_pipeline.steps.golden.split import families, split_of

UNANSWERED = "(no answer)"


@dataclass(frozen=True)
class Wanted:
    """What a person says of the case; what is None follows from the verdict on the trace.

    `turn` is the index of the user message under test, by which the conversation is cut.
    """

    kind: str | None = None
    turn: int | None = None
    reference: str | None = None
    criteria: str | None = None
    criteria_kind: str | None = None
    expected_doc_ids: tuple[str, ...] | None = None
    mode_id: str | None = None


@dataclass(frozen=True)
class Placed:
    """What becomes of a draft: a case, which `is_new` or was there before, or the reason why it can be none.

    `near` are the cases of its family: they ask nearly the same, or are of the same conversation.
    """

    draft: Draft
    case: GoldenCase | None
    is_new: bool = False
    near: tuple[str, ...] = ()
    reason: str = ""


def draft_picked(trace: LabelledTrace, is_labelled: bool, wanted: Wanted) -> Draft:
    """Return the case that a person makes of a trace.

    `trace.failed`, its comment and its mode hold where it `is_labelled`.

    Raises:
        EditError: the kind is missing or not known, the turn is no user message, a failure does not say what is wrong,
            or a text is not what a case may hold.
    """
    kind = wanted.kind or (("failure" if trace.failed else "happy_path") if is_labelled else None)
    if kind not in PICKED_KINDS:
        missing = "the trace has no verdict; say which kind of case it is" if kind is None else f"unknown kind {kind!r}"
        raise EditError(f"{missing}: {', '.join(PICKED_KINDS)}")
    if wanted.criteria_kind not in (None, *CRITERIA_KINDS):
        raise EditError(f"criteria are one of {', '.join(CRITERIA_KINDS)}, not {wanted.criteria_kind!r}")
    judged = replace(trace, failed=kind != "happy_path")
    draft = _cut(judged, wanted.turn) if wanted.turn is not None else draft_case(judged)
    if draft is None:
        raise EditError("the conversation holds no user message to test")
    documents = wanted.expected_doc_ids
    made = replace(
        draft,
        kind=kind,
        mode_id=(wanted.mode_id or draft.mode_id) if kind == "failure" else None,
        reference=draft.reference if wanted.reference is None else wanted.reference.strip() or None,
        criteria=draft.criteria if wanted.criteria is None else wanted.criteria.strip() or None,
        criteria_kind=wanted.criteria_kind or draft.criteria_kind,
        expected_doc_ids=draft.expected_doc_ids if documents is None else tuple(dict.fromkeys(documents)),
    )
    if kind != "happy_path" and not (made.criteria or made.reference):
        raise EditError("say what is wrong with the answer (criteria), or what the right answer is (reference)")
    return made


def _cut(trace: LabelledTrace, turn: int) -> Draft:
    """Return the case of the user message at `turn`.

    Raises:
        EditError: there is no such message, or it is not a user's.
    """
    messages = json.loads(trace.messages)
    if not 0 <= turn < len(messages):
        raise EditError(f"there is no message {turn + 1}: the conversation has {len(messages)}")
    message = messages[turn]
    if message.get("role") != "user" or not text_of(message.get("content")).strip():
        raise EditError(f"message {turn + 1} is no message of the user: a case ends with one")
    following = _until_next_question(messages[turn + 1 :])
    answers = [text for m in following if m.get("role") == "assistant" and (text := text_of(m.get("content")).strip())]
    is_last = len(following) == len(messages) - turn - 1
    output = answers[-1] if answers else trace.output if is_last else None
    cut = [*messages[: turn + 1], {"role": "assistant", "content": output or UNANSWERED}]
    draft = draft_case(replace(trace, messages=json.dumps(cut), output=output, first_failure_step=None))
    if draft is None:
        raise EditError(f"message {turn + 1} cannot be tested")
    reference = None if draft.reference == UNANSWERED else draft.reference
    return replace(draft, observed=output, reference=reference)


def _until_next_question(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    end = next((n for n, m in enumerate(messages) if m.get("role") == "user"), len(messages))
    return list(messages[:end])


def place_picked(
    drafts: Sequence[Draft], existing: Sequence[GoldenCase], taken: Collection[str], embed: Embed, added_in: str
) -> list[Placed]:
    """Give the drafts their families and splits, which near-duplicates share; no quota leaves one out.

    What is there already, or waits as a proposal (`taken`), is not added again; what would tie together families of
    two splits is no case.
    """
    unique = list({d.case_id: d for d in drafts}.values())
    texts = [*(asked(c.messages) for c in existing), *(asked(d.messages) for d in unique)]
    everything: list[GoldenCase | Draft] = [*existing, *unique]
    sources = [x.session_id or x.source_trace_id or x.case_id for x in everything]
    found = families(texts, sources, embed.embed(texts), [c.family for c in existing])[len(existing) :]
    return [_place(d, family, existing, taken, added_in) for d, family in zip(unique, found, strict=True)]


def _place(
    draft: Draft, family: str | None, existing: Sequence[GoldenCase], taken: Collection[str], added_in: str
) -> Placed:
    there = next((c for c in existing if c.case_id == draft.case_id), None)
    if there is not None and there.status == "retired":
        return Placed(draft, None, reason=f"{there.case_id} was retired: a retired case never comes back")
    if there is not None:
        return Placed(draft, there)
    if draft.case_id in taken:
        return Placed(draft, None, reason=f"{draft.case_id} waits as a proposed case: accept it")
    if family is None:
        torn = "it would tie together cases of two splits: in either it would give the other away"
        return Placed(draft, None, reason=torn)
    near = tuple(c.case_id for c in existing if c.family == family and c.status == "active")
    return Placed(draft, golden_case(draft, family, split_of(family), added_in), True, near)
