"""The reflective editor: rounds of minimal edits from what fails on train; the best on dev so far is edited further."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flywheel_pipeline.ports import LLM
from flywheel_pipeline.steps.improve.edits import SAID, Edit, EditReply, Refused, apply_edits, check_edit, edit_ask
from flywheel_pipeline.steps.improve.propose import ModeEvidence, ProposedPrompt
from flywheel_pipeline.steps.improve.trials import Trial, Trials

Evidence = Callable[[Trial, Trials], list[ModeEvidence]]
"""Returns the failure modes that a prompt still has, the most important first, with their train cases."""


@dataclass(frozen=True)
class Reflective:
    """The editor; it stops after `rounds`, or `patience` rounds in a row without a better prompt."""

    llm: LLM
    app: str
    evidence: Evidence
    rounds: int = 4
    patience: int = 2
    name: str = field(default="reflective", init=False)

    def minimum(self, n_dev: int) -> int:
        """Return the number of answers that one round takes: the proposal on dev."""
        return n_dev

    def improve(self, start: Trial, trials: Trials) -> str:
        """Propose edits round by round; see `improver.Improver`."""
        best, refused, idle = start, list[Refused](), 0
        for n in range(1, self.rounds + 1):
            evidence = self.evidence(best, trials)
            if not evidence:
                return "no failure mode fails any more on train or dev"
            reply = self.llm.ask([edit_ask(best.text, evidence, self.app, refused)])[0]
            if not isinstance(reply.parsed, EditReply):
                return f"the improver gave no usable reply: {reply.error}"
            edits, wrong = screen_edits(reply.parsed.edits, best, evidence, trials, self.name)
            if not edits and not wrong:
                return f"in round {n} the improver proposed nothing new"
            trial = trials.propose(apply_edits(best.proposal, edits, evidence), best, self.name) if edits else best
            if trials.gain(trial, best) > 0 and trial.is_evaluated:
                best, idle = trial, 0
            else:
                idle += 1
                wrong += [Refused(e, trial.reason or "no more cases passed with it") for e in edits]
            refused += wrong
            if idle == self.patience:
                return f"{idle} rounds in a row without a better prompt on dev"
        return f"all {self.rounds} rounds are done"


def screen_edits(
    edits: Sequence[Edit], parent: Trial, evidence: Sequence[ModeEvidence], trials: Trials, improver: str
) -> tuple[list[Edit], list[Refused]]:
    """Return the edits that may be tried, and the others with the reasons; nothing is called for it.

    Each edit is looked at alone, so that one that copies a case, or that a person has to read first, does not take the
    others with it. One that the prompt has already is neither.
    """
    good, wrong = list[Edit](), list[Refused]()
    for edit in edits:
        reason = check_edit(edit, parent.text, evidence)
        if reason == SAID:
            continue
        if reason:
            trials.notes.append(f"{improver}: the edit {edit.new_line[:80]!r} was not made: {reason}")
        else:
            reason = _forbidden(apply_edits(parent.proposal, [edit], evidence), parent, trials, improver)
        if reason:
            wrong.append(Refused(edit, reason))
        elif edit.new_line not in [e.new_line for e in good] or edit.action == "remove":
            good.append(edit)
    return good, wrong


def _forbidden(alone: ProposedPrompt, parent: Trial, trials: Trials, improver: str) -> str:
    """Return why a prompt with one edit is not tried, and record it; empty if it may be."""
    if reason := trials.problem(alone):
        trials.set_aside(alone, parent, improver, reason)
        return reason
    if foreign := trials.bench.foreign(alone.text):
        what = "; ".join(str(f) for f in foreign[:3])
        version = trials.version_of(alone.text).version
        reason = f"a person has to read it first: it has {what}; `flywheel prompts read {version}`"
        trials.set_aside(alone, parent, improver, reason, "held")
        return reason
    return ""
