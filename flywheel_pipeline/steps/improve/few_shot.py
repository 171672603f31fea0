"""Few-shot examples: answers that passed in production, as a fenced part at the end of the prompt."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.prompts import VARIABLE
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.improve.propose import ProposedPrompt, refuse_held_out
from flywheel_pipeline.steps.improve.trials import Trial, Trials

HEAD = "Examples of good answers (they show the manner, not the facts):"


@dataclass(frozen=True)
class FewShot:
    """Appends `n` happy paths of the train split; `redact` returns a text without personal data and secrets."""

    n: int
    embed: Embed
    redact: Callable[[str], str]
    name: str = field(default="few_shot", init=False)

    def minimum(self, n_dev: int) -> int:
        """Return the number of answers that it takes: its one proposal on dev."""
        return n_dev

    def improve(self, start: Trial, trials: Trials) -> str:
        """Propose `start` with examples; see `improver.Improver`."""
        good = [c for c in trials.train if c.kind == "happy_path" and c.reference and not _has_variables(c)]
        if not good or not self.n:
            return "the train split has no happy path with an answer to show"
        failing = [c for c in trials.train if c.kind == "failure"]
        examples = few_shot(spread(good, failing, self.n, self.embed), self.redact)
        text = f"{start.text}\n\n{examples}"
        changes = (*start.proposal.changes, f"{min(self.n, len(good))} examples of good answers")
        trials.propose(ProposedPrompt(text, changes, examples, start.proposal.reasons), start, self.name)
        return "its one proposal is tried"


def few_shot(good: Sequence[GoldenCase], redact: Callable[[str], str] = str) -> str:
    """Return the few-shot section of a prompt, one JSON object per line, so that no example can pose as an instruction.

    Raises:
        ValueError: a case is not of the train split.
    """
    refuse_held_out(good)
    rows = [
        json.dumps({"user": redact(c.input), "answer": redact(c.reference or "")}, ensure_ascii=False) for c in good
    ]
    return "\n".join([HEAD, *rows])


def spread(good: Sequence[GoldenCase], failing: Sequence[GoldenCase], n: int, embed: Embed) -> list[GoldenCase]:
    """Return up to `n` good cases that are together closest to the failing ones, in the order of `good`.

    Facility location, greedily: each next case adds most to the sum, over failing cases, of the similarity to the
    closest chosen one (Nemhauser, Wolsey & Fisher 1978). Without failing cases they cover the good ones.
    """
    if len(good) <= n:
        return list(good)
    of = failing or good
    vectors = np.asarray(embed.embed([c.input for c in (*good, *of)]))
    similar = np.clip(vectors[: len(good)] @ vectors[len(good) :].T, 0, None)
    chosen, covered = list[int](), np.zeros(len(of))
    for _ in range(n):
        gains = np.maximum(similar, covered).sum(axis=1)
        gains[chosen] = -1.0
        chosen.append(int(np.argmax(gains)))
        covered = np.maximum(covered, similar[chosen[-1]])
    return [good[i] for i in sorted(chosen)]


def _has_variables(case: GoldenCase) -> bool:
    return any(VARIABLE.search(text or "") for text in (case.input, case.reference))
