"""What a person sees of a materialization: column docs, previews, and plots small enough to show inline."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import astuple
from html import escape
from itertools import accumulate
from typing import Any
from urllib.parse import quote

import dagster as dg

from flywheel_pipeline.records import TABLES, Reject, columns
from flywheel_pipeline.steps.sample.saturation import Saturation

PREVIEW_ROWS = 10
CELL = 120
COLOURS = {"bar": "#68f", "range": "#e70", "line": "#0a7"}
INLINE, ROW, LABEL_WIDTH, BAR_WIDTH, MAX_LABEL = 1000, 14, 150, 200, 30
PLAIN = " ='/:;,.-()!?&+"
"""Characters of an SVG that need no escape within the angle brackets of a Markdown image."""


def column_schema(table: str) -> dg.TableSchema:
    """Return the columns of a table as the UI shows them, from its record."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                s.name, s.sql_type.lower(), description=s.column.doc,
                constraints=dg.TableColumnConstraints(nullable=s.nullable, unique=s.column.unique),
            )
            for s in columns(TABLES[table])
        ]
    )  # fmt: skip


def column_lineage(table: str, key: Callable[[str], dg.AssetKey]) -> dg.TableColumnLineage:
    """Return where the columns of a table come from: the references that its record declares, to assets by `key`."""
    found = {s.name: s.column.references for s in columns(TABLES[table]) if s.column.references}
    parts = {name: ref.split(".") for name, ref in found.items() if ref}
    return dg.TableColumnLineage({n: [dg.TableColumnDep(key(t), c)] for n, (t, c) in parts.items()})


def definition_metadata(table: str, key: Callable[[str], dg.AssetKey]) -> dict[str, Any]:
    """Return the metadata that is known before any run: the columns and where they come from."""
    return {"dagster/column_schema": column_schema(table), "dagster/column_lineage": column_lineage(table, key)}


def preview(rows: Sequence[Any], names: Sequence[str], n: int = PREVIEW_ROWS) -> dg.TableMetadataValue:
    """Return the first `n` rows, columns `names`, as an inline table; long cells are cut."""
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in names])
    records = [dg.TableRecord({name: _cell(getattr(r, name)) for name in names}) for r in rows[:n]]
    return dg.MetadataValue.table(records, schema)


def table(names: Sequence[str], rows: Sequence[Sequence[Any]], cell: int = CELL) -> dg.TableMetadataValue:
    """Return rows of values as an inline table; texts are cut to `cell` characters."""
    schema = dg.TableSchema(columns=[dg.TableColumn(n) for n in names])
    records = [dg.TableRecord({n: _cell(v, cell) for n, v in zip(names, row, strict=True)}) for row in rows]
    return dg.MetadataValue.table(records, schema)


def rejects_table(rejects: Sequence[Reject]) -> dg.TableMetadataValue:
    """Show rejected rows with file, line and reason."""
    return table(("file", "line", "reason", "excerpt"), [[r.file, r.line, r.reason, r.excerpt] for r in rejects])


def _cell(value: Any, length: int = CELL) -> str | int | float | bool:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 4)
    text = "" if value is None else " ".join(str(value).split())
    return _cut(text, length)


def bars(
    values: Sequence[tuple[str, float]], ranges: Sequence[tuple[float, float]] = (), cumulative: bool = False
) -> dg.MarkdownMetadataValue:
    """Return horizontal bars of (label, value) as a small SVG; `ranges` draws an interval over every bar.

    `cumulative` adds the line of a Pareto chart: the share of all that the bars so far make up, 100 % at the right.

    The UI shows Markdown inline only under 1,000 characters: all bars are one path, and labels are cut to the
    longest that fit; the table beside a plot holds them whole.
    """
    top = max([v for _, v in values] + [high for _, high in ranges] + [1e-9])
    scale = BAR_WIDTH / top
    path = "".join(f"M{LABEL_WIDTH} {i * ROW + 7}h{v * scale:.0f}" for i, (_, v) in enumerate(values))
    line = "".join(
        f"M{LABEL_WIDTH + low * scale:.0f} {i * ROW + 7}h{max(1, (high - low) * scale):.0f}"
        for i, (low, high) in enumerate(ranges)
    )
    pareto = _cumulative([v for _, v in values]) if cumulative else ""
    texts = (_image(_svg([_cut(label, n) for label, _ in values], path, line, pareto)) for n in range(MAX_LABEL, 0, -1))
    return dg.MetadataValue.md(next((t for t in texts if len(t) < INLINE), f"{len(values)} bars; see the table"))


def _cumulative(values: Sequence[float]) -> str:
    total, sums = sum(values) or 1.0, accumulate(values)
    points = " ".join(f"{LABEL_WIDTH + BAR_WIDTH * s / total:.0f} {i * ROW + 7}" for i, s in enumerate(sums))
    return f"<path stroke='{COLOURS['line']}' fill='none' d='M{points}'/>" if values else ""


def _svg(labels: Sequence[str], path: str, line: str, more: str = "") -> str:
    names = "".join(f"<text y='{i * ROW + 10}'>{escape(label)}</text>" for i, label in enumerate(labels))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{LABEL_WIDTH + BAR_WIDTH}' height='{len(labels) * ROW}' "
        f"font-size='9' font-family='sans-serif'><g stroke='{COLOURS['bar']}' stroke-width='9'><path d='{path}'/>"
        f"<path stroke='{COLOURS['range']}' stroke-width='2' d='{line}'/></g>{more}{names}</svg>"
    )


def _image(svg: str) -> str:
    return f"![plot](<data:image/svg+xml;utf8,{quote(svg, safe=PLAIN)}>)"


def _cut(label: str, length: int) -> str:
    return label if len(label) <= length else label[: length - 1].rstrip() + "…"


def version_of(rows: Sequence[Any]) -> dg.DataVersion:
    """Return the data version of a table: a hash of its rows, so that only what changed makes stale what follows."""
    digest = hashlib.sha256(repr([astuple(r) for r in rows]).encode("utf-8", "replace"))
    return dg.DataVersion(digest.hexdigest()[:16])


def text_block(text: str, language: str = "") -> dg.MarkdownMetadataValue:
    """Return a text as a fenced block that nothing in it can close."""
    return dg.MetadataValue.md(f"````{language}\n{text.replace('````', '` ` ` `')}\n````")


def unseen_share(found: Saturation) -> dict[str, dg.MetadataValue]:
    """Return the bound on failures in unseen modes as a number that Dagster plots; nothing while it is not known."""
    known = found.n_failures and not found.n_to_review
    return (
        {"unseen_share_at_most": dg.MetadataValue.float(round(float(found.unseen_share_at_most), 4))} if known else {}
    )
