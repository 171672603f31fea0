"""A file of another tool becomes rows of cases; unusable items are set aside with line and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.records import CRITERIA_KINDS, KINDS
from flywheel_pipeline.steps.golden.exchange.field_mapping import check_conversation, last_turn
from flywheel_pipeline.steps.golden.exchange.files import is_table, read_items
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Found, Item
from flywheel_pipeline.steps.golden.exchange.formats import FORMATS
from flywheel_pipeline.steps.golden.exchange.rows import SPECS, Row, case_of, to_text

_OURS = {"kind", "family", "split"}
"""Fields that only an export of ours has."""
_THEIRS = (
    "messages", "input", "context", "reference", "reference_alternatives", "expected_doc_ids", "criteria",
    "criteria_kind", "source_trace_id", "variables", "expected_tool_calls",
)  # fmt: skip
"""Fields that are taken from an item of another tool."""


@dataclass(frozen=True)
class ReadRow:
    """The fields of a case in an item; `ours` if it is an export of ours, which has every field."""

    row: Row
    ours: bool
    dropped: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class Rejected:
    """An item that cannot be used."""

    line: int
    reason: str
    excerpt: str


@dataclass(frozen=True)
class ReadFile:
    """The cases of a file and what of it is unusable; an item that stands for several cases is several here."""

    format: str
    rows: tuple[ReadRow, ...]
    rejected: tuple[Rejected, ...]

    @property
    def dropped(self) -> dict[str, int]:
        """{field of theirs: items} of which nothing was kept."""
        return dict(Counter(name for r in self.rows for name in dict.fromkeys(r.dropped)).most_common())


Clean = Callable[[Row], Row]
"""Applied to every row that is read, for example to remove personal data."""


def read_cases(name: str, data: bytes, fmt: Format | None, convert: Convert, clean: Clean = dict) -> ReadFile:
    """Read a file; without `fmt`, as the format that its first readable item looks like.

    An item that is no export of ours has no split, family or id that counts; a system prompt is left out of it, and
    an answer at its end is the reference.
    """
    found = list(read_items(name, data))
    chosen = fmt or recognise([f for f in found if not f.problem], is_table(name))
    rows: list[ReadRow] = []
    rejected: list[Rejected] = []
    for item in chosen.expand(found) if chosen else found:
        try:
            rows.append(_row(item, chosen, convert, clean))
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            excerpt = (item.raw or str(item.item))[:200]
            rejected.append(Rejected(item.line, reason, excerpt.encode("utf-8", "replace").decode()))
    return ReadFile(chosen.name if chosen else "unknown", tuple(rows), tuple(rejected))


def recognise(found: Sequence[Found], table: bool) -> Format | None:
    """Return the format that the items look like, by the first of them; None if there is none."""
    fitting = [f for f in FORMATS if f.container == "csv" or not table]
    first = {**found[0].document, **found[0].item} if found else {}
    return next((f for f in fitting if found and f.recognises(first)), None)


def _row(found: Found, fmt: Format | None, convert: Convert, clean: Clean) -> ReadRow:
    if found.problem:
        raise ValueError(found.problem)
    if fmt is None:
        raise ValueError("of no known format: name it with --format")
    read = read_item(fmt, found.item, convert)
    row = clean(read.row)
    check_conversation(row)
    case_of(row)
    return ReadRow(row, read.ours, read.dropped, found.line)


def read_item(fmt: Format, item: Item, convert: Convert) -> ReadRow:
    """Return the fields of a case in an item.

    Raises:
        ValueError: it cannot be used; the text says why.
    """
    parsed, carried = fmt.parse(item, convert), dict(fmt.carried(item))
    row = {**parsed.row, **{k: v for k, v in carried.items() if k in SPECS}}
    further = [f"metadata.{k}" for k in carried if k not in SPECS]
    if row.keys() >= _OURS:
        return ReadRow(row, True, (*parsed.dropped, *further))
    theirs, left = _theirs(parsed.row, carried)
    turned, without = last_turn(theirs)
    return ReadRow(turned, False, (*parsed.dropped, *further, *left, *without))


def _theirs(parsed: Row, carried: Mapping[str, Any]) -> tuple[Row, list[str]]:
    """Return the fields that count of another tool's item, and the names in its metadata that do not."""
    fields = {**{k: v for k, v in carried.items() if k not in ("messages", "input")}, **parsed}
    row = {k: fields[k] for k in _THEIRS if fields.get(k) is not None}
    for name in ("reference", "criteria", "source_trace_id"):
        if name in row:
            row[name] = to_text(row[name])
    if row.get("criteria_kind") not in CRITERIA_KINDS or "criteria" not in row:
        row.pop("criteria_kind", None)
    if "criteria" in row:  # what another tool calls a criterion says what a right answer does
        row.setdefault("criteria_kind", "requirement")
    kind = carried.get("kind", parsed.get("kind"))
    left = [f"metadata.{k}" for k in carried if k in SPECS and k not in row and not (k == "kind" and kind in KINDS)]
    return ({**row, "kind": kind} if kind in KINDS else row), left
