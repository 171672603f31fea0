"""The noise floor: the production prompt evaluated against itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.afresh import outcomes_vary
from flywheel_pipeline.flows.evaluate import Evaluator, active_cases, read_verdicts
from flywheel_pipeline.flows.improve import judgement_of
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import PromptVersion
from flywheel_pipeline.stats import Rate, proportion
from flywheel_pipeline.steps.improve.flips import flipped

NOISE_READER = "gate noise"
"""Who reads the test split here: no candidate is chosen by it, so that it is no look."""


@dataclass(frozen=True)
class Noise:
    """Cases that flip between two evaluations of the same prompt.

    `n` cases have a known outcome in both; `n_cases` were evaluated. Where the app and the judges are deterministic
    (`varies` is false), nothing is asked again and nothing can flip.
    """

    prompt: str
    flips: tuple[str, ...]
    n: int
    n_cases: int
    varies: bool

    @property
    def rate(self) -> Rate:
        """The share of cases that flip, with its 95 % interval."""
        return proportion(len(self.flips), self.n)

    def lines(self) -> list[str]:
        """Return the result for a terminal."""
        if not self.varies:
            return [f"0 of {self.n} cases flip: the app and the judges are deterministic, so nothing was asked again"]
        named = f": {', '.join(self.flips[:10])}{', …' if len(self.flips) > 10 else ''}" if self.flips else ""
        unknown = f"; {self.n_cases - self.n} cases have no known outcome in one of the two" * (self.n < self.n_cases)
        return [
            f"{len(self.flips)} of {self.n} cases flip between two evaluations of {self.prompt}: {self.rate}{unknown}",
            f"flipped{named or ': none'}",
            "So many flips are noise. More of them call for repeats (`evaluate.repeats`, `evaluate.judge_repeats`).",
        ]


def measure_noise(bench: Workbench, run: int) -> Noise:
    """Evaluate the production prompt on dev and test once more, and compare; every number of `run` is asked anew.

    Raises:
        HomeError: the production prompt has not been evaluated yet, or no judge may decide.
        ModelError: the app answered no case, or a model cannot be called.
    """
    prompts = bench.lake.read("production_prompt", PromptVersion)
    cases = [c for c in active_cases(bench) if c.split != "train" and c.kind != "adversarial"]
    judgement = judgement_of(bench)
    before = judgement.cases(read_verdicts(bench, prompts[0].version)) if prompts else {}
    if not prompts or not judgement.judges or not before:
        raise HomeError("There is nothing to compare yet: `flywheel run` evaluates the production prompt.")
    base, ids, varies = prompts[0], [c.case_id for c in cases], outcomes_vary(bench)
    token = f"noise-{run}"
    again = replace(base, version=f"{base.version}~{token}")
    rows = Evaluator(bench, bench.llm(), NOISE_READER, token).evaluate(again, cases) if varies else []
    after = judgement.cases(rows) if varies else before
    known = [c for c in ids if c in before and c in after]
    return Noise(base.version, tuple(flipped(before, after, known)), len(known), len(ids), varies)
