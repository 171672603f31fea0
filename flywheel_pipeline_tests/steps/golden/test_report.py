"""What the golden set is made of, and what a person should know it lacks."""

from __future__ import annotations

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden.report import Question, compose, find_gaps
from flywheel_pipeline_tests.builders import a_case

MODES = {"fm-1": "Made up", "fm-2": "Rude"}


def a_happy(text: str, **changes: str) -> GoldenCase:
    return a_case(case_id=f"g-{text}", kind="happy_path", mode_id=None, input=text, **changes)


def asked(*texts: str, failed: bool = False) -> list[Question]:
    """Each text often, and never the same."""
    return [Question(f"{text} {i}", failed) for text in texts for i in range(6 if failed else 12)]


def test_composition_counts_active_cases_by_mode_kind_and_split() -> None:
    cases = [
        a_case(case_id="g-1"),
        a_case(case_id="g-2", split="dev"),
        a_case(case_id="g-3", status="retired"),
        a_case(case_id="g-4", mode_id="fm-2", kind="synthetic"),
        a_happy("hello"),
        a_case(case_id="g-5", kind="adversarial", mode_id=None, split="train"),
    ]
    assert compose(cases, MODES) == [
        ("Made up", "failure", 0, 1, 1, 2),
        ("no mode", "happy_path", 0, 0, 1, 1),
        ("Rude", "synthetic", 0, 0, 1, 1),
        ("no mode", "adversarial", 1, 0, 0, 1),
    ]


def test_a_mode_with_few_failures_or_none_held_out_is_a_gap() -> None:
    cases = [a_case(case_id=f"g-{i}", split=s) for i, s in enumerate(("dev", "test", "test"))]
    cases += [a_case(case_id="g-9", mode_id="fm-2", split="train"), *(a_happy(f"h{i}") for i in range(4))]
    assert find_gaps(cases, MODES, []) == [
        "“Rude” has 1 failures; 3 or more represent a mode", "no dev case guards “Rude”", "no test case guards “Rude”",
    ]  # fmt: skip


def test_missing_happy_paths_are_a_gap() -> None:
    gaps = find_gaps([a_case(case_id=f"g-{i}") for i in range(3)], {}, [])
    assert gaps == ["0 happy paths for 3 failures: label 3 more passing traces"]


def test_a_topic_that_users_ask_about_and_no_happy_path_is_a_gap_failures_first() -> None:
    usual = asked("Where can I download the invoice", "Which colours has the lamp", "How do I pair it", "Is it loud")
    questions = [*usual, *asked("I want refunds", "A refund now", failed=True)]
    gaps = find_gaps([a_happy("How do I pair this")], {}, questions)
    assert gaps[0].startswith("no happy path asks about “refund") and "12 of them failed" in gaps[0]
    assert any("download" in g for g in gaps)
    assert not any("pair" in g for g in gaps)
    assert find_gaps([a_happy("Refund, pairing, the lamp’s colour, a loud download, an invoice")], {}, questions) == []


def test_one_topic_is_reported_once_whatever_its_words() -> None:
    rest = asked("pair it", "is it loud", "my lamp", "the hub")
    gaps = find_gaps([a_happy("pair loud lamp hub")], {}, [*asked("parcel never arrived"), *rest])
    assert len(gaps) == 1


def test_rare_words_and_words_that_stand_everywhere_are_no_topics() -> None:
    questions = [Question(f"fern {chr(97 + i) * 5} about the garden{i}") for i in range(26)]
    assert find_gaps([], {}, questions) == []
