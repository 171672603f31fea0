"""Verdicts, blanks and names in the spellings of people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.annotate.words import VERDICT_WORDS, is_blank, number_of, plain_text, tidy, verdict_of

PASS = (
    "Y P ✓ ✔\ufe0f ✅ 👍 👍🏽 OK O.K. i.O. WAHR Vrai correct ＰＡＳＳ pa\u200bss (pass) Pass. +1 thumbs_up "
    "はい 合格 Да Sí sì Ja"
)
FAIL = (
    "N F ✗ ❌ 👎🏿 FAIL. incorrect NOK n.i.O. FALSCH faux ＦＡＩＬ f\u200dail «fail» -1 thumbs-down 不合格 Нет não nej"
)


@pytest.mark.parametrize(
    ("word", "verdict"), [*((w, "pass") for w in PASS.split()), *((w, "fail") for w in FAIL.split())]
)
def test_a_verdict_is_understood_in_the_spellings_of_people(word: str, verdict: str) -> None:
    assert verdict_of(word) == verdict_of(f" {word}\u00a0") == verdict


@pytest.mark.parametrize("word", ["not ok", "not good", "NOT_OK", "nicht bestanden", "Thumbs down", "не верно?"])
def test_words_are_not_taken_for_what_they_contain(word: str) -> None:
    assert verdict_of(word) in ("fail", None)


@pytest.mark.parametrize(
    "value", ["", None, "maybe", "x", "2", "0.5", "n/a", "pass or fail", "passfail", "hallucinated", []]
)
def test_another_word_is_no_verdict(value: object) -> None:
    assert verdict_of(value) is None


def test_a_mark_beside_a_word_must_agree_with_it() -> None:
    assert [verdict_of(t) for t in ("✅ Pass", "Fail ❌", "nicht bestanden ✗")] == ["pass", "fail", "fail"]
    assert [verdict_of(t) for t in ("✅ Fail", "no fail", "✅ ❌", "pass !")] == [None, None, None, "pass"]


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(True, "pass"), (False, "fail"), (1, "pass"), (0.0, "fail"), ("1,0", "pass"), ("0.00", "fail")],
)
def test_values_of_json_are_verdicts(value: object, verdict: str) -> None:
    assert verdict_of(value) == verdict


def test_every_listed_word_is_its_own_verdict() -> None:
    assert {word: verdict_of(word) for word in VERDICT_WORDS} == VERDICT_WORDS
    assert set(VERDICT_WORDS.values()) == {"pass", "fail", "defer"}


@pytest.mark.parametrize(
    "cell", ["", " ", "null", "NONE", "N/A", "n.a.", "-", "--", "—", "...", "/", "\u200b", "NaN", "#N/A", "<NA>", None]
)
def test_a_blank_cell_says_nothing(cell: object) -> None:
    assert is_blank(cell)


@pytest.mark.parametrize("cell", ["no", "0", 0, False, "nothing", "-5", "a", "?", "None of it is true"])
def test_a_cell_that_says_something_is_not_blank(cell: object) -> None:
    assert not is_blank(cell)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Trace ID", "trace_id"), ("traceId", "trace_id"), ("What went wrong?", "what_went_wrong"),
     ("Begründung", "begründung"),
     ("  PASS / fail ", "pass_fail"), ("ＩＤ", "id"), ("(comment)", "comment")],
)  # fmt: skip
def test_a_name_is_compared_without_case_and_punctuation(name: str, expected: str) -> None:
    assert tidy(name) == expected


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0),
        (" -0.5 ", -0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("nan", None),
        ("1,5", None),
        ("", None),
        (True, None),
    ],
)
def test_a_number_is_finite_and_plain(text: object, number: float | None) -> None:
    assert number_of(text) == number


@given(st.text())
def test_plain_text_stays_as_it_is_when_made_plain_again(text: str) -> None:
    assert plain_text(plain_text(text)) == plain_text(text)
    assert verdict_of(text) in ("pass", "fail", "defer", None)
