"""An improver that proposes what a test gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flywheel_pipeline.steps.improve.propose import ProposedPrompt
from flywheel_pipeline.steps.improve.trials import Trial, Trials


@dataclass
class Given:
    """Proposes these prompts, all made from where it starts."""

    proposals: Sequence[ProposedPrompt]
    name: str = "given"
    tried: list[Trial] = field(default_factory=list)

    def minimum(self, n_dev: int) -> int:
        return 0

    def improve(self, start: Trial, trials: Trials) -> str:
        for proposal in self.proposals:
            self.tried.append(trials.propose(proposal, start, self.name))
        return "all are proposed"
