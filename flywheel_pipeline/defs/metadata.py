"""What a person sees of a materialization: column docs, previews, and plots small enough to show inline."""

import base64
from collections.abc import Sequence
from html import escape
from typing import Any

import dagster as dg

from flywheel_pipeline.records import TABLES, columns

PREVIEW_ROWS = 10
CELL = 120
COLOURS = {"bar": "#4f6df5", "range": "#f5a34f"}


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


def column_lineage(table: str) -> dg.TableColumnLineage:
    """Return where the columns of a table come from: the references that its record declares."""
    found = {s.name: s.column.references for s in columns(TABLES[table]) if s.column.references}
    parts = {name: ref.split(".") for name, ref in found.items() if ref}
    return dg.TableColumnLineage({n: [dg.TableColumnDep(dg.AssetKey(t), c)] for n, (t, c) in parts.items()})


def definition_metadata(table: str) -> dict[str, Any]:
    """Return the metadata that is known before any run: the columns and where they come from."""
    return {"dagster/column_schema": column_schema(table), "dagster/column_lineage": column_lineage(table)}


def preview(rows: Sequence[Any], names: Sequence[str], n: int = PREVIEW_ROWS) -> dg.TableMetadataValue:
    """Return the first `n` rows, columns `names`, as an inline table; long cells are cut."""
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in names])
    records = [dg.TableRecord({name: _cell(getattr(r, name)) for name in names}) for r in rows[:n]]
    return dg.MetadataValue.table(records, schema)


def table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dg.TableMetadataValue:
    """Return rows of values as an inline table."""
    schema = dg.TableSchema(columns=[dg.TableColumn(n) for n in names])
    records = [dg.TableRecord({n: _cell(v) for n, v in zip(names, row, strict=True)}) for row in rows]
    return dg.MetadataValue.table(records, schema)


def _cell(value: Any) -> str | int | float | bool:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 4)
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


def bars(values: Sequence[tuple[str, float]], ranges: Sequence[tuple[float, float]] = ()) -> dg.MarkdownMetadataValue:
    """Return horizontal bars of (label, value) as a small SVG; `ranges` draws an interval over every bar.

    All bars are one path, since the UI shows Markdown inline only under 1,000 characters. Labels beyond what
    fits are numbered; the table beside the plot holds their names.
    """
    top = max([v for _, v in values] + [high for _, high in ranges] + [1e-9])
    scale = 150 / top
    path = "".join(f"M99 {i * 14 + 2}h{v * scale:.0f}v9h-{v * scale:.0f}" for i, (_, v) in enumerate(values))
    line = "".join(f"M{99 + lo * scale:.0f} {i * 14 + 6}h{(hi - lo) * scale:.0f}" for i, (lo, hi) in enumerate(ranges))
    for length in (18, 12, 7, 3):
        names = "".join(_svg_label(label, i, length) for i, (label, _) in enumerate(values))
        svg = (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='260' height='{len(values) * 14}' font-size='9' "
            f"font-family='sans-serif'><path fill='{COLOURS['bar']}' d='{path}'/>"
            f"<path stroke='{COLOURS['range']}' stroke-width='2' d='{line}'/>{names}</svg>"
        )
        text = f"![plot](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
        if len(text) < 1000:
            break
    return dg.MetadataValue.md(text)


def _svg_label(label: str, row: int, length: int) -> str:
    short = label if len(label) <= length else label[: length - 1] + "…"
    return f"<text y='{row * 14 + 10}'>{escape(short)}</text>"


def text_block(text: str, language: str = "") -> dg.MarkdownMetadataValue:
    """Return a text as a fenced block that nothing in it can close."""
    return dg.MetadataValue.md(f"````{language}\n{text.replace('````', '` ` ` `')}\n````")
