"""One label file -> annotations, scores of evaluators and rejects; every row is one of them, unlabelled or joined."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from flywheel_pipeline.records import Annotation, EvaluatorScore, Reject
from flywheel_pipeline.steps.annotate.columns import GRADED, LabelRules
from flywheel_pipeline.steps.annotate.dates import order_of, read_date
from flywheel_pipeline.steps.annotate.entries import Entries, Entry
from flywheel_pipeline.steps.annotate.formats import FORMATS
from flywheel_pipeline.steps.annotate.judgements import Judged, Reading, judge
from flywheel_pipeline.steps.annotate.rows import Row, read_rows
from flywheel_pipeline.steps.annotate.words import is_blank, number_of, tidy

T = TypeVar("T", Annotation, EvaluatorScore, Reject)

DIGITS = 16
"""Hex digits that tell one version of a file from another."""
NO_RULES = LabelRules({})
"""What a home says that sets nothing about its label files."""


@dataclass(frozen=True)
class LabelFile:
    """The content of one label file.

    Each of its rows is an annotation, a score or a reject, is unlabelled, or was joined to another row.
    """

    file: str
    annotations: tuple[Annotation, ...]
    rejects: tuple[Reject, ...]
    n_unlabelled: int = 0
    superseded: tuple[Annotation, ...] = ()
    """Verdicts of earlier versions of the file that this one does not hold."""
    scores: tuple[EvaluatorScore, ...] = ()
    n_joined: int = 0
    """Rows that belong to the verdict of another row, such as a text score beside a pass or fail."""
    n_rows: int = 0
    """Rows in the file, an item judged by several people being one for each; a file that is refused is one."""
    notes: tuple[str, ...] = ()
    """What is doubtful about the file as a whole, and how it was read."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """{our column: the file's}, as they were used"""
    unused: tuple[str, ...] = ()
    """Columns of the file that were not read."""


def read_labels(file: str, data: bytes, rules: LabelRules = NO_RULES) -> LabelFile:
    """Read one label file: needs a trace and a verdict, and for a fail a comment or a code.

    A row that cannot be used is a reject with its line and reason; nothing is raised for one.
    """
    version = hashlib.sha256(data).hexdigest()[:DIGITS]
    rows = read_rows(file, data, rules.columns)
    found = _entries(rows.rows, rules)
    entries = sorted(found.entries, key=lambda e: e.row.line)
    reading, notes = _reading(file, version, entries, rules, found.columns.get("verdict", ""))
    made = [judge(entry, reading) for entry in entries]
    return LabelFile(
        file, those(made, Annotation), those(made, Reject), sum(m is None for m in made), (),
        those(made, EvaluatorScore), sum(e.n_rows - 1 for e in entries), sum(e.n_rows for e in entries),
        (*rows.notes, *found.notes, *notes), found.columns, tuple(found.unused),
    )  # fmt: skip


def read_versions(file: str, versions: Sequence[bytes], rules: LabelRules = NO_RULES) -> LabelFile:
    """Read the last of the versions of a label file, and of those before it every verdict that it does not hold.

    A verdict that was corrected or removed is still a fact, but no longer what its author says. Each verdict is
    reported once, from the latest version that holds it, wherever in the file it stood.
    """
    latest = read_labels(file, versions[-1], rules)
    known = {_fact(a) for a in latest.annotations}
    superseded: list[Annotation] = []
    for data in dict.fromkeys(reversed(versions[:-1])):
        earlier = [a for a in read_labels(file, data, rules).annotations if _fact(a) not in known]
        known |= {_fact(a) for a in earlier}
        superseded += [replace(a, is_superseded=True) for a in earlier]
    return replace(latest, superseded=tuple(superseded))


def _fact(a: Annotation) -> Annotation:
    """Return what was judged, without where it stood."""
    return replace(a, source_version="", source_line=1)


def those(made: Sequence[Judged | None], kind: type[T]) -> tuple[T, ...]:
    """Return what is of one kind among what was made of entries."""
    return tuple(m for m in made if isinstance(m, kind))


def _entries(rows: Sequence[Row], rules: LabelRules) -> Entries:
    """Return the entries of all rows, those of one format read together."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        name = "" if row.problem else next(f.NAME for f in FORMATS if f.recognises(row.cells))
        groups[name].append(row)
    parts = [f.read(groups[f.NAME], rules) for f in FORMATS if groups.get(f.NAME)]
    unread = [Entry(row, {}) for row in groups.get("", ())]
    return Entries(
        [*unread, *(e for t in parts for e in t.entries)],
        [note for t in parts for note in t.notes],
        {ours: theirs for t in reversed(parts) for ours, theirs in t.columns.items()},
        list(dict.fromkeys(name for t in parts for name in t.unused)),
    )


def _reading(
    file: str, version: str, entries: Sequence[Entry], rules: LabelRules, column: str
) -> tuple[Reading, list[str]]:
    """Return what must be known of the whole file to read one entry of it, and notes on what is doubtful.

    `column` is what the verdicts of entries without a name of their own are called.
    """
    dates = [e.cells.get("labelled_at") for e in entries]
    order = order_of(dates)
    undated = [d for d in dates if not is_blank(d) and read_date(d, order) is None]
    notes = []
    if undated:
        notes.append(
            f"{len(undated)} dates cannot be read with certainty, the first {str(undated[0])[:40]!r}: those verdicts "
            "are undated; write dates as 2026-03-04"
        )
    numbers: dict[str, set[float]] = defaultdict(set)
    for entry in entries:
        if (number := number_of(entry.cells.get("verdict"))) is not None:
            numbers[entry.measure].add(number)
    scales = {name: found for name, found in numbers.items() if _is_scale(name or column, found)}
    return Reading(file, version, order, scales, rules.people), notes


def _is_scale(name: str, numbers: Collection[float]) -> bool:
    """Return whether numbers are not those of pass and fail: of a rating, 1 alone may be the worst of five."""
    alone = set(numbers) == {1} and not GRADED.isdisjoint(tidy(name).split("_"))
    return alone or not (set(numbers) <= {0, 1} or set(numbers) <= {-1, 1})
