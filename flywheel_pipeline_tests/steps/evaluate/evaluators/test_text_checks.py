"""Checks of an answer's text: exact, contains, forbidden, regex, length; and what they have in common."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.evaluate.evaluators.contains import Contains
from flywheel_pipeline.steps.evaluate.evaluators.exact import Exact
from flywheel_pipeline.steps.evaluate.evaluators.forbidden import Forbidden
from flywheel_pipeline.steps.evaluate.evaluators.groundedness import Groundedness
from flywheel_pipeline.steps.evaluate.evaluators.json_schema import JsonSchema
from flywheel_pipeline.steps.evaluate.evaluators.judgement import CodeEvaluator, Judgement
from flywheel_pipeline.steps.evaluate.evaluators.language import Language
from flywheel_pipeline.steps.evaluate.evaluators.length import Length
from flywheel_pipeline.steps.evaluate.evaluators.links import Links
from flywheel_pipeline.steps.evaluate.evaluators.markdown import Markdown
from flywheel_pipeline.steps.evaluate.evaluators.re2_patterns import search
from flywheel_pipeline.steps.evaluate.evaluators.regex import Regex
from flywheel_pipeline.steps.evaluate.evaluators.retrieval import Retrieval
from flywheel_pipeline.steps.evaluate.evaluators.sentences import sentences, words
from flywheel_pipeline.steps.evaluate.evaluators.similarity import Similarity
from flywheel_pipeline.steps.evaluate.evaluators.tool_calls import ToolCalls
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.conftest import REPO

COVERS = (
    "steps/evaluate/evaluators/contains.py", "steps/evaluate/evaluators/exact.py",
    "steps/evaluate/evaluators/forbidden.py",
    "steps/evaluate/evaluators/length.py", "steps/evaluate/evaluators/phrases.py",
    "steps/evaluate/evaluators/re2_patterns.py", "steps/evaluate/evaluators/references.py",
    "steps/evaluate/evaluators/regex.py", "steps/evaluate/evaluators/sentences.py",
    "steps/evaluate/evaluators/text.py",
)  # fmt: skip
YES: Any = (True,)
"""What YAML makes of `[yes]`."""
MOST: Any = "most"
EVERY: list[CodeEvaluator] = [
    Exact(texts=("x",)), Contains(texts=("x",)), Forbidden(texts=("x",)), Regex(pattern="x"), Length(at_most=9),
    Markdown(require=("table",)), Language(languages=("en",)), Links(),
]  # fmt: skip


def judged(evaluator: CodeEvaluator, output: str | None, **case: Any) -> Judgement:
    return evaluator.check(a_case(**case), Answer(output))


def label(evaluator: CodeEvaluator, output: str | None, **case: Any) -> str | None:
    return judged(evaluator, output, **case).label


@pytest.mark.parametrize("evaluator", EVERY, ids=lambda e: str(e.kind))
def test_without_a_text_there_is_no_verdict(evaluator: CodeEvaluator) -> None:
    assert label(evaluator, "") is None
    assert label(evaluator, " \n\t") is None
    failed = evaluator.check(a_case(), Answer("half", error="connection lost"))
    assert (failed.label, failed.broken) == (None, True)
    assert "connection lost" in failed.explanation


def test_a_text_that_is_too_long_has_no_verdict() -> None:
    found = judged(Length(at_least=1), "a" * 1_000_001)
    assert (found.label, found.broken) == (None, True)


HOSTILE = (
    "a" * 10_000_000, "\ud800 half a character", "{" * 900_000, "{0}{x!r}%s%(a)d", "\x00\x01\x02",
    "x" + "\u0301" * 50_000, "[" * 40_000, "```\n" * 10_000, "http://" + "." * 900_000, "\u202e\u200b\ufeff",
    "ﷺ" * 50_000, "> " * 20_000, "https://a.b/(" * 70_000,
)  # fmt: skip


@pytest.mark.parametrize("evaluator", EVERY, ids=lambda e: str(e.kind))
def test_no_text_breaks_an_evaluator_or_makes_it_slow(evaluator: CodeEvaluator) -> None:
    for text in HOSTILE:
        started = time.process_time()
        found = judged(evaluator, text)
        assert found.label in ("pass", "fail", "unsure", None)
        assert len(found.explanation) < 1_000
        found.explanation.encode()
        assert time.process_time() - started < 4


@pytest.mark.parametrize(
    ("settings", "output", "expected"),
    [
        ({}, "Yes.\n", "pass"),
        ({}, "yes.", "fail"),
        ({"ignore": ("case", "punctuation", "whitespace")}, "YES", "pass"),
        ({"ignore": ()}, "Yes. ", "fail"),
        ({"texts": ("No.", "Never.")}, "Never.", "pass"),
        ({"texts": ("No.",)}, "Yes.", "fail"),
    ],
)
def test_exact_compares_with_the_reference_or_given_texts(settings: Any, output: str, expected: str) -> None:
    assert label(Exact(**settings), output, reference="Yes.") == expected


def test_exact_accepts_an_alternative_and_the_same_text_in_another_encoding() -> None:
    case = {"reference": "79", "reference_alternatives": Json('["café"]')}
    assert label(Exact(), "cafe\u0301", **case) == "pass"
    assert (
        judged(Exact(), "80", **case).explanation == 'the answer is "80", not "79" or another of 2 known-good answers'
    )


def test_exact_without_a_reference_is_no_verdict() -> None:
    assert judged(Exact(), "Yes.") == Judgement(None, "the case has no reference")


@pytest.mark.parametrize(
    ("text", "output", "found"),
    [
        ("30 days", "within **30**\ndays", True),
        ("art", "A part of it", False),
        ("refund", "Refunds", False),
        ("don't", "We don’t do that", True),
        ("refund", "re\u200bfund", True),
        ("refund", "rеfund", True),  # a Cyrillic е
        ("退款", "请退款吧", True),
        ("C++", "I like C++, really", True),
        ("a_b", "a_b", True),
        ("ＶＩＰ", "a vip", True),
    ],
)
def test_phrases_are_found_as_a_reader_sees_them(text: str, output: str, found: bool) -> None:
    assert label(Contains(texts=(text,)), output) == ("pass" if found else "fail")
    assert label(Forbidden(texts=(text,)), output) == ("fail" if found else "pass")


def test_parts_of_words_and_case_count_where_asked() -> None:
    assert label(Contains(texts=("refund",), whole_words=False), "Refunds") == "pass"
    assert label(Contains(texts=("refund",), ignore_case=False), "Refund") == "fail"
    assert label(Forbidden(texts=("Refund",), ignore_case=False), "A Re\u200bfund") == "fail"


@given(st.lists(st.sampled_from(["red", "green", "blue"]), min_size=1, unique=True), st.sets(st.sampled_from("rgb")))
def test_all_implies_any_and_forbidden_is_the_opposite_of_contains(texts: list[str], there: set[str]) -> None:
    output = "I like " + " and ".join(t for t in ("red", "green", "blue") if t[0] in there) + "."
    wanted = tuple(texts)
    every, some = label(Contains(wanted), output), label(Contains(wanted, require="any"), output)
    assert not (every == "pass" and some == "fail")
    assert (some == "pass") == (label(Forbidden(wanted), output) == "fail")
    assert (every == "pass") == (label(Forbidden(wanted, fail_on="all"), output) == "fail")


def test_regex_matches_or_must_not() -> None:
    assert label(Regex(pattern=r"\bFW-\d{5}\b"), "Order FW-12345.") == "pass"
    assert label(Regex(pattern=r"(?i)^sorry", must_match=False), "Sorry!") == "fail"
    assert judged(Regex(pattern="(?m)^b$"), "a\nb").explanation == '"b" matches "(?m)^b$"'


def test_a_catastrophic_pattern_takes_no_time() -> None:
    started = time.process_time()
    assert label(Regex(pattern="^(a+)+$"), "a" * 100_000 + "b") == "fail"
    assert time.process_time() - started < 1
    assert search("(x+x+)+y", "x" * 10_000) is None


@pytest.mark.parametrize("pattern", ["(?=a)", r"(a)\1", "(", "", "\ud800"])
def test_a_pattern_that_re2_cannot_read_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Regex(pattern=pattern)


@pytest.mark.parametrize(
    ("unit", "text", "n"),
    [
        ("words", "It costs 3.50 euros, doesn't it?", 6),
        ("words", "退款需要三天", 6),
        ("characters", "  añb \n", 3),
        ("sentences", "Hello Dr. Smith, e.g. 3.5 kg. Fine!\n- one\n- two,\n  still two", 4),
        ("paragraphs", "a\nb\n\nc\n \t\nd", 3),
    ],
)
def test_length_counts_as_a_reader_does(unit: Any, text: str, n: int) -> None:
    assert label(Length(unit=unit, at_least=n, at_most=n), text) == "pass"
    assert label(Length(unit=unit, at_most=n - 1), text) == "fail"
    assert label(Length(unit=unit, at_least=n + 1), text) == "fail"


@given(st.text(min_size=1).filter(str.strip), st.integers(0, 40), st.integers(0, 40))
def test_a_wider_range_never_fails_what_a_narrower_one_passes(text: str, low: int, more: int) -> None:
    narrow, wide = Length(at_least=low, at_most=low + 5), Length(at_least=max(0, low - more), at_most=low + 5 + more)
    assert label(narrow, text) != "pass" or label(wide, text) == "pass"


@given(st.text())
def test_no_word_is_lost_or_made_up_by_parting_sentences(text: str) -> None:
    parted = [w for s in sentences(text) for w in words(s)]
    assert len(parted) <= len(words(text)) + text.count("\n") + len(text)
    assert set("".join(parted)) <= set(text)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: Length(), "at_least or at_most"),
        (lambda: Length(at_least=5, at_most=4), "larger"),
        (lambda: Length(at_most=True), "integer"),
        (lambda: Length(at_most=-1), "greater"),
        (lambda: Contains(texts=()), "at least 1"),
        (lambda: Contains(texts=(" ",)), "pattern"),
        (lambda: Contains(texts=YES), "string"),
        (lambda: Contains(texts=("a",), **{"require": MOST}), "'all' or 'any'"),
        (lambda: Forbidden(**{"words": YES}), "words"),
        (lambda: Exact(ignore=MOST), "whitespace"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_with_their_name(make: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        make()


def test_one_text_may_stand_without_a_list() -> None:
    one: Any = "refund"
    assert Contains(texts=one).texts == ("refund",)


def test_every_example_of_the_chapter_is_an_evaluator() -> None:
    chapter = (REPO / "flywheel_pipeline" / "steps" / "evaluate" / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", chapter.split("## Evaluators in code")[1], re.M | re.S)
    entries = [entry for block in blocks for entry in yaml.safe_load(block)["evaluators"]]
    classes: list[Any] = [*map(type, EVERY), JsonSchema, ToolCalls, Retrieval, Groundedness, Similarity]
    kinds = {c.kind: c for c in classes}
    assert {e["kind"] for e in entries} == kinds.keys()
    for entry in entries:
        kinds[entry["kind"]](**entry["settings"])
