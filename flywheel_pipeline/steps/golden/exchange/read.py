"""A file of another tool -> rows of cases; what can not be used is set aside, with its line and the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.records import KINDS
from flywheel_pipeline.steps.golden.exchange.field_mapping import check_conversation, last_turn
from flywheel_pipeline.steps.golden.exchange.files import Found, is_table, read_items
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item
from flywheel_pipeline.steps.golden.exchange.formats import FORMATS
from flywheel_pipeline.steps.golden.exchange.rows import SPECS, Row, case_of, to_text

_OURS = {"kind", "family", "split"}
"""Fields that only an export of ours has."""
_THEIRS = ("messages", "input", "context", "reference", "expected_doc_ids", "criteria", "source_trace_id")
"""Fields that another tool's item may tell."""


@dataclass(frozen=True)
class ReadRow:
    """What an item says of a case: `ours` if it is an export of ours, of which every field is known."""

    row: Row
    ours: bool
    dropped: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class Rejected:
    """An item that can not be used."""

    line: int
    reason: str
    excerpt: str


@dataclass(frozen=True)
class ReadFile:
    """A file as it was read: items = rows + rejected."""

    format: str
    rows: tuple[ReadRow, ...]
    rejected: tuple[Rejected, ...]

    @property
    def dropped(self) -> dict[str, int]:
        """{field of theirs: items} of which nothing was kept."""
        return dict(Counter(name for r in self.rows for name in r.dropped).most_common())


Clean = Callable[[Row], Row]
"""What is done to every row that is read, for example to take personal data out."""


def read_cases(name: str, data: bytes, form: Format | None, convert: Convert, clean: Clean = dict) -> ReadFile:
    """Read a file; without `form`, as the format that its first readable item looks like.

    An item that is no export of ours has no split, family or id that counts; a system prompt is left out of it, and
    an answer at its end is the reference.
    """
    found = list(read_items(name, data))
    chosen = form or recognise([f.item for f in found if not f.problem], is_table(name))
    rows: list[ReadRow] = []
    rejected: list[Rejected] = []
    for item in found:
        try:
            rows.append(_row(item, chosen, convert, clean))
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            excerpt = (item.raw or str(item.item))[:200]
            rejected.append(Rejected(item.line, reason, excerpt.encode("utf-8", "replace").decode()))
    return ReadFile(chosen.name if chosen else "unknown", tuple(rows), tuple(rejected))


def recognise(items: Sequence[Item], table: bool) -> Format | None:
    """Return the format that the items look like, by the first of them; None for none."""
    fitting = [f for f in FORMATS if f.container == "csv" or not table]
    return next((f for f in fitting if items and f.mine(items[0])), None)


def _row(found: Found, form: Format | None, convert: Convert, clean: Clean) -> ReadRow:
    if found.problem:
        raise ValueError(found.problem)
    if form is None:
        raise ValueError("of no format that is known: name it with --format")
    read = read_item(form, found.item, convert)
    row = clean(read.row)
    check_conversation(row)
    case_of(row)
    return ReadRow(row, read.ours, read.dropped, found.line)


def read_item(form: Format, item: Item, convert: Convert) -> ReadRow:
    """Return what an item says of a case.

    Raises:
        ValueError: it can not be used; the text says why.
    """
    told, carried = form.tell(item, convert), dict(form.carried(item))
    row = {**told.row, **{k: v for k, v in carried.items() if k in SPECS}}
    further = [f"metadata.{k}" for k in carried if k not in SPECS]
    if row.keys() >= _OURS:
        return ReadRow(row, True, (*told.dropped, *further))
    theirs, left = _theirs(told.row, carried)
    turned, without = last_turn(theirs)
    return ReadRow(turned, False, (*told.dropped, *further, *left, *([without] if without else ())))


def _theirs(told: Row, carried: Mapping[str, Any]) -> tuple[Row, list[str]]:
    """Return the fields that count of another tool's item, and the names in its metadata that do not."""
    said = {**{k: v for k, v in carried.items() if k not in ("messages", "input")}, **told}
    row = {k: said[k] for k in _THEIRS if said.get(k) is not None}
    for name in ("reference", "criteria", "source_trace_id"):
        if name in row:
            row[name] = to_text(row[name])
    kind = carried.get("kind", told.get("kind"))
    left = [f"metadata.{k}" for k in carried if k in SPECS and k not in row and not (k == "kind" and kind in KINDS)]
    return ({**row, "kind": kind} if kind in KINDS else row), left
