"""Few-shot examples: of the train split, fenced, redacted, and close to what fails."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.improve.few_shot import FewShot, few_shot, spread
from flywheel_pipeline.steps.improve.trials import Trials
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.fakes import FakeEmbed
from flywheel_pipeline_tests.steps.improve.test_trials import a_bench

GOOD = [
    a_case(case_id=f"happy-{i}", kind="happy_path", mode_id=None, input=text, reference=f"Answer {i}.", split="train")
    for i, text in enumerate(["pair the hub", "water the lawn", "pair a probe", "cancel the plan"])
]
FAILING = [a_case(case_id="f-1", input="cancel my plan", split="train"), a_case(case_id="f-2", input="pair the hub")]


@given(st.lists(st.tuples(st.text(), st.text()), max_size=3))
def test_examples_are_one_json_line_each_whatever_they_say(pairs: list[tuple[str, str]]) -> None:
    text = few_shot([a_case(input=question, reference=answer, split="train") for question, answer in pairs])
    rows: list[Any] = [json.loads(line) for line in text.split("\n")[1:] if line]
    assert rows == [{"user": question, "answer": answer} for question, answer in pairs]


def test_a_held_out_example_is_refused() -> None:
    with pytest.raises(ValueError, match="train split, not happy-0"):
        few_shot([replace(GOOD[0], split="dev")])


def test_the_examples_closest_to_what_fails_are_shown() -> None:
    assert [c.case_id for c in spread(GOOD, FAILING, 2, FakeEmbed())] == ["happy-0", "happy-3"]
    assert spread(GOOD, FAILING, 9, FakeEmbed()) == GOOD


def test_examples_are_redacted_and_one_with_a_variable_is_never_shown() -> None:
    secret = replace(GOOD[0], reference="Write to ann@example.com.", split="train")
    variable = replace(GOOD[1], input="What is {{order}}?", split="train")
    bench, _ = a_bench(more=[secret, variable])
    trials = Trials(bench, 100)
    few = FewShot(3, FakeEmbed(), lambda text: text.replace("ann@example.com", "<email>"))
    assert few.improve(trials.base, trials) == "its one proposal is tried"
    (found,) = [t for t in trials.found.values() if t.improver == "few_shot"]
    assert found.proposal.examples in found.text and "<email>" in found.text
    assert "ann@example.com" not in found.text and "{{order}}" not in found.text
    assert found.proposal.instructions.strip() == trials.base.text


def test_without_a_good_answer_nothing_is_proposed() -> None:
    bench, evaluate = a_bench()
    trials = Trials(bench, 100)
    assert "no happy path" in FewShot(3, FakeEmbed(), str).improve(trials.base, trials)
    assert not evaluate.evaluated
