"""Two judges on the same answers: who recognises more, how sure that is, and on what they agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.stats import Recall
from flywheel_pipeline.steps.evaluate.judge_change import (
    NONE,
    OPTIONS,
    agreement_matrix,
    describe_error,
    judge_change,
    judge_error,
)
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer
from flywheel_pipeline_tests.builders import a_case

LABELS = st.sampled_from(["pass", "fail", "unsure", None])


def answers(n_fail: int, n_pass: int) -> list[LabelledAnswer]:
    kinds = ["failure"] * n_fail + ["happy_path"] * n_pass
    return [LabelledAnswer(a_case(case_id=f"c{i}", source_trace_id=f"t{i}", kind=k)) for i, k in enumerate(kinds)]


def names(n: int) -> list[str]:
    return [f"t{i}" for i in range(n)]


def test_a_better_judge_gains_the_points_of_both_recalls() -> None:
    before = ["pass"] * 10 + ["fail"] * 20 + ["pass"] * 80
    after = ["fail"] * 30 + ["pass"] * 80
    found = judge_change(answers(30, 80), before, after, names(110))
    assert found.difference == pytest.approx(1 / 3)
    assert 0 < found.low < 1 / 3 < found.high
    assert describe_error(found.after) == "catches 30/30 fails, recognises 80/80 passes"
    assert "cannot tell" not in str(found)


def test_a_change_of_one_answer_cannot_be_told_from_chance() -> None:
    found = judge_change(answers(5, 5), ["pass", *["fail"] * 4, *["pass"] * 5], ["fail"] * 5 + ["pass"] * 5, names(10))
    assert found.low < 0 < found.difference and "cannot tell" in str(found)


def test_an_answer_without_a_verdict_of_both_is_left_out_and_counted_never_wrong() -> None:
    found = judge_change(answers(3, 2), ["fail"] * 3 + ["pass"] * 2, [None, "fail", "fail", "pass", None], names(5))
    assert (found.n, found.n_dropped, found.difference) == (3, 2, 0)
    assert judge_error(answers(3, 2), [None, "fail", "unsure", "pass", None]).fails == Recall(1, 2)


def test_without_common_verdicts_two_judges_are_not_comparable() -> None:
    found = judge_change(answers(1, 1), ["fail", "pass"], [None, "pass"], names(2))
    assert str(found).startswith("not comparable")


def test_near_duplicates_count_less_than_independent_answers() -> None:
    before, after = ["pass"] * 12 + ["pass"] * 12, ["fail"] * 6 + ["pass"] * 6 + ["pass"] * 12
    alone = judge_change(answers(12, 12), before, after, names(24))
    alike = judge_change(answers(12, 12), before, after, ["a"] * 6 + ["b"] * 6 + names(12))
    assert alike.high - alike.low > alone.high - alone.low


@given(st.lists(st.tuples(LABELS, LABELS), max_size=40))
def test_the_matrix_counts_every_answer_once(pairs: list[tuple[str | None, str | None]]) -> None:
    found = agreement_matrix([a for a, _ in pairs], [b for _, b in pairs])
    assert sum(sum(counts) for _, counts in found.rows()) == len(pairs)
    assert [label for label, _ in found.rows()] == list(OPTIONS)
    both = [(a, b) for a, b in pairs if a and b]
    assert (found.agreement.n, found.counts.get((NONE, NONE), 0)) == (len(both), pairs.count((None, None)))
    if both:
        assert found.agreement.value == pytest.approx(sum(a == b for a, b in both) / len(both))
