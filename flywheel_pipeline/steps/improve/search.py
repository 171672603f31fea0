"""Search for a better prompt, choose on dev, then let the gate decide on test, which is evaluated once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flywheel_pipeline.errors import ModelError
from flywheel_pipeline.records import Json, PromptCandidate, PromptTrial, PromptVersion
from flywheel_pipeline.steps.improve.ablate import ablate
from flywheel_pipeline.steps.improve.bench import Bench, Judgement, Results
from flywheel_pipeline.steps.improve.evidence import HAPPY, gather_evidence, noise_floor
from flywheel_pipeline.steps.improve.gate import decide
from flywheel_pipeline.steps.improve.improver import Improver, default_budget, require_budget
from flywheel_pipeline.steps.improve.propose import ProposedPrompt
from flywheel_pipeline.steps.improve.traffic import gain_in_traffic
from flywheel_pipeline.steps.improve.trials import ABLATION, NO_JUDGE, SearchEnded, Trial, Trials


@dataclass
class Search:
    """One search: its trials, which may be read while it runs and after it broke off, and its candidates at the end."""

    trials: Trials
    improvers: Sequence[Improver]
    best: Trial | None = None

    @classmethod
    def over(cls, bench: Bench, improvers: Sequence[Improver], max_answers: int = 0) -> Search:
        """Return a search that has not begun; 0 `max_answers` is the default budget.

        Raises:
            SettingsError: the budget is too small for one full round of every improver.
        """
        trials = Trials(bench, max_answers)
        n_dev = len(trials.dev)
        trials.max_answers = max_answers or default_budget(n_dev)
        require_budget(improvers, n_dev, trials.max_answers)
        return cls(trials, improvers)

    def run(self) -> list[PromptCandidate]:
        """Return the candidates: the best on dev carries the gate's decision, the others say why they are set aside.

        The improvers take turns, each from the best prompt so far; before few-shot examples are tried, changes that do
        nothing on dev are dropped. A proposal that drops or invents a variable, holds text of a case, or is longer
        than the gate allows, is rejected without being evaluated. One with foreign parts (`steps.improve.foreign`) is
        held until a person has read it. Without a trusted judge the first is held: nothing shows whether it is better.
        Unless a proposal does better on dev than production, the test split is not read.

        Raises:
            ModelError: the improver gave no usable reply, and nothing was proposed.
        """
        self._propose()
        trials = self.trials
        tried = [t for t in trials.found.values() if t is not trials.base and t.improver != ABLATION]
        if not tried and any("no usable reply" in note for note in trials.notes):
            raise ModelError("; ".join(trials.notes))
        if unjudged := [t for t in tried if t.reason == NO_JUDGE]:
            why = f"{NO_JUDGE}: {_advice_on_judges(trials.bench.judgement)}"
            self.best = unjudged[0]
            return [_row(self.best, trials.bench, "hold", why)]
        best = trials.best()
        if best is trials.base:
            return sorted(map(self._set_aside, tried), key=lambda c: c.decision != "hold")
        self.best = best
        return [_decided(best, self), *(self._set_aside(t) for t in tried if t is not best)]

    def lineage(self) -> list[PromptTrial]:
        """Return the tree of all prompts that were considered, in their order."""
        return [self._trial_row(n, t) for n, t in enumerate(self.trials.found.values())]

    def _propose(self) -> None:
        trials, is_ablated = self.trials, False
        for improver in self.improvers:
            best = trials.best()
            if improver.name == "few_shot" and best is not trials.base:
                best, is_ablated = self._ablated(best), True
            try:
                why = improver.improve(best, trials)
            except SearchEnded as end:
                why = str(end)
            trials.notes.append(f"{improver.name}: {why}")
        if not is_ablated and (best := trials.best()) is not trials.base:
            self._ablated(best)

    def _ablated(self, best: Trial) -> Trial:
        kept, what = ablate(best, self.trials)
        self.trials.notes.append(f"{ABLATION}: {what}")
        return kept

    def _set_aside(self, trial: Trial) -> PromptCandidate:
        evidence: dict[str, object] = {"dev_pass_rate": self._rate(trial)} if trial.is_evaluated else {}
        return _row(trial, self.trials.bench, *self._why_not(trial), evidence)

    def _why_not(self, trial: Trial) -> tuple[str | None, str]:
        """Return the decision on a prompt that is not the best, if there is one, and the reason."""
        trials = self.trials
        if trial.status == "rejected":
            return "reject", trial.reason
        if trial.status == "dropped":
            return None, trial.reason
        if trial.status in ("unscored", "held"):
            return "hold", trial.reason
        if self.best is not None:
            return None, f"another proposal does better on dev, or as well and shorter ({trials.rate(trial):.0%} pass)"
        passes, base, n = trials.compared(trial, trials.base)
        why = "no dev case has an outcome under both prompts, so that nothing shows whether it is better"
        if n:
            why = f"no better on dev than production ({passes:g} of {n} cases pass, {base:g} under production)"
        leads = trial is max(trials.found.values(), key=self._standing)
        return ("hold", f"{why}; the test split was not read") if leads else (None, why)

    def _standing(self, trial: Trial) -> tuple[bool, float]:
        return trial.status == "evaluated", self.trials.gain(trial, self.trials.base)

    def _rate(self, trial: Trial) -> float:
        return round(self.trials.rate(trial), 4)

    def _trial_row(self, number: int, trial: Trial) -> PromptTrial:
        trials = self.trials
        fixed, broken = trials.flips(trial)
        reason = trial.reason or ("" if trial.status != "evaluated" or trial is self.best else self._why_not(trial)[1])
        return PromptTrial(
            version=trial.version.version, parent_version=trial.parent, base_version=trials.base.version.version,
            number=number, improver=trial.improver, status="best" if trial is self.best else trial.status,
            reason="\n".join(trials.notes) if trial is trials.base else reason, text=trial.text,
            changes=Json(json.dumps(trial.proposal.changes)), reasons=_reasons(trial.proposal), n_dev=len(trials.dev),
            n_known=len(trial.outcomes), pass_rate=self._rate(trial) if trial.is_evaluated else None,
            n_fixed=fixed, n_broken=broken, n_answers=trial.n_answers,
        )  # fmt: skip


def _advice_on_judges(judgement: Judgement) -> str:
    needs = [m.need for m in judgement.unjudged()[:3]] if judgement.wanted else []
    return "; ".join([*needs, "`judge_alignment` says what every judge needs"])


def _decided(best: Trial, search: Search) -> PromptCandidate:
    bench = search.trials.bench
    cases = bench.decisive()
    before: tuple[str, Results] = (
        bench.base.version,
        [r for r in bench.baseline if r.case_id in {c.case_id for c in cases}],
    )
    if bench.fresh:
        before = bench.fresh(best.version.version, cases)
    after = bench.evaluate.evaluate(best.version, cases)
    spent = {"n_answers": search.trials.n_answers, "max_answers": search.trials.max_answers,
             "stopped": list(search.trials.notes)}  # fmt: skip
    decided = _judged(best, bench, before, after, search.trials.rate(best))
    evidence = {**json.loads(decided.evidence), "search": spent}
    return replace(decided, evidence=Json(json.dumps(evidence)))


def decide_again(bench: Bench, candidate: PromptCandidate, after: Results) -> PromptCandidate:
    """Return a candidate with the gate's decision on the rows `after` that are known of it: nothing is evaluated.

    For new labels of its flipped cases, which are no new look at the test split. `bench.baseline` are the rows that it
    was compared with before.
    """
    version, evidence = (
        PromptVersion.of(bench.base.name, candidate.text, bench.base.version, ""),
        json.loads(candidate.evidence),
    )
    ids = {c.case_id for c in bench.decisive()}
    before, after = ([r for r in side if r.case_id in ids] for side in (bench.baseline, after))
    trial = Trial(version, ProposedPrompt(candidate.text, tuple(json.loads(candidate.changes))))
    baseline = (evidence.get("baseline") or bench.base.version, before)
    decided = _judged(trial, bench, baseline, after, evidence.get("dev_pass_rate", 0.0))
    kept = {"search": evidence["search"]} if "search" in evidence else {}
    return replace(
        decided, evidence=Json(json.dumps({**json.loads(decided.evidence), **kept})), reasons=candidate.reasons
    )


def _judged(
    trial: Trial, bench: Bench, baseline: tuple[str, Results], after: Results, dev_rate: float
) -> PromptCandidate:
    version, before = baseline
    report = decide(bench.gate, gather_evidence(bench, trial.version.version, baseline, after))
    unread = bench.unread(trial.version.text)
    noise = noise_floor(bench.judgement.cases(before), 1 + max((r.repeat for r in before), default=0))
    evidence = {
        **report.evidence(), "dev_pass_rate": round(dev_rate, 4), "split": "test", "noise_floor": noise,
        "baseline": version, "unread": [str(f) for f in unread],
        "traffic": gain_in_traffic(report.guards, bench.traffic, HAPPY).evidence(),
    }  # fmt: skip
    if unread and report.decision == "ship":
        what = "; ".join(str(f) for f in unread[:3])
        to_do = f"a person has to read it first: it has {what}; `flywheel prompts read {trial.version.version}`"
        return _row(trial, bench, "hold", f"{to_do}. Else: {report.reason}", evidence)
    return _row(trial, bench, report.decision, report.reason, evidence)


def _reasons(proposal: ProposedPrompt) -> Json:
    return Json(json.dumps([r.as_row() for r in proposal.reasons], ensure_ascii=False))


def _row(
    trial: Trial, bench: Bench, decision: str | None, reason: str, evidence: dict[str, object] | None = None
) -> PromptCandidate:
    return PromptCandidate(
        candidate_id=trial.version.version, base_version=bench.base.version, text=trial.version.text,
        status="decided" if decision else "runner_up", decision=decision, reason=reason,
        changes=Json(json.dumps(trial.proposal.changes)), evidence=Json(json.dumps(evidence or {})),
        reasons=_reasons(trial.proposal),
    )  # fmt: skip
