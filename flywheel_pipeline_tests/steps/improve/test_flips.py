"""Which flipped cases the expert is asked about, on which answers, and which labels count."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.records import CaseAnswer, Json, PromptVersion
from flywheel_pipeline.steps.improve.bench import Bench
from flywheel_pipeline.steps.improve.flips import (
    BATCH,
    LIMIT,
    FlipLabel,
    drawn,
    in_rounds,
    labels_on,
    next_batch,
    pair_of,
    shows_candidate_first,
)
from flywheel_pipeline.steps.improve.search import decide_again
from flywheel_pipeline_tests.builders import an_answer
from flywheel_pipeline_tests.fakes import FakeEvaluate
from flywheel_pipeline_tests.steps.improve.gates import a_gate
from flywheel_pipeline_tests.steps.improve.test_search import (
    BASE,
    DEV,
    JUDGE,
    JUDGEMENT,
    TEST,
    TRAIN,
    label,
    number,
    search,
)

IDS = [f"g-{i}" for i in range(200)]
YES = (False, True)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 120), st.integers(0, 130))
def test_labels_count_by_complete_rounds_and_the_rest_of_the_round_is_asked_for(n: int, n_labelled: int) -> None:
    order = drawn(IDS[:n])
    labels = dict.fromkeys(order[:n_labelled], YES)
    counted, asked = in_rounds(IDS[:n], labels), next_batch(IDS[:n], labels)
    assert len(counted) in (len(order), *range(0, LIMIT, BATCH))
    assert len(labels) - len(counted) < BATCH
    assert set(asked).isdisjoint(labels) and len(asked) <= BATCH
    assert bool(asked) == (len(labels) < len(order))


def test_a_round_with_a_gap_does_not_count() -> None:
    order = drawn(IDS[:50])
    gap = dict.fromkeys([*order[:5], *order[6:40]], YES)
    assert in_rounds(IDS[:50], gap) == {}
    assert next_batch(IDS[:50], gap) == [order[5]]


def repeats(version: str, *outputs: str | None) -> list[CaseAnswer]:
    return [an_answer(prompt_version=version, repeat=n, output=text, error=None if text else "broken")
            for n, text in enumerate(outputs)]  # fmt: skip


def test_both_answers_are_of_one_repeat_that_both_prompts_answered() -> None:
    before, after = repeats("p", "old 0", None, "old 2"), repeats("c", "new 0", "new 1", "new 2")
    found = {pair_of(f"c{i}", "g-1", before, after) for i in range(40)}
    shown = {(p.before.output, p.after.output) for p in found if p}
    assert shown == {("old 0", "new 0"), ("old 2", "new 2")}
    assert pair_of("c", "g-1", repeats("p", None), after) is None
    assert pair_of("c", "another case", before, after) is None


def test_a_label_is_of_exactly_these_two_answers() -> None:
    before, after = repeats("p", "old"), repeats("c", "new")
    pair = pair_of("c", "g-1", before, after)
    assert pair is not None
    given_label = {"g-1": FlipLabel(False, True, pair.digest)}
    assert labels_on(given_label, "c", before, after) == {"g-1": (False, True)}
    assert labels_on(given_label, "c", before, repeats("c", "newer")) == {}
    assert labels_on(given_label, "c", repeats("p", "oldnew"), repeats("c", "")) == {}


def test_the_order_on_the_screen_is_a_fair_coin_per_case() -> None:
    first = [shows_candidate_first("p", "c", i) for i in IDS]
    assert 70 < sum(first) < 130
    assert first != [shows_candidate_first("p", "c2", i) for i in IDS]


# In the search


def test_without_labels_of_the_flipped_cases_a_candidate_waits_for_them_and_with_them_it_ships() -> None:
    (held,), _ = search("A good prompt.", gate=a_gate(), answers=answers)
    asked = json.loads(held.evidence)["to_label"]
    assert held.decision == "hold"
    assert len(asked) == 20 and set(asked) <= {c.case_id for c in TEST if number(c) % 2}
    labels = {held.candidate_id: confirmed(held.candidate_id, asked)}
    (shipped,), _ = search("A good prompt.", gate=a_gate(), labels=labels, answers=answers)
    assert shipped.decision == "ship"


def answers(version: str) -> list[CaseAnswer]:
    return [an_answer(case_id=c.case_id, prompt_version=version, output=f"{version}: {c.input}") for c in TEST]


def confirmed(candidate: str, case_ids: Sequence[str]) -> dict[str, FlipLabel]:
    """Labels that confirm these cases as fixed, on the answers as they are."""
    pairs = {c: pair_of(candidate, c, answers(BASE.version), answers(candidate)) for c in case_ids}
    return {c: FlipLabel(False, True, pair.digest) for c, pair in pairs.items() if pair}


def test_labels_of_another_candidate_or_of_other_answers_count_for_nothing() -> None:
    (held,), _ = search("A good prompt.", gate=a_gate(), answers=answers)
    ids = [c.case_id for c in TEST]
    stale = {c: replace(label, answers="of old") for c, label in confirmed(held.candidate_id, ids).items()}
    for labels in ({"another": confirmed(held.candidate_id, ids)}, {held.candidate_id: stale}):
        (again,), _ = search("A good prompt.", gate=a_gate(), labels=labels, answers=answers)
        assert again.decision == "hold"
        assert json.loads(again.evidence)["n_labelled"] == 0


def test_new_labels_are_decided_on_without_an_evaluation() -> None:
    (held,), _ = search("A good prompt.", gate=a_gate(), answers=answers)
    rows = FakeEvaluate(label, JUDGE)
    labels = {held.candidate_id: confirmed(held.candidate_id, json.loads(held.evidence)["to_label"])}
    cases = [*TRAIN, *DEV, *TEST]
    untouched = FakeEvaluate(label, JUDGE)
    bench = Bench(
        BASE, cases, rows.evaluate(BASE, cases), untouched, JUDGEMENT, a_gate(), labels=labels, answers=answers
    )
    after = rows.evaluate(PromptVersion.of("fern", held.text, BASE.version, ""), cases)
    decided = decide_again(bench, held, after)
    assert (decided.decision, decided.candidate_id, decided.changes) == ("ship", held.candidate_id, held.changes)
    assert untouched.evaluated == []


def test_a_label_is_not_one_of_the_same_texts_with_other_tool_calls() -> None:
    before = [replace(an_answer(), case_id="g-1", output="")]
    first, later = (
        [replace(before[0], tool_calls=Json(json.dumps([{"name": name}])))] for name in ("refund", "look_up")
    )
    shown = pair_of("c", "g-1", before, first)
    assert shown is not None
    given = {"g-1": FlipLabel(False, True, shown.digest)}
    assert labels_on(given, "c", before, first) == {"g-1": (False, True)}
    assert labels_on(given, "c", before, later) == {}
