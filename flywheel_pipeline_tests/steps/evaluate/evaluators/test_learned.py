"""The learned judge: what it may learn from, that it is measured on families unseen, and that it abstains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.steps.evaluate.evaluators.learned import (
    Learned,
    Lesson,
    Untrained,
    learn,
    lessons_of,
    too_few,
)
from flywheel_pipeline_tests.builders import a_case

SETTINGS = Learned()
SUBJECTS = ("hub", "valve", "probe", "parcel", "refund", "plan", "battery", "wifi", "app", "hose", "cap", "seal")


def a_lesson(i: int, failed: bool, family: int | None = None) -> Lesson:
    subject = SUBJECTS[i % len(SUBJECTS)]
    answer = f"Done! I have cancelled the {subject} for you." if failed else f"The {subject} is described on page {i}."
    return Lesson(f"t{failed}{i}", f"What about my {subject}?", answer, failed, i if family is None else family)


LESSONS = [a_lesson(i, True) for i in range(12)] + [a_lesson(i + 100, False) for i in range(12)]


def test_it_learns_words_that_speak_for_a_fail() -> None:
    judge = learn(SETTINGS, LESSONS)
    failed = judge.check(a_case(), Answer("Done! I have cancelled the kettle for you."))
    passed = judge.check(a_case(), Answer("The kettle is described on page 9."))
    assert (failed.label, passed.label) == ("fail", "pass")
    assert "cancelled" in failed.explanation or "done" in failed.explanation
    assert failed.score is not None and failed.score < 0.2


def test_it_is_unsure_of_what_it_has_never_seen() -> None:
    assert learn(SETTINGS, LESSONS).check(a_case(input="?"), Answer("Zanzibar quux.")).label == "unsure"


def test_it_is_checked_on_families_that_it_has_not_learned_from() -> None:
    """Copies of one question and answer would be recognised, if some of them were learned from."""
    copies = [
        Lesson(
            f"t{family}-{n}", "What about it?", f"{'abcdefghijklmnopqrstuvwx'[family] * 4}.", family % 2 == 0, family
        )
        for family in range(24)
        for n in range(3)
    ]
    easy, hard = learn(SETTINGS, LESSONS).checked, learn(SETTINGS, copies).checked
    assert easy.error.fails.n == easy.error.passes.n == 12
    assert easy.error.youden.value > 0.5
    assert hard.error.fails.n_right == hard.error.passes.n_right == 0
    assert hard.n_unsure == 72


def test_the_same_lessons_give_the_same_judge_and_others_another_version() -> None:
    one, two = learn(SETTINGS, LESSONS), learn(SETTINGS, LESSONS)
    answer = Answer("Done! The plan is described.")
    assert one.code_version == two.code_version
    assert one.check(a_case(), answer) == two.check(a_case(), answer)
    assert learn(SETTINGS, LESSONS[1:]).code_version != one.code_version


def test_too_few_labels_are_counted_by_family_and_nothing_is_learned() -> None:
    copies = [a_lesson(i, True, family=0) for i in range(30)] + LESSONS[12:]
    assert too_few(copies) == "label 9 more fails outside the dev and test splits"
    with pytest.raises(ValueError, match="9 more fails"):
        learn(SETTINGS, copies)
    assert too_few([]) == "label 10 more fails and 10 more passes outside the dev and test splits"


def test_an_untrained_judge_does_not_apply() -> None:
    found = Untrained("label 3 more fails").check(a_case(), Answer("Hi."))
    assert (found.label, found.broken) == (None, False)
    assert "label 3 more fails" in found.explanation


def same_first_word(texts: Sequence[str]) -> Iterable[tuple[int, int]]:
    first = [t.split()[0] for t in texts]
    return [(i, j) for i in range(len(texts)) for j in range(i) if first[i] == first[j]]


def test_what_dev_and_test_cases_nearly_ask_is_not_learned_from() -> None:
    kept_back = [a_case(input="Refund please", source_trace_id="t0", split="test")]
    answers = [
        (a_case(input="Refund now", source_trace_id="t1"), True),
        (a_case(input="Parcel lost", source_trace_id="t2"), True),
        (a_case(input="Parcel late", source_trace_id="t3"), False),
        (a_case(input="Warranty", source_trace_id="t0"), False),
        (a_case(input="Warranty ends when", source_trace_id="t5"), False),
        (a_case(input="Silence", source_trace_id="t6", observed_output=" "), True),
    ]
    found = lessons_of(answers, kept_back, same_first_word)
    assert [x.trace_id for x in found] == ["t2", "t3"]
    assert len({x.family for x in found}) == 1
