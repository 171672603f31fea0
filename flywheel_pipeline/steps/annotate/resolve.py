"""Many verdicts -> the one that counts for each trace; where verdicts contradict each other, none does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flywheel_pipeline.records import Annotation, EvaluatorScore, Reject
from flywheel_pipeline.steps.annotate.judgements import reject
from flywheel_pipeline.steps.annotate.read import LabelFile

DEFER = "defer"


@dataclass(frozen=True)
class Contradiction:
    """Verdicts on one trace of which none counts, and what to do about it."""

    trace_id: str
    parties: tuple[Annotation, ...]
    remedy: str

    def __str__(self) -> str:
        parties = " vs ".join(
            f"{a.verdict} by {a.annotator} ({a.source_file}, line {a.source_line})" for a in self.parties
        )
        return f"contradicting verdicts on {self.trace_id[:80]}: {parties}: {self.remedy}"


@dataclass(frozen=True)
class Labels:
    """All label files together: every row that was filled in is one of the first three, or was joined to one."""

    annotations: tuple[Annotation, ...]
    rejects: tuple[Reject, ...]
    scores: tuple[EvaluatorScore, ...] = ()
    files: Mapping[str, LabelFile] = field(default_factory=dict)
    """Each file as it was read, by its name."""


def resolve_labels(files: Iterable[LabelFile], known_traces: Collection[str], arbiter: str) -> Labels:
    """Join the files, reject judgements of unknown traces, and mark the verdict that counts for each trace.

    An annotator's latest dated verdict counts; the arbiter's counts over others'; a deferral counts only where
    there is no verdict. A picked verdict counts only where no other is given, so that it changes no rate of traffic.
    Verdicts that differ and cannot be ordered contradict each other: all are kept, and none counts until someone
    resolves it. What a later version of its file superseded is kept, and neither counts nor
    contradicts.
    """
    files = list(files)
    given = [a for file in files for a in file.annotations]
    scored = [s for file in files for s in file.scores]
    judged: list[Annotation | EvaluatorScore] = [*given, *scored]
    unknown = [_unknown(x) for x in judged if x.trace_id not in known_traces]
    kept = [
        replace(a, is_current=a is counting)
        for rows in _by_trace([a for a in given if a.trace_id in known_traces]).values()
        for counting in [_resolve(rows, arbiter)]
        for a in rows
    ]
    kept += [a for file in files for a in file.superseded if a.trace_id in known_traces]
    return Labels(
        tuple(sorted(kept, key=lambda a: (a.source_file, a.is_superseded, a.source_line))),
        tuple(sorted([*unknown, *(r for f in files for r in f.rejects)], key=lambda r: (r.file, r.line))),
        tuple(s for s in scored if s.trace_id in known_traces),
        {f.file: f for f in files},
    )


def find_contradictions(annotations: Iterable[Annotation], arbiter: str) -> list[Contradiction]:
    """Return the traces on which verdicts contradict each other, so that none of them counts."""
    by_trace = _by_trace(a for a in annotations if not a.is_superseded)
    found = [_resolve(rows, arbiter) for rows in by_trace.values()]
    return [x for x in found if isinstance(x, Contradiction)]


def find_disagreements(annotations: Iterable[Annotation]) -> list[tuple[Annotation, ...]]:
    """Return, for every trace that annotators judge differently, what each of them judges now; `is_current` counts."""
    by_trace = _by_trace(a for a in annotations if not a.is_superseded and a.verdict != DEFER)
    finals = [tuple(_final(own) for own in _by_annotator(rows).values()) for rows in by_trace.values()]
    return [f for f in finals if len({a.verdict for a in f}) > 1]


def _final(own: Sequence[Annotation]) -> Annotation:
    return next((a for a in own if a.is_current), None) or _latest(own) or own[-1]


def _by_annotator(rows: Iterable[Annotation]) -> dict[str, list[Annotation]]:
    found: dict[str, list[Annotation]] = defaultdict(list)
    for a in rows:
        found[a.annotator].append(a)
    return found


def _by_trace(annotations: Iterable[Annotation]) -> dict[str, list[Annotation]]:
    found: dict[str, list[Annotation]] = defaultdict(list)
    for a in annotations:
        found[a.trace_id].append(a)
    return found


def _resolve(rows: Sequence[Annotation], arbiter: str) -> Annotation | Contradiction:
    asked_for = [a for a in rows if not a.is_picked]
    rows = asked_for if any(a.verdict != DEFER for a in asked_for) else rows
    by_annotator = _by_annotator(rows)
    final = _latest(by_annotator.get(arbiter, []))
    if final is not None and final.verdict != DEFER:
        return final
    finals: list[Annotation] = []
    for annotator, own in by_annotator.items():
        final = _latest(own)
        if final is None:
            why = f"{annotator} gave both; add labelled_at, or correct the file"
            return Contradiction(rows[0].trace_id, tuple(own), why)
        finals.append(final)
    decided = _agreed(_judged(finals))
    why = f"the annotators differ; {arbiter} (the arbiter) must decide in a row of a label file"
    return decided or Contradiction(rows[0].trace_id, tuple(finals), why)


def _latest(rows: Sequence[Annotation]) -> Annotation | None:
    """Return the verdict of one annotator that counts, None when verdicts differ and none is the latest."""
    if any(a.corrects for a in rows):  # whoever changed an exported verdict has seen the undated ones
        rows = [a for a in rows if a.labelled_at]
    if not rows:
        return None
    if len({a.verdict for a in rows}) == 1:
        return max(rows, key=lambda a: (bool(a.labelled_at), a.labelled_at, a.source_file, a.source_line))
    if any(a.labelled_at is None for a in rows):
        return _agreed(_judged(rows))
    last = max(a.labelled_at for a in rows if a.labelled_at)
    newest = [a for a in rows if a.labelled_at == last]
    return newest[-1] if len({a.verdict for a in newest}) == 1 else None


def _judged(rows: Sequence[Annotation]) -> Sequence[Annotation]:
    """Leave out deferrals unless all deferred: to defer is not to judge, so it contradicts no verdict."""
    return [a for a in rows if a.verdict != DEFER] or rows


def _agreed(rows: Sequence[Annotation]) -> Annotation | None:
    return rows[-1] if len({a.verdict for a in rows}) == 1 else None


def _unknown(x: Annotation | EvaluatorScore) -> Reject:
    judged = (
        f"{x.verdict}, {x.code or x.comment or ''}"
        if isinstance(x, Annotation)
        else f"{x.evaluator}, {x.label or x.score}"
    )
    reason = f"unknown trace_id {x.trace_id[:80]!r}: no captured trace has it"
    return reject(x.source_file, x.source_line, reason, f"{x.trace_id}, {judged}")
