"""Cases become a file of another tool, with a report of what it cannot hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden.exchange.field_mapping import convert_nothing
from flywheel_pipeline.steps.golden.exchange.files import read_items, write_items
from flywheel_pipeline.steps.golden.exchange.format import Format, Item
from flywheel_pipeline.steps.golden.exchange.loss import LeftOut, Loss, LossReport
from flywheel_pipeline.steps.golden.exchange.read import read_item
from flywheel_pipeline.steps.golden.exchange.rows import SPECS, Row, finite, row_of


@dataclass(frozen=True)
class Export:
    """A file, and what became of the cases."""

    data: bytes
    loss: LossReport


def export_cases(cases: Sequence[GoldenCase], fmt: Format) -> Export:
    """Return the file of a format that holds the cases, with the loss report.

    What an item's own fields cannot hold goes into its metadata, field by field, so that the file can be read again
    without loss where the format has metadata. What is lost is measured: the file is read back and compared.
    """
    rows = [row_of(case) for case in cases]
    refused = {row["case_id"]: reason for row in rows if (reason := fmt.refuse(row))}
    kept = [row for row in rows if row["case_id"] not in refused]
    carries = [_carry(fmt, finite(row)) for row in kept]
    items = [fmt.write(finite(row), carry) for row, carry in zip(kept, carries, strict=True)]
    data = write_items(fmt.container, items)
    reasons = dict.fromkeys(refused.values())
    report = LossReport(
        fmt.name, len(cases), len(kept), _where(fmt, carries), _lost(fmt, kept, data), _changed(fmt, kept),
        tuple(LeftOut(r, tuple(i for i, x in refused.items() if x == r)) for r in reasons),
    )  # fmt: skip
    return Export(data, report)


def _carry(fmt: Format, row: Row) -> Row:
    """Return the fields that the item's own fields do not give back."""
    if not fmt.metadata:
        return {}
    parsed = fmt.parse(fmt.write(row, {}), convert_nothing).row
    return {k: v for k, v in row.items() if v is not None and v is not False and parsed.get(k) != v}


def _where(fmt: Format, carries: Sequence[Row]) -> dict[str, str]:
    """Return where each field is; one that is in both places, for exactness, with its own place first."""
    carried = {k for carry in carries for k in carry}
    places = {k: [fmt.where.get(k, ""), fmt.metadata if k in carried else ""] for k in SPECS}
    return {k: " and ".join(filter(None, p)) for k, p in places.items() if any(p)}


def _lost(fmt: Format, rows: Sequence[Row], data: bytes) -> tuple[Loss, ...]:
    found = list(read_items(f"x.{fmt.container}", data)) if rows else []
    if len(found) != len(rows):
        raise AssertionError(f"{fmt.name}: {len(rows)} cases were written and {len(found)} read again")
    lost: Counter[tuple[str, str]] = Counter()
    for row, item in zip(rows, found, strict=True):
        back = _back(fmt, item.item)
        lost.update((k, _reason(fmt, row, k)) for k in SPECS if not _same(back.get(k), row[k]))
    return tuple(Loss(what, n, reason) for (what, reason), n in lost.items())


def _same(back: Any, value: Any) -> bool:
    """Return whether a field came back; of an empty list, or a flag that is not set, nothing needs to."""
    return bool(back == value) or (back is None and (value == [] or value is False))


def _back(fmt: Format, item: Item) -> Row:
    try:
        return read_item(fmt, item, convert_nothing).row
    except ValueError:  # reported as the loss of every field
        return {}


def _reason(fmt: Format, row: Row, name: str) -> str:
    if finite(row[name]) != row[name]:
        return "NaN and infinite numbers are written as null"
    if name in fmt.where or fmt.metadata:
        return "is not the same when it is read back"
    return f"{fmt.name} has no place for them"


def _changed(fmt: Format, rows: Sequence[Row]) -> tuple[Loss, ...]:
    counts = Counter(item for row in rows for item in fmt.changes(row).items())
    return tuple(Loss(what, n, reason) for (what, reason), n in counts.items())
