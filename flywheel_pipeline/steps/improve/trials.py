"""The one way from an improver to an evaluation: fenced, counted, compared on dev, and recorded as a tree.

All improvers share it. It never evaluates a prompt on a case twice, never evaluates one that holds what it must not
hold, and never reads the test split. What a killed search has paid for is in the caches of the app and the models, so
that the same search again goes the same way without asking anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flywheel_pipeline.errors import NoAnswerError
from flywheel_pipeline.leakage import RUN, grams, leaks
from flywheel_pipeline.records import EvalResult, GoldenCase, PromptVersion
from flywheel_pipeline.steps.improve.bench import Bench
from flywheel_pipeline.steps.improve.foreign import copied_cases, lost_variables
from flywheel_pipeline.steps.improve.propose import ProposedPrompt

MAX_FAILED = 0.05
"""Share of dev cases whose outcome may be lost to errors, such as timeouts, before a prompt cannot be compared."""

ABLATION = "ablation"
"""The improver of prompts that are others without one of their changes."""

NO_JUDGE = "no judge agrees with the expert yet"


class SearchEnded(Exception):
    """The trials accept no more proposals; the message says why."""


@dataclass(frozen=True)
class Trial:
    """A prompt that was considered, and what came of it.

    `outcomes` is {dev case: share of its answers that pass}, without unknown ones; `failed` are the dev cases whose
    outcome is unknown because of an error. `n_answers` are those that the search had asked for by then.
    """

    version: PromptVersion
    proposal: ProposedPrompt
    parent: str | None = None
    improver: str = ""
    status: str = "base"
    reason: str = ""
    outcomes: Mapping[str, float] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()
    n_answers: int = 0

    @property
    def text(self) -> str:
        """The prompt."""
        return self.proposal.text

    @property
    def is_evaluated(self) -> bool:
        """Whether it can be compared with others."""
        return self.status in ("base", "evaluated")


@dataclass
class Trials:
    """The trials of one search; `max_answers` bounds the answers asked for, cached ones included."""

    bench: Bench
    max_answers: int
    n_answers: int = 0
    found: dict[str, Trial] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What else happened: why improvers stopped, and edits that could not be made."""
    shown: dict[str, set[str]] = field(default_factory=dict)
    """{train case: answers and critiques of it that an improver was shown}, of which nothing may be copied either."""
    _rows: dict[str, dict[str, list[EvalResult]]] = field(default_factory=dict)
    _unanswered: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        base = self.bench.base
        self.dev: list[GoldenCase] = [c for c in self.bench.split("dev") if c.kind != "adversarial"]
        self.train: list[GoldenCase] = [c for c in self.bench.split("train") if c.kind != "adversarial"]
        known: dict[str, list[EvalResult]] = {c.case_id: [] for c in (*self.dev, *self.train)}
        for row in self.bench.baseline:
            known.get(row.case_id, []).append(row)
        self._rows[base.version] = known
        self.base = self._with_outcomes(Trial(base, ProposedPrompt(base.text, ())))
        self.found[base.version] = self.base

    @property
    def left(self) -> int:
        """Answers that may still be asked for."""
        return self.max_answers - self.n_answers

    def propose(self, proposal: ProposedPrompt, parent: Trial, improver: str, aside: bool = False) -> Trial:
        """Try a proposal on dev, unless something in it forbids that; one that was tried before is returned as it is.

        With `aside`, its rows are not kept in the tables.

        Raises:
            SearchEnded: the budget is spent, or no judge may decide, so that nothing can be compared.
        """
        version = self.version_of(proposal.text)
        if version.version in self.found:
            return self.found[version.version]
        trial = Trial(version, proposal, parent.version.version, improver, "rejected", n_answers=self.n_answers)
        if problem := self.problem(proposal):
            return self._add(replace(trial, reason=problem))
        if not self.bench.judgement.judges:
            self._add(replace(trial, status="unscored", reason=NO_JUDGE))
        self.rows(version, self.dev, aside)
        return self._add(self._scored(trial))

    def problem(self, proposal: ProposedPrompt) -> str:
        """Return why a proposal must not be tried; empty if it may be. Nothing is called for it."""
        text, bench = proposal.text, self.bench
        if lost := lost_variables(text, bench.base.text):
            return f"it {lost}"
        if leaked := leaks(text, bench.cases, bench.base.text):
            return f"it holds text of held-out cases: {', '.join(leaked[:5])}"
        if copied := copied_cases(proposal.instructions, bench.base.text, bench.cases):
            return f"its instructions copy text of cases: {', '.join(copied[:5])}"
        own = grams(proposal.instructions, RUN) - grams(bench.base.text, RUN)
        if copied := [c for c, texts in self.shown.items() if any(own & grams(t, RUN) for t in texts)]:
            return f"its instructions copy what was shown of cases: {', '.join(sorted(copied)[:5])}"
        limit = max(bench.gate.max_growth * len(bench.base.text), bench.gate.max_prompt_characters)
        return f"it has {len(text)} characters, more than {limit:.0f}" if len(text) > limit else ""

    def set_aside(
        self, proposal: ProposedPrompt, parent: Trial, improver: str, reason: str, status: str = "rejected"
    ) -> Trial:
        """Record a proposal that is not tried on dev; `status` is that of `records.PromptTrial`."""
        version = self.version_of(proposal.text)
        trial = Trial(version, proposal, parent.version.version, improver, status, reason, n_answers=self.n_answers)
        return self.found.get(version.version) or self._add(trial)

    def drop(self, trial: Trial, reason: str) -> None:
        """Record that a prompt that was tried is no candidate."""
        self._add(replace(trial, status="dropped", reason=reason))

    def version_of(self, text: str) -> PromptVersion:
        """Return the version of a prompt of this search."""
        base = self.bench.base
        if text == base.text:
            return base
        return PromptVersion.of(base.name, text, base.version, f"proposed by the improver from {base.version}")

    def rows(self, version: PromptVersion, cases: Sequence[GoldenCase], aside: bool = False) -> list[EvalResult]:
        """Return the rows of a prompt on cases of the train or dev split, evaluating it on those that are new to it.

        A case whose outcome is lost to an error is tried once more. With `aside`, the rows are not kept in the tables.

        Raises:
            ValueError: a case is of the test split.
            SearchEnded: the budget does not suffice, or no judge may decide; nothing was evaluated.
        """
        if sealed := [c.case_id for c in cases if c.split not in ("train", "dev")]:
            raise ValueError(f"a search reads the train and dev splits only, not {', '.join(sealed[:5])}")
        known = self._rows.setdefault(version.version, {})
        if missing := [c for c in cases if c.case_id not in known]:
            self._spend(len(missing))
            self._evaluate(version, missing, known, aside)
            failed = self.failed(version, missing)
            self._evaluate(version, [c for c in missing if c.case_id in failed], known, aside)
        return [r for c in cases for r in known[c.case_id]]

    def failed(self, version: PromptVersion, cases: Sequence[GoldenCase]) -> frozenset[str]:
        """Return the cases whose outcome under a prompt is unknown because of an error; an abstention is none."""
        known = self._rows[version.version]
        outcomes = self.bench.judgement.cases([r for c in cases for r in known[c.case_id]])
        return frozenset(
            c.case_id
            for c in cases
            if c.case_id not in outcomes and (not known[c.case_id] or any(r.error for r in known[c.case_id]))
        )

    def verdicts(self, version: PromptVersion, cases: Sequence[GoldenCase]) -> dict[tuple[str, str], float]:
        """Return {(case, evaluator): score} of a prompt on cases that it was evaluated on, by whatever evaluates."""
        rows = [r for c in cases for r in self._rows[version.version][c.case_id]]
        read = self.bench.judgement.mode
        by = {e: read(rows, e) for e in dict.fromkeys(r.evaluator for r in rows)}
        return {(case, e): score for e, scores in by.items() for case, score in scores.items()}

    def keep(self, trial: Trial) -> None:
        """Put the rows of a prompt that was tried aside into the tables; its answers are all in the caches."""
        self.bench.evaluate.evaluate(trial.version, self.dev)

    def gain(self, one: Trial, other: Trial) -> float:
        """Return how many more dev cases pass under one prompt than under another.

        By cases whose outcome neither has lost to an error; an abstention of a judge is no pass.
        """
        mine, others, _ = self.compared(one, other)
        return mine - others

    def compared(self, one: Trial, other: Trial) -> tuple[float, float, int]:
        """Return how many dev cases pass under each of two prompts, and of how many, as `gain` counts them."""
        counted = sorted({c.case_id for c in self.dev} - one.failed - other.failed)
        first, second = (sum(t.outcomes.get(c, 0.0) for c in counted) for t in (one, other))
        return first, second, len(counted)

    def best(self) -> Trial:
        """Return the prompt under which most dev cases pass, pair by pair; of equals the shorter, then the earlier.

        One without a change that does nothing is preferred to the prompt with it, even where undoing it adds text.
        Production is only beaten by a prompt under which more cases pass.
        """
        best = self.base
        for trial in self.found.values():
            if trial.status == "evaluated":
                gain = self.gain(trial, best)
                ablated = trial.improver == ABLATION and trial.parent == best.version.version
                simpler = (ablated or len(trial.text) < len(best.text)) and best is not self.base
                best = trial if gain > 0 or (gain == 0 and simpler) else best
        return best

    def flips(self, trial: Trial) -> tuple[int, int]:
        """Return how many dev cases a prompt fixes and breaks, compared with production."""
        both = trial.outcomes.keys() & self.base.outcomes.keys()
        change = [trial.outcomes[c] - self.base.outcomes[c] for c in both]
        return sum(d > 0 for d in change), sum(d < 0 for d in change)

    def rate(self, trial: Trial) -> float:
        """Return the share of dev cases that pass; an unknown outcome is no pass."""
        return sum(trial.outcomes.values()) / max(len(self.dev), 1)

    def _evaluate(
        self, version: PromptVersion, cases: Sequence[GoldenCase], known: dict[str, list[EvalResult]], aside: bool
    ) -> None:
        if not cases:
            return
        evaluate = self.bench.aside if aside and self.bench.aside else self.bench.evaluate
        known.update({c.case_id: [] for c in cases})
        try:
            for row in evaluate.evaluate(version, cases):
                known[row.case_id].append(row)
        except NoAnswerError as error:  # under this prompt: its answers may be cut off, for example
            self._unanswered[version.version] = str(error)

    def _spend(self, n: int) -> None:
        if not self.bench.judgement.judges:
            raise SearchEnded(NO_JUDGE)
        if n > self.left:
            asked = f"{self.n_answers} of {self.max_answers} answers asked for, and the next step takes {n}"
            raise SearchEnded(f"the budget is spent: {asked}")
        self.n_answers += n

    def _with_outcomes(self, trial: Trial) -> Trial:
        known, ids = self._rows[trial.version.version], {c.case_id for c in self.dev}
        found = self.bench.judgement.cases([r for c in self.dev for r in known[c.case_id]])
        outcomes = {c: v for c, v in found.items() if c in ids}
        return replace(trial, outcomes=outcomes, failed=self.failed(trial.version, self.dev), n_answers=self.n_answers)

    def _scored(self, trial: Trial) -> Trial:
        scored = self._with_outcomes(replace(trial, status="evaluated"))
        if len(scored.failed) <= MAX_FAILED * len(self.dev):
            return scored
        errors = [r.error for r in self.rows(trial.version, self.dev) if r.error]
        first = next(iter(errors), self._unanswered.get(trial.version.version, "no answer"))
        why = f"{len(scored.failed)} of {len(self.dev)} dev cases have no outcome because of errors, such as: {first}"
        return replace(scored, status="unscored", reason=why)

    def _add(self, trial: Trial) -> Trial:
        self.found[trial.version.version] = trial
        return trial
