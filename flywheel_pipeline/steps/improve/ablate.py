"""Ablation: every change of the best prompt is undone on dev; a change that does nothing there is dropped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from flywheel_pipeline.steps.improve.propose import REMOVED, ProposedPrompt
from flywheel_pipeline.steps.improve.trials import ABLATION, SearchEnded, Trial, Trials


@dataclass(frozen=True)
class Part:
    """Lines of a prompt and what they were in the prompt that it was made of; equal ones were not changed."""

    new: tuple[str, ...]
    old: tuple[str, ...]

    @property
    def is_change(self) -> bool:
        """Whether undoing it changes more than blank lines."""
        return self.new != self.old and any(line.strip() for line in (*self.new, *self.old))


def split(base: str, text: str) -> list[Part]:
    """Return `text` in parts, each a change of `base` or lines that both have.

    Added lines, and changed blocks of as many lines as before, are one part per line.
    """
    old, new = base.split("\n"), text.split("\n")
    found = list[Part]()
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        was, brought = old[i1:i2], new[j1:j2]
        if tag == "insert":
            found += [Part((line,), ()) for line in brought]
        elif tag == "replace" and len(was) == len(brought):
            found += [Part((line,), (before,)) for line, before in zip(brought, was, strict=True)]
        else:
            found.append(Part(tuple(brought), tuple(was)))
    return found


def render(parts: Sequence[Part], undone: Collection[int] = ()) -> str:
    """Return the text of parts, of which those numbered in `undone` are as they were."""
    return "\n".join(line for n, p in enumerate(parts) for line in (p.old if n in undone else p.new)).strip()


def ablate(best: Trial, trials: Trials) -> tuple[Trial, str]:
    """Return the best prompt without the changes that do nothing on dev, and what was found, in words.

    One change after another, the last first, is undone. It stays if a verdict that the prompt turned into a pass, by
    any evaluator on any dev case, is lost without it; else the prompt without it is evaluated on the rest of dev, and
    the change is dropped unless fewer cases pass, or fewer verdicts. Evaluators without a vote count here: where they
    alone can see a failure mode, the deciding ones cannot tell whether a rule against it does anything.
    """
    parts = split(trials.base.text, best.text)
    changes = [n for n, p in enumerate(parts) if p.is_change]
    kept, undone = best, set[int]()
    for n in reversed(changes):
        text = render(parts, undone | {n})
        if text == trials.base.text:  # the one change that is left is what makes it better
            continue
        try:
            shorter = _without(parts[n], text, kept, trials)
        except SearchEnded as end:
            return _kept(kept, best, trials), f"{len(undone)} of {len(changes)} changes dropped, then {end}"
        if shorter is not None:
            kept, undone = shorter, undone | {n}
    what = f"{len(undone)} of {len(changes)} changes do nothing on dev and were dropped"
    return _kept(kept, best, trials), what


def _kept(kept: Trial, best: Trial, trials: Trials) -> Trial:
    if kept is not best:
        trials.keep(kept)
    return kept


def _without(part: Part, text: str, kept: Trial, trials: Trials) -> Trial | None:
    """Return the prompt without a change if it does as well on dev, else None."""
    proposal = _proposal(part, text, kept.proposal)
    version = trials.version_of(text)
    before, now = trials.verdicts(trials.base.version, trials.dev), trials.verdicts(kept.version, trials.dev)
    turned = {key for key, score in now.items() if score > before.get(key, 0.0)}
    fixed = [c for c in trials.dev if any(c.case_id == case for case, _ in turned)]
    trials.rows(version, fixed, aside=True)
    found = trials.verdicts(version, fixed)
    if lost := sum(found.get(key, 0.0) < now[key] for key in turned):
        line = (part.new or part.old)[0]
        why = f"{line!r} stays: without the change {lost} of the {len(turned)} verdicts that became passes are lost"
        trials.set_aside(proposal, kept, ABLATION, why, "dropped")
        return None
    trial = trials.propose(proposal, kept, ABLATION, aside=True)
    if not trial.is_evaluated:
        return None
    fewer = sum(trials.verdicts(version, trials.dev).values()) < sum(now.values())
    gain = trials.gain(trial, kept)
    if not fewer and gain >= 0:
        return trial
    if gain >= 0 and trial.improver == ABLATION:
        line = (part.new or part.old)[0]
        trials.drop(trial, f"{line!r} stays: without the change fewer verdicts on dev are passes")
    return None


def _proposal(part: Part, text: str, kept: ProposedPrompt) -> ProposedPrompt:
    """Return the prompt without a change, with the changes and reasons that are left."""
    present = set(text.split("\n"))
    reasons = tuple(r for r in kept.reasons if (r.line in present) != (r.action == REMOVED))
    gone = {line.removeprefix("- ") for line in part.new}
    return replace(kept, text=text, reasons=reasons, changes=tuple(c for c in kept.changes if c not in gone))
