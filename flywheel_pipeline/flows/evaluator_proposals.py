"""Propose evaluators for the failure modes of a home, measure them, and write them into its file for review."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from flywheel_pipeline.adapters.home.files import EVALUATORS_FILE
from flywheel_pipeline.errors import FlywheelError, HomeError
from flywheel_pipeline.flows.evaluate import active_cases
from flywheel_pipeline.flows.evaluator_trials import Tried, answers_to_measure_on, measure
from flywheel_pipeline.flows.evaluators import JUDGE, modes_of, placed, ready_check
from flywheel_pipeline.flows.labelled import labelled_answers
from flywheel_pipeline.flows.workbench import MODEL_FREE, Workbench
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.cluster import Mode
from flywheel_pipeline.steps.evaluate import Entry, LabelledAnswer
from flywheel_pipeline.steps.evaluate.evaluators.calibration import calibrate
from flywheel_pipeline.steps.evaluate.evaluators.similarity import Similarity
from flywheel_pipeline.steps.evaluate.evaluators_file import ALL, read_entries, with_entries, with_status
from flywheel_pipeline.steps.evaluate.measure import as_new
from flywheel_pipeline.steps.evaluate.proposals import (
    ModeFacts,
    evaluators_ask,
    propose_by_rules,
    propose_for_all,
    propose_judge,
    read_proposals,
)


@dataclass(frozen=True)
class Proposal:
    """A proposed evaluator; `tried` is None for a judge and for one that there is nothing to measure on."""

    entry: Entry
    tried: Tried | None

    @property
    def disagrees(self) -> bool:
        """Whether it is shown to disagree with the expert on the failures of its mode."""
        return self.tried is not None and self.entry.mode != ALL and self.tried.alignment.status == "unusable"


@dataclass(frozen=True)
class Proposed:
    """What a proposal run found: what was written to the file, what was not, and replies that could not be used."""

    written: tuple[Proposal, ...]
    set_aside: tuple[Proposal, ...]
    problems: tuple[str, ...]


def propose_evaluators(bench: Workbench) -> Proposed:
    """Propose evaluators for every failure mode, and add those that do not disagree with the expert to the file.

    A mode that the file has an entry of the same kind for, whatever its status, is not proposed that kind again; what
    is in the file stays as it is.

    Raises:
        HomeError: there are no failure modes yet.
        ConflictError: the file was changed meanwhile; nothing was overwritten.
    """
    file = bench.home.reviewed(EVALUATORS_FILE)
    content, modes = file.text(), [m for m in modes_of(bench) if m.is_live and m.members]
    if not modes:
        raise HomeError("There are no failure modes to propose evaluators for: label traces and run `flywheel run`.")
    existing = read_entries(content.value)
    known = {(mode_id, e.kind) for e, mode_id in placed(existing, modes_of(bench))[0]}
    entries, problems = _candidates(bench, modes, [e.name for e in existing])
    new = [e for e in entries if (None if e.mode == ALL else e.mode, e.kind) not in known]
    measured = _measured(bench, [_calibrated(bench, e) if e.kind == "similarity" else e for e in new])
    measured += _judges_instead(measured, {m.mode_id: m.title for m in modes}, known)
    written = tuple(p for p in measured if not p.disagrees)
    if written:
        file.replace_text(with_entries(content.value, [_with_agreement(p) for p in written]), content.version)
    return Proposed(written, tuple(p for p in measured if p.disagrees), tuple(problems))


def set_status(bench: Workbench, name: str, status: str) -> None:
    """Accept or reject an evaluator of the file.

    Raises:
        HomeError: the file has no evaluator of this name.
        ConflictError: the file was changed meanwhile; nothing was overwritten.
    """
    file = bench.home.reviewed(EVALUATORS_FILE)
    content = file.text()
    try:
        text = with_status(content.value, name, status)
    except KeyError:
        raise HomeError(f"evaluators.yaml has no evaluator {name!r}: `flywheel evaluator list` shows them.") from None
    file.replace_text(text, content.version)


def _candidates(bench: Workbench, modes: Sequence[Mode], taken: list[str]) -> tuple[list[Entry], list[str]]:
    """Return what the rules and, where there is one, a model propose; and what was wrong with the model's."""
    cases = active_cases(bench)
    facts = _facts(modes, labelled_answers(bench), {c.source_trace_id for c in cases if c.split == "train"})
    entries = propose_for_all(cases, taken)
    for f in facts:
        entries += propose_by_rules(f, [*taken, *(e.name for e in entries)])
    problems: list[str] = []
    if bench.model_name("taxonomy") not in MODEL_FREE:
        for f, reply in zip(facts, bench.llm().ask([evaluators_ask(f, bench.settings.app.name) for f in facts]),
                            strict=True):  # fmt: skip
            found, wrong = read_proposals(reply, f, [*taken, *(e.name for e in entries)])
            of_mode = {e.kind for e in entries if e.mode == f.mode_id}
            entries += [e for e in found if e.kind not in of_mode]
            problems += [f"{f.name}: {w}" for w in wrong]
    return entries, problems


