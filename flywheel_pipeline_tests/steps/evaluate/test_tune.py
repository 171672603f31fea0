"""Tuning a judge: the best on dev is kept, never the last; what broke is no score; nothing held out is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from flywheel_pipeline.errors import EvaluationError
from flywheel_pipeline.ports import Ask, Reply
from flywheel_pipeline.steps.evaluate.cells import Plan
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, Verdict, VerdictFirst
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer
from flywheel_pipeline.steps.evaluate.tune import (
    Criterion,
    ProposedCriterion,
    ToTune,
    Tuned,
    choices_of_examples,
    tune_judge,
)
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.fakes import FakeLLM

POOL = {"t1": "made up a discount", "t2": "made up a shop", "t3": "invented a button", "t4": "invented a button"}
JUDGE = ModeToJudge("fm-1", "Made up", "d", ("made up a discount",))
NOW = Criterion(examples=("t1",))
Answering = Callable[[Any], BaseModel | str]


def answers(split: str, n_fail: int, n_pass: int) -> list[LabelledAnswer]:
    made = []
    for i in range(n_fail + n_pass):
        kind, output = ("failure", f"{split} lie {i}") if i < n_fail else ("happy_path", f"{split} truth {i}")
        case = a_case(case_id=f"{split}-{i}", source_trace_id=f"{split}-{i}", kind=kind, observed_output=output,
                      criteria=f"{split} remark {i}")  # fmt: skip
        made.append(LabelledAnswer(case, is_dev=split == "dev"))
    return made


def to_tune(n_fail: int = 8, n_pass: int = 8, pool: dict[str, str] | None = None) -> ToTune:
    dev = answers("dev", n_fail, n_pass)
    return ToTune(JUDGE, NOW, POOL if pool is None else pool, dev, answers("train", 3, 3), [a.trace_id for a in dev])


def judge_by(skill: Callable[[dict[str, Any]], int]) -> Callable[[Any], Verdict]:
    """A judge that catches the first failures of dev, as many as the criterion that it is shown is worth."""

    def judge(data: Any) -> Verdict:
        _, what, number = data["answer"].split()
        caught = what == "lie" and int(number) < skill(data["failure_mode"])
        return Verdict(label="fail" if caught else "pass", explanation="so")

    return judge


def scripted(replies: list[str], skills: dict[str, int], judge: Answering | None = None) -> FakeLLM:
    """Proposes the guidance of `replies` in turn; a criterion's skill is that of its guidance."""
    left = list(replies)
    answer = judge or judge_by(lambda mode: skills.get(mode.get("guidance", ""), 2))

    def reply(data: Any) -> BaseModel | str:
        if "tried" not in data:
            return answer(data)
        text = left.pop(0)
        return text[1:] if text.startswith("!") else ProposedCriterion(guidance=text)

    return FakeLLM(reply)


def tune(llm: FakeLLM, n_rounds: int, given: ToTune | None = None, leaks: Any = lambda text: ()) -> Tuned:
    """The attempts, without the one of the other order, which has a test of its own."""
    found = tune_judge(given or to_tune(pool={}), Plan([], "demo", "m"), llm, n_rounds, leaks)
    return replace(found, attempts=[a for a in found.attempts if "before the" not in a.name])


@pytest.mark.parametrize("first", [False, True])
def test_whether_the_critique_comes_before_the_verdict_is_decided_on_dev(first: bool) -> None:
    """The judge catches more where the label comes in the order that it has not now."""

    better, worse = judge_by(lambda _: 8), judge_by(lambda _: 2)

    class OrderedLLM(FakeLLM):
        def ask(self, asks: Sequence[Ask]) -> list[Reply]:
            found = []
            for ask in asks:
                is_first = ask.schema is VerdictFirst
                assert ("the label first" in str(ask.messages[0]["content"])) == is_first
                found += FakeLLM(better if is_first != first else worse).ask([ask])
            return found

    start = to_tune(pool={})
    given = replace(start, criterion=replace(NOW, verdict_first=first), judge=replace(JUDGE, verdict_first=first))
    found = tune_judge(given, Plan([], "demo", "m"), OrderedLLM(lambda _: ""), 0, lambda _: ())
    assert found.best is not None and found.best.criterion is not None
    assert found.best.criterion.verdict_first is not first
    assert found.best.name == ("critique before the verdict" if first else "verdict before the critique")


def test_the_best_on_dev_is_kept_never_the_last() -> None:
    found = tune(scripted(["good", "best", "worst"], {"good": 5, "best": 8, "worst": 0}), 3)
    assert [a.name for a in found.attempts] == ["criterion 1", "criterion 2", "criterion 3"]
    assert found.best is not None and found.best.criterion is not None and found.best.change is not None
    assert found.best.criterion.guidance == "best" and found.best.change.difference == pytest.approx(6 / 8)
    assert found.best.change.low > 0


