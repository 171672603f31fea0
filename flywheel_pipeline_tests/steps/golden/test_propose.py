"""What is proposed: written, filtered, rated, and never the same twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden.cases import draft_of
from flywheel_pipeline.steps.golden.generate import Paraphrases, Phrased, Realism
from flywheel_pipeline.steps.golden.proposals import Pending, ProposedCase
from flywheel_pipeline.steps.golden.propose import Proposed, Wishes, propose_cases
from flywheel_pipeline.steps.golden.split import split_of
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.fakes import FakeEmbed, FakeLLM

FAMILY = {s: next(f"f-{i}" for i in range(99) if split_of(f"f-{i}") == s) for s in ("train", "dev", "test")}
CASES = [replace(c, case_id=draft_of(c).case_id) for c in (
    a_case(case_id="g-1", input="Is there a student discount of 20 percent?", family=FAMILY["test"]),
    a_case(case_id="g-2", input="Let me speak to a person", mode_id="fm-2", family=FAMILY["train"], split="train",
           source_trace_id="t2"),
    a_case(case_id="g-3", input="How do I pair the hub", kind="happy_path", mode_id=None, family=FAMILY["dev"],
           split="dev", source_trace_id="t3", context='[{"id": "pair"}]'),
)]  # fmt: skip
NO_ATTACKS = Wishes(adversarial=0)


def writer(words: Callable[[str], str] = lambda m: f"so {m[::-1]} 20" if "20" in m else f"well {m[::-1]}",
           score: int = 4) -> FakeLLM:  # fmt: skip
    def answer(data: Any) -> BaseModel | str:
        if "message" in data:
            return Paraphrases(questions=[words(data["message"])] * data["n"])
        if "situation" in data:
            return Phrased(question=" ".join(data["situation"].values()), criteria="It is right.")
        return Realism(score=score)

    return FakeLLM(answer)


def propose(wishes: Wishes = NO_ATTACKS, llm: FakeLLM | None = None, pending: Pending | None = None,
            cases: list[GoldenCase] = CASES) -> Proposed:  # fmt: skip
    return propose_cases(cases, pending or Pending(), llm or writer(), FakeEmbed(), wishes, "demo")


def reasons(found: Proposed) -> list[str]:
    return [why for _, why in found.dropped]


def reworded(message: str) -> str:
    """Another wording with the same numbers."""
    return {"I": "Do students pay 20 percent less?", "L": "A human please, no robot"}[message[0]]


def test_the_first_failure_of_every_mode_is_paraphrased_and_waits_with_its_rating() -> None:
    found = propose(llm=writer(reworded))
    assert found.dropped == ()
    assert [(p.draft.input, p.draft.parent_case_id) for p in found.new] == [
        ("Do students pay 20 percent less?", CASES[0].case_id),
        ("A human please, no robot", CASES[1].case_id),
    ]
    assert {(p.realism, p.draft.kind, p.draft.transform) for p in found.new} == {(4, "synthetic", "paraphrase")}
    assert [p.draft.mode_id for p in found.new] == ["fm-1", "fm-2"]


@pytest.mark.parametrize("fate", ["waiting", "accepted", "rejected"])
def test_what_was_proposed_once_is_not_proposed_again_nor_asked_for(fate: str) -> None:
    first = propose(Wishes(), writer(reworded)).new
    llm = writer(reworded)
    again = propose(Wishes(), llm, Pending(**{fate: first}))
    assert again == Proposed() and llm.asked == []


def test_a_paraphrase_that_changes_a_number_is_dropped() -> None:
    found = propose(llm=writer(lambda m: "Do students pay 30 percent less?" if "20" in m else "A human, no robot"))
    assert reasons(found) == ["changes a number"]


def test_a_paraphrase_that_repeats_a_case_or_one_that_was_rejected_is_dropped() -> None:
    found = propose(llm=writer(lambda m: m.upper()))
    assert found.new == () and set(reasons(found)) == {"repeats a case or an earlier proposal"}
    rejected = propose(llm=writer(reworded)).new[1]
    other = ProposedCase(replace(rejected.draft, mode_id="fm-9"))
    again = propose(llm=writer(lambda m: "a human please no robot!" if m[0] == "L" else reworded(m)),
                    pending=Pending(rejected=(other,)))  # fmt: skip
    assert reasons(again) == ["repeats a case or an earlier proposal"]


def test_an_empty_and_an_endless_question_are_dropped() -> None:
    assert set(reasons(propose(llm=writer(lambda m: " ")))) == {"empty or too long"}
    assert "empty or too long" in reasons(propose(llm=writer(lambda m: f"{m} " * 200)))


def test_what_would_tie_two_splits_together_is_dropped() -> None:
    child = "Pairing a hub, a guide for 20 percent of students"
    near = a_case(case_id="g-9", input="Other words", family=FAMILY["train"], split="train", source_trace_id="t1")
    found = propose(llm=writer(lambda m: child if "20" in m else "A human, no robot"), cases=[*CASES, near])
    assert reasons(found) == ["would tie families of two splits together"]


def test_what_nobody_would_write_is_dropped_and_what_could_not_be_rated_goes_to_the_people() -> None:
    found = propose(llm=writer(reworded, score=2))
    assert found.new == () and reasons(found) == ["realism 2 of 5"] * 2
    broken = FakeLLM(lambda d: "no model" if "rated_message" in d else Paraphrases(questions=[reworded(d["message"])]))
    assert [p.realism for p in propose(llm=broken).new] == [None, None]


def test_a_model_that_fails_drops_one_text_and_never_the_rest() -> None:
    def answer(data: Any) -> BaseModel | str:
        if "message" in data:
            return "timeout" if "20" in data["message"] else Paraphrases(questions=["A human please, no robot"])
        return Realism(score=5)

    found = propose(llm=FakeLLM(answer))
    assert [p.draft.mode_id for p in found.new] == ["fm-2"]
    assert reasons(found) == ["no paraphrase: timeout"]


WITH_TUPLES = Wishes(
    0, 0, {"feature": ["refunds", "pairing the hub"], "persona": ["a pupil", "a gardener"]},
    [{"feature": "refunds", "persona": "a pupil"}],
)  # fmt: skip


def test_a_question_is_written_for_every_tuple_that_no_rule_forbids_with_documents_to_answer_from() -> None:
    llm = writer()
    found = propose(WITH_TUPLES, llm)
    assert sorted(p.draft.input for p in found.new) == [
        "pairing the hub a gardener", "pairing the hub a pupil", "refunds a gardener",
    ]  # fmt: skip
    assert {p.draft.criteria for p in found.new} == {"It is right."}
    assert {p.draft.parent_case_id for p in found.new} == {None}
    assert {str(p.draft.context) for p in found.new} == {"({'id': 'pair'},)"}
    assert all("tuple: feature=" in (p.draft.transform or "") for p in found.new)


def test_tuples_and_phrasing_are_separate_calls_and_real_questions_shown_are_of_the_train_split() -> None:
    llm = writer()
    propose(WITH_TUPLES, llm)
    asked = Counter("situation" if '"situation"' in str(a.messages) else "rating" for a in llm.asked)
    assert asked == {"situation": 3, "rating": 3}
    assert all("speak to a person" in str(a.messages) for a in llm.asked)
    assert not any("student discount" in str(a.messages) for a in llm.asked)


def test_adversarial_cases_attack_happy_paths_and_wait_too() -> None:
    found = propose(Wishes(0, 6))
    assert {p.draft.parent_case_id for p in found.new} == {CASES[2].case_id}
    assert [p.draft.kind for p in found.new] == ["adversarial"] * 6
    assert propose(Wishes(0, 6), cases=CASES[:2]).new[0].draft.parent_case_id == CASES[0].case_id


def test_a_retired_case_is_no_parent() -> None:
    gone = [replace(c, status="retired") for c in CASES]
    assert propose(Wishes(), cases=gone).new == ()


def test_a_message_that_says_something_is_preferred_as_a_parent() -> None:
    short = a_case(case_id="g-0", input="Yes.", source_trace_id="t0", session_id="s0")
    found = propose(llm=writer(reworded), cases=[short, *CASES])
    assert "Yes." not in [p.draft.input for p in found.new]
    assert [p.draft.parent_case_id for p in found.new] == [CASES[0].case_id, CASES[1].case_id]