def _facts(modes: Sequence[Mode], answers: Sequence[LabelledAnswer], train: Iterable[str | None]) -> list[ModeFacts]:
    """Return what proposals may rest on: nothing of a case that is in dev or test."""
    open_ones = set(train)
    usable = [a.case for a in answers if a.case.source_trace_id in open_ones]
    found = []
    for mode in modes:
        shown = replace(mode, members=tuple(m for m in mode.members if m.trace_id in open_ones))
        failed = [c for c in usable if c.mode_id == mode.mode_id and c.kind != "happy_path"]
        found.append(ModeFacts(
            mode.mode_id, mode.title, f"{shown.described} {mode.belongs}".strip(),
            tuple(c.criteria or "" for c in failed), tuple(c.observed_output or "" for c in failed),
            tuple(c.observed_output or "" for c in usable if c.kind == "happy_path"),
        ))  # fmt: skip
    return found


def _calibrated(bench: Workbench, entry: Entry) -> Entry:
    """Return a proposed similarity with thresholds learned from the labelled answers that have a reference, if any."""
    check = ready_check(bench, entry, None)
    pairs = []
    for answer in answers_to_measure_on(bench):
        case, given = as_new(answer)
        score = check.evaluator.score(case, given.output or "") if isinstance(check.evaluator, Similarity) else None
        pairs += [(score, not answer.failed)] if score is not None else []
    found = calibrate([s for s, _ in pairs], [passed for _, passed in pairs])
    known = {"pass_above": found.pass_above, "fail_below": found.fail_below}
    settings = {"embedder": check.made_with, **{k: v for k, v in known.items() if v is not None}}
    learned = f"thresholds learned from {found.n} labelled answers, on which its agreement is measured, too"
    why = learned if len(settings) > 1 else f"no thresholds yet ({found.reason})"
    return entry.model_copy(update={"settings": settings, "why": f"{entry.why}; {why}"})


def _measured(bench: Workbench, entries: Sequence[Entry]) -> list[Proposal]:
    answers, found = answers_to_measure_on(bench), []
    for entry in entries:
        if entry.kind == JUDGE or not answers:
            found.append(Proposal(entry, None))
            continue
        try:
            check = ready_check(bench, entry, None if entry.mode == ALL else entry.mode)
            found.append(Proposal(entry, measure(bench, check, answers)))
        except FlywheelError:
            found.append(Proposal(entry, None))
    return found


def _judges_instead(
    measured: Sequence[Proposal], names: Mapping[str, str], known: Collection[tuple[str | None, str]]
) -> list[Proposal]:
    """Return the proposal of a judge for every mode for which code was proposed and disagrees with the expert."""
    left = {p.entry.mode for p in measured if p.disagrees} - {p.entry.mode for p in measured if not p.disagrees}
    why = "code was tried and disagrees with the expert: it needs judgment"
    return [
        Proposal(propose_judge(m, names[m], [p.entry.name for p in measured], why), None)
        for m in sorted(left)
        if (m, JUDGE) not in known
    ]  # fmt: skip


def _with_agreement(proposal: Proposal) -> Entry:
    """Return the entry with what was measured in its reason."""
    if proposal.tried is None:
        return proposal.entry
    return proposal.entry.model_copy(update={"why": f"{proposal.entry.why}; {agreement_line(proposal.tried)}"})


def agreement_line(tried: Tried) -> str:
    """Return the agreement in words: counts and 95 % intervals of both recalls."""
    a = tried.alignment
    if not a.n_fail + a.n_pass:
        return "not measured: it applies to no labelled answer"
    parts = [
        _recall("fails", "caught", a.n_fail, a.fail_recall),
        _recall("passes", "recognised", a.n_pass, a.pass_recall),
    ]
    return "; ".join([*parts, f"unsure on {a.n_unsure}"] if a.n_unsure else parts)


def _recall(what: str, verb: str, n: int, recall: float | None) -> str:
    if recall is None:
        return f"no {what} to measure on"
    rate = proportion(round(recall * n), n)
    return f"{round(recall * n)} of {n} {what} {verb} ({rate.low:.0%} to {rate.high:.0%})"
