"""What a person sees of a materialization: column docs, previews and tables."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple
from typing import Any
from urllib.parse import quote

import dagster as dg

from flywheel_pipeline.defs.charts import cut
from flywheel_pipeline.records import TABLES, Reject, columns
from flywheel_pipeline.steps.sample.saturation import Saturation

PREVIEW_ROWS, LINKS = 10, 20
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~\r\n]")
CELL = 120


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


def trace_links(page: str, trace_ids: Iterable[str]) -> dg.MarkdownMetadataValue:
    """Return links to the first traces on the page of traces, each once; an id is text, whatever is in it."""
    ids = list(dict.fromkeys(trace_ids))
    links = [f"- [{_PUNCTUATION.sub(_escaped, cut(i, 80))}]({page}#{quote(i, safe='')})" for i in ids[:LINKS]]
    more = [f"- and {len(ids) - LINKS} more"] if len(ids) > LINKS else []
    return dg.MetadataValue.md("\n".join([*links, *more]) or "none")


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0] if found[0] not in "\r\n" else " "


def rejects_table(rejects: Sequence[Reject]) -> dg.TableMetadataValue:
    """Show rejected rows with file, line and reason."""
    return table(("file", "line", "reason", "excerpt"), [[r.file, r.line, r.reason, r.excerpt] for r in rejects])


def _cell(value: Any, length: int = CELL) -> str | int | float | bool:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 4)
    text = "" if value is None else " ".join(str(value).split())
    return cut(text, length)


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
