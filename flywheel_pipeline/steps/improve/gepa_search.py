"""GEPA (Agrawal et al. 2025, arXiv 2507.19457) as an improver: its search, our evaluation, fence, budget and question.

From `gepa` comes what is evolved next: the parent, drawn from the Pareto front over dev cases and failure modes, and
whether a child is worth an evaluation on dev: only if more cases of its minibatch of the train split pass than under
the parent. Its reflection prompt is not used, since that asks for facts of the domain, which would be those of the
cases. Nor is its state on disk, which is pickled: with the same seed a search goes the same way, and what it asked
before is in our caches. An evaluation that is lost to errors drops the proposal, and is never a score.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.ports import LLM
from flywheel_pipeline.records import EvalResult, GoldenCase
from flywheel_pipeline.steps.improve.edits import EditReply, Refused, apply_edits, edit_ask
from flywheel_pipeline.steps.improve.failures import Failures
from flywheel_pipeline.steps.improve.propose import ProposedPrompt
from flywheel_pipeline.steps.improve.reflective import screen_edits
from flywheel_pipeline.steps.improve.trials import Trial, Trials

PROMPT = "prompt"
"""GEPA's name for the one text that is evolved."""


@dataclass(frozen=True)
class Gepa:
    """The improver; it stops after `patience` iterations in a row that bring no better prompt on dev."""

    llm: LLM
    app: str
    failures: Failures
    minibatch: int = 3
    patience: int = 6
    seed: int = 1
    name: str = field(default="gepa", init=False)

    def minimum(self, n_dev: int) -> int:
        """Return GEPA's least sensible budget: dev once, and three proposals on a minibatch and on dev."""
        return n_dev + 3 * (self.minibatch + n_dev)

    def improve(self, start: Trial, trials: Trials) -> str:
        """Let GEPA propose from `start`; see `improver.Improver`."""
        import gepa

        trials.rows(start.version, trials.train)
        lost = trials.failed(start.version, trials.train) | start.failed
        train, dev = ([c for c in cases if c.case_id not in lost] for cases in (trials.train, trials.dev))
        if not train or not dev:
            return "the train or the dev split has no cases"
        adapter = _Adapter(self, trials, {start.text: start})
        gepa.optimize(
            seed_candidate={PROMPT: start.text}, trainset=train, valset=dev, adapter=adapter,
            candidate_selection_strategy="pareto", frontier_type="hybrid", batch_sampler=_Minibatches(self, train),
            skip_perfect_score=True, perfect_score=1.0, stop_callbacks=adapter.should_stop, logger=_Silent(),
            track_best_outputs=False, seed=self.seed, raise_on_exception=False,
        )  # fmt: skip
        adapter.record_rejected()
        if adapter.error is not None:
            raise adapter.error
        return adapter.stop


class _Silent:
    """GEPA's logger: the lineage says what its log would."""

    def log(self, message: str) -> None:
        """Drop a message."""


@dataclass
class _Minibatches:
    """Minibatches of the train split: a failure mode is drawn by how often it fails in production, then its cases.

    The draw depends on the seed and the iteration alone.
    """

    gepa: Gepa
    train: Sequence[GoldenCase]

    def next_minibatch_ids(self, loader: Any, state: Any) -> list[int]:
        """Return the places of the cases of the next minibatch in the train split."""
        rng = random.Random(f"{self.gepa.seed}/{state.i}")
        failures = {m.mode_id: m.n_failures for m in self.gepa.failures.modes}
        size = Counter(c.mode_id for c in self.train)
        weights = [max(failures.get(c.mode_id or "", 0), 1) / size[c.mode_id] for c in self.train]
        keys = [rng.random() ** (1 / w) for w in weights]  # weighted, without replacement (Efraimidis & Spirakis 2006)
        return sorted(range(len(keys)), key=lambda i: -keys[i])[: self.gepa.minibatch]


