"""Where a text of the test split can be seen before the gate uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_pipeline.flows.evaluate import Evaluator, active_cases
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.leakage import asked, leaks
from flywheel_pipeline.records import GoldenCase, PromptCandidate
from flywheel_pipeline.steps.golden import near_pairs

TEST = ("test",)


@dataclass(frozen=True)
class Leak:
    """A test case, where its text is, and what to do about it."""

    case_id: str
    where: str
    remedy: str


def find_leaks(bench: Workbench) -> list[Leak]:
    """Return the test cases whose text is in the production prompt, a judge's examples or the train split."""
    cases = bench.lake.read("golden_set", GoldenCase)
    history = bench.registry.history()
    production = [("the production prompt", bench.registry.get(history[-1]).text)] if history else []
    judges = Evaluator(bench, bench.llm()).judges()
    examples = [(f"the examples of {j.evaluator}", "\n".join(j.examples)) for j in judges]
    return [
        *_in_texts(production, cases, _first_prompt(bench), "take it out of the prompt, or retire the case"),
        *_in_texts(examples, cases, "", "retire the case"),
        *_in_train(active_cases(bench)),
    ]


def find_candidate_leaks(bench: Workbench) -> list[Leak]:
    """Return the test cases whose text is in a candidate that the gate did not reject."""
    candidates = bench.lake.read("prompt_candidate", PromptCandidate)
    texts = [(f"candidate {c.candidate_id}", c.text) for c in candidates if c.decision != "reject"]
    cases = bench.lake.read("golden_set", GoldenCase)
    return _in_texts(texts, cases, _first_prompt(bench), "do not promote it, or retire the case")


def _first_prompt(bench: Workbench) -> str:
    history = bench.registry.history()
    return bench.registry.get(history[0]).text if history else ""


def _in_texts(texts: Sequence[tuple[str, str]], cases: list[GoldenCase], base: str, remedy: str) -> list[Leak]:
    return [Leak(case_id, where, remedy) for where, text in texts for case_id in leaks(text, cases, base, TEST)]


def _in_train(cases: list[GoldenCase]) -> list[Leak]:
    """Compare by words only: unlike a similarity of meaning, that does not shift with the other cases there are."""
    train, test = ([c for c in cases if c.split == s] for s in ("train", "test"))
    pairs = near_pairs([asked(c.messages) for c in (*train, *test)], known=len(train))
    both = [(i, j - len(train)) for i, j in pairs if i < len(train)]
    return [Leak(test[j].case_id, f"the train case {train[i].case_id}", "retire one of the two") for i, j in both]
