"""Many verdicts -> the one that counts for each trace; verdicts that contradict are set aside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from flywheel_pipeline.records import Annotation, Reject
from flywheel_pipeline.steps.annotate.read import LabelFile, reject

DEFER = "defer"


@dataclass(frozen=True)
class Labels:
    """All label files together: every row of every file is in exactly one of the two."""

    annotations: tuple[Annotation, ...]
    rejects: tuple[Reject, ...]


def resolve_labels(files: Iterable[LabelFile], known_traces: Collection[str], arbiter: str) -> Labels:
    """Join the files, reject verdicts on unknown traces, and mark the verdict that counts for each trace.

    An annotator's latest dated verdict counts; the arbiter's counts over others'; to defer counts only where
    nobody judged. Verdicts that differ
    and can not be ordered so contradict each other: all of them become rejects until somebody decides.
    """
    annotations: list[Annotation] = []
    rejects: list[Reject] = []
    for file in files:
        rejects += file.rejects
        for a in file.annotations:
            unknown = a.trace_id not in known_traces
            rejects += (
                [_rejected(a, f"unknown trace_id {a.trace_id[:80]!r}: no captured trace has it")] if unknown else []
            )
            annotations += [] if unknown else [a]
    by_trace: dict[str, list[Annotation]] = defaultdict(list)
    for a in annotations:
        by_trace[a.trace_id].append(a)
    resolved = [_resolve(rows, arbiter) for rows in by_trace.values()]
    kept = [a for r in resolved for a in r.annotations]
    return Labels(
        tuple(sorted(kept, key=lambda a: (a.source_file, a.source_line))),
        tuple(sorted([*rejects, *(x for r in resolved for x in r.rejects)], key=lambda r: (r.file, r.line))),
    )


def _resolve(rows: Sequence[Annotation], arbiter: str) -> Labels:
    by_annotator: dict[str, list[Annotation]] = defaultdict(list)
    for a in rows:
        by_annotator[a.annotator].append(a)
    final = _latest(by_annotator.get(arbiter, []))
    if final is not None and final.verdict != DEFER:
        return Labels(tuple(replace(a, is_current=a is final) for a in rows), ())
    finals: dict[str, Annotation] = {}
    for annotator, own in by_annotator.items():
        final = _latest(own)
        if final is None:
            return _contradiction(rows, own, f"{annotator} gave both; add labelled_at, or correct the file")
        finals[annotator] = final
    decided = _agreed(_judged(list(finals.values())))
    if decided is None:
        return _contradiction(
            rows, list(finals.values()), f"the annotators differ; {arbiter} (the arbiter) must decide"
        )
    return Labels(tuple(replace(a, is_current=a is decided) for a in rows), ())


def _latest(rows: Sequence[Annotation]) -> Annotation | None:
    """Return the verdict of one annotator that counts, None when verdicts differ and none is the latest."""
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
    """Leave out who deferred, unless all did: to defer is not to judge, so it contradicts nobody."""
    return [a for a in rows if a.verdict != DEFER] or rows


def _agreed(rows: Sequence[Annotation]) -> Annotation | None:
    return rows[-1] if len({a.verdict for a in rows}) == 1 else None


def _contradiction(rows: Sequence[Annotation], parties: Sequence[Annotation], why: str) -> Labels:
    told = " vs ".join(f"{a.verdict} ({a.source_file}, line {a.source_line})" for a in parties)
    return Labels((), tuple(_rejected(a, f"contradicting verdicts on {a.trace_id[:80]}: {told}: {why}") for a in rows))


def _rejected(a: Annotation, reason: str) -> Reject:
    return reject(a.source_file, a.source_line, reason, f"{a.trace_id}, {a.verdict}, {a.code or a.comment or ''}")