@dataclass
class _Adapter:
    """What GEPA asks of us: to evaluate a prompt on cases, and to propose another one from what failed.

    An exception inside GEPA only ends its iteration, so that one that must end the search is kept in `error`.
    """

    gepa: Gepa
    trials: Trials
    made: dict[str, Trial]
    """The trials by the texts of their prompts, as GEPA knows them."""
    proposed: dict[str, tuple[ProposedPrompt, Trial]] = field(default_factory=dict)
    compared: set[str] = field(default_factory=set)
    lost: dict[str, str] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    stop: str = ""
    error: BaseException | None = None
    _best: Trial | None = None
    _idle: int = -1

    def should_stop(self, _: Any) -> bool:
        """Return whether no further iteration begins; GEPA asks before each."""
        best = self.trials.best()
        self._idle = 0 if best is not self._best else self._idle + 1
        self._best = best
        if not self.stop and self._idle >= self.gepa.patience:
            self.stop = f"{self._idle} iterations in a row without a better prompt on dev"
        return bool(self.stop) or self.error is not None

    def record_rejected(self) -> None:
        """Record the proposals that never came to be evaluated on dev."""
        for text, (proposal, parent) in self.proposed.items():
            if text not in self.made:
                why = "the search ended before it was evaluated"
                if text in self.compared:
                    why = "no more cases of its minibatch of the train split pass than under its parent"
                self.trials.set_aside(proposal, parent, self.gepa.name, self.lost.get(text, why), "dropped")

    def evaluate(self, batch: list[GoldenCase], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        """Return GEPA's scores of a prompt on cases: 1 or 0 (or the share of repeats), overall and per failure mode."""
        from gepa import EvaluationBatch

        try:
            rows = self._rows(candidate[PROMPT], batch)
        except Exception as error:
            self._note(error)
            raise
        read = self.trials.bench.judgement
        outcomes = read.cases(rows)
        by = {judge: read.mode(rows, judge) for judge in read.judges}
        of_case = {c.case_id: [r for r in rows if r.case_id == c.case_id] for c in batch}
        objectives = [
            {
                "all": outcomes.get(c.case_id, 0.0),
                **{j: found[c.case_id] for j, found in by.items() if c.case_id in found},
            }
            for c in batch
        ]
        return EvaluationBatch(
            outputs=[c.case_id for c in batch], scores=[outcomes.get(c.case_id, 0.0) for c in batch],
            trajectories=[of_case[c.case_id] for c in batch], objective_scores=objectives,
        )  # fmt: skip

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components_to_update: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the rows of the minibatch, from which `propose_new_texts` makes its question."""
        rows = [r for trajectory in eval_batch.trajectories for r in trajectory]
        return {PROMPT: [{"row": r} for r in rows]}

    def propose_new_texts(
        self,
        candidate: dict[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: list[str],
    ) -> dict[str, str]:
        """Return the prompt with the edits that the improver proposes; nothing when there is none to try.

        Never raises: GEPA would ask a second time.
        """
        try:
            return self._propose(self.made[candidate[PROMPT]], [r["row"] for r in reflective_dataset[PROMPT]])
        except Exception as error:
            self._note(error)
            return {}

    def _propose(self, parent: Trial, rows: Sequence[EvalResult]) -> dict[str, str]:
        shown = {r.case_id for r in rows}
        evidence = self.gepa.failures.among(parent, rows, self.trials, shown)
        if not evidence:
            return {}
        reply = self.gepa.llm.ask([edit_ask(parent.text, evidence, self.gepa.app, self.refused)])[0]
        if not isinstance(reply.parsed, EditReply):
            self.stop = f"the improver gave no usable reply: {reply.error}"
            return {}
        edits, wrong = screen_edits(reply.parsed.edits, parent, evidence, self.trials, self.gepa.name)
        self.refused += wrong
        proposal = apply_edits(parent.proposal, edits, evidence)
        problem = self.trials.problem(proposal)
        if not edits or proposal.text in self.made or problem:
            if edits and problem:
                self.trials.set_aside(proposal, parent, self.gepa.name, problem)
            return {}
        if not self.trials.bench.judgement.judges:
            self.trials.propose(proposal, parent, self.gepa.name)
        self.proposed[proposal.text] = proposal, parent
        self.refused += [Refused(e, "tried before") for e in edits]
        return {PROMPT: proposal.text}

    def _rows(self, text: str, batch: Sequence[GoldenCase]) -> list[EvalResult]:
        """Return the rows of a prompt, which becomes a trial of its own once it is evaluated on dev.

        Raises:
            _Lost: an outcome is lost to an error.
            SearchEnded: the budget is spent.
        """
        trials = self.trials
        is_dev = {c.split for c in batch} == {"dev"}
        if text not in self.made and is_dev:
            proposal, parent = self.proposed[text]
            self.made[text] = trials.propose(proposal, parent, self.gepa.name)
        version = trials.version_of(text)
        rows = trials.rows(version, batch)
        if failed := trials.failed(version, batch):
            self.lost[text] = f"{len(failed)} of {len(batch)} cases have no outcome because of errors"
            raise _Lost(self.lost[text])
        self.compared.add(text)
        return rows

    def _note(self, error: Exception) -> None:
        if not isinstance(error, _Lost):
            self.error = error


class _Lost(Exception):
    """An evaluation was lost to errors: the proposal is dropped, and the search goes on."""