def test_a_tie_with_the_present_criterion_proposes_nothing() -> None:
    assert tune(scripted(["same", "worse"], {"same": 2, "worse": 1}), 2).best is None


def test_of_two_that_gain_alike_the_first_is_kept() -> None:
    best = tune(scripted(["first", "second"], {"first": 6, "second": 6}), 2).best
    assert best is not None and best.name == "criterion 1"


def test_a_failing_proposal_is_an_attempt_without_a_score_and_the_search_goes_on() -> None:
    found = tune(scripted(["!the provider is down", "good"], {"good": 5}), 2)
    assert "no proposal: the provider is down" in str(found.attempts[0]) and found.attempts[0].change is None
    assert found.best is not None and found.best.name == "criterion 2"


def test_verdicts_that_broke_are_never_wrong_answers_and_never_choose() -> None:
    """The criterion would be perfect where the judge replied, but it did not on half of dev."""

    def breaks(data: Any) -> Verdict | str:
        _, what, number = data["answer"].split()
        if "guidance" not in data["failure_mode"]:
            return Verdict(label="pass")
        return "timeout" if int(number) % 2 else Verdict(label="fail" if what == "lie" else "pass")

    found = tune(scripted(["flaky"], {}, breaks), 1)
    assert found.best is None and "no verdict on 8 of 16 dev answers" in str(found.attempts[0])


def test_a_present_judge_without_verdicts_is_an_error_and_not_a_zero_to_beat() -> None:
    with pytest.raises(EvaluationError, match="0 of 16 dev answers"):
        tune(scripted(["x"], {}, lambda data: "timeout"), 1)


def test_the_model_that_proposes_sees_train_and_no_word_of_dev() -> None:
    llm = scripted(["one", "two"], {"one": 5})
    tune(llm, 2)
    proposing = [str(a.messages) for a in llm.asked if a.role == "improver"]
    assert len(proposing) == 2
    assert all("train lie 0" in m and "train remark 0" in m for m in proposing)
    assert not any("dev lie" in m or "dev truth" in m or "dev remark" in m for m in proposing)
    assert '"outcome": "catches 5/8 fails, recognises 8/8 passes"' in llm.asked[-17].messages[-1]["content"]


def test_the_judge_is_asked_about_a_train_answer_without_the_remark_on_that_answer() -> None:
    given = replace(to_tune(pool={"train-0": "made up a discount"}), criterion=Criterion(examples=("train-0",)))
    llm = scripted(["one"], {})
    tune(llm, 1, given)
    asked = [str(a.messages) for a in llm.asked if a.role == "judge" and "train lie 0" in str(a.messages)]
    assert asked and not any("made up a discount" in m for m in asked)
    others = [str(a.messages) for a in llm.asked if a.role == "judge" and "train lie 1" in str(a.messages)]
    assert others and all("made up a discount" in m for m in others)


def test_a_criterion_that_repeats_a_held_out_case_is_not_measured() -> None:
    found = tune(scripted(["leaky"], {"leaky": 8}), 1, leaks=lambda text: ["g-7"] if "leaky" in text else ())
    assert found.best is None and "repeats the held-out case g-7" in str(found.attempts[0])


def test_the_same_criterion_is_not_measured_twice() -> None:
    found = tune(scripted(["good", "good", ""], {"good": 5}), 3)
    assert [a.problem for a in found.attempts] == ["", "it was tried before", "it was tried before"]


def test_other_examples_are_tried_first_the_most_different_ones_and_each_text_once() -> None:
    found = choices_of_examples(to_tune())
    assert [len({POOL[t] for t in chosen}) for _, chosen in found] == [2, 3]
    assert {POOL[t] for t in found[0][1]} == {"made up a discount", "invented a button"}
    tuned = tune(scripted([], {}, judge_by(lambda mode: 2 + 2 * len(mode["examples"]))), 0, to_tune())
    assert tuned.best is not None and tuned.best.criterion is not None
    assert set(tuned.best.criterion.examples) == {"t1", "t2", "t3"}


def test_a_later_criterion_keeps_the_better_examples() -> None:
    llm = scripted(["good"], {}, judge_by(lambda mode: 2 * len(mode["examples"]) + ("guidance" in mode)))
    best = tune(llm, 1, to_tune()).best
    assert best is not None and best.criterion is not None
    assert (best.criterion.guidance, len(best.criterion.examples)) == ("good", 3)
