"""Which flipped cases the expert is asked about, on which answers, and which labels count."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.records import CaseAnswer
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
from flywheel_pipeline_tests.builders import an_answer

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
