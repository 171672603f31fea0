"""Cases -> a file of another tool, and the report of what it can not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden.exchange.field_mapping import none
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


def export_cases(cases: Sequence[GoldenCase], form: Format) -> Export:
    """Return the file of a format that holds the cases, with the loss report.

    What an item's own fields can not say goes into its metadata, field by field, so that the file can be read again
    without loss where the format has metadata. What is lost is measured: the file is read again and compared.
    """
    rows = [row_of(case) for case in cases]
    refused = {row["case_id"]: reason for row in rows if (reason := form.refuse(row))}
    kept = [row for row in rows if row["case_id"] not in refused]
    carries = [_carry(form, finite(row)) for row in kept]
    items = [form.make(finite(row), carry) for row, carry in zip(kept, carries, strict=True)]
    data = write_items(form.container, items)
    reasons = dict.fromkeys(refused.values())
    report = LossReport(
        form.name, len(cases), len(kept), _where(form, carries), _lost(form, kept, data), _changed(form, kept),
        tuple(LeftOut(r, tuple(i for i, x in refused.items() if x == r)) for r in reasons),
    )  # fmt: skip
    return Export(data, report)


def _carry(form: Format, row: Row) -> Row:
    """Return the fields that the item's own fields do not give back."""
    if not form.metadata:
        return {}
    told = form.tell(form.make(row, {}), none).row
    return {k: v for k, v in row.items() if v is not None and told.get(k) != v}


def _where(form: Format, carries: Sequence[Row]) -> dict[str, str]:
    """Return where each field is; one that is in both places, for exactness, with its own place first."""
    carried = {k for carry in carries for k in carry}
    places = {k: [form.where.get(k, ""), form.metadata if k in carried else ""] for k in SPECS}
    return {k: " and ".join(filter(None, p)) for k, p in places.items() if any(p)}


def _lost(form: Format, rows: Sequence[Row], data: bytes) -> tuple[Loss, ...]:
    found = list(read_items(f"x.{form.container}", data)) if rows else []
    if len(found) != len(rows):
        raise AssertionError(f"{form.name}: {len(rows)} cases were written and {len(found)} read again")
    lost: Counter[tuple[str, str]] = Counter()
    for row, item in zip(rows, found, strict=True):
        back = _back(form, item.item)
        lost.update((k, _reason(form, row, k)) for k in SPECS if not _same(back.get(k), row[k]))
    return tuple(Loss(what, n, reason) for (what, reason), n in lost.items())


def _same(back: Any, value: Any) -> bool:
    """Return whether a field came back; of an empty list nothing needs to."""
    return bool(back == value) or (back is None and value == [])


def _back(form: Format, item: Item) -> Row:
    try:
        return read_item(form, item, none).row
    except ValueError:  # told as the loss of every field
        return {}


def _reason(form: Format, row: Row, name: str) -> str:
    if finite(row[name]) != row[name]:
        return "numbers that are none (NaN, infinite) are written as null"
    if name in form.where or form.metadata:
        return "comes back otherwise than it was"
    return f"{form.name} has no place for them"


def _changed(form: Format, rows: Sequence[Row]) -> tuple[Loss, ...]:
    counts = Counter(item for row in rows for item in form.altered(row).items())
    return tuple(Loss(what, n, reason) for (what, reason), n in counts.items())
