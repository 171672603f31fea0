"""Outcomes of the last check of a table, kept beside it until anything that they depend on changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from flywheel_pipeline.adapters.quality.expectations import Expectation, Outcome
from flywheel_pipeline.adapters.quality.table import Query, run_on_table
from flywheel_pipeline.atomic_write import replace_text

LIBRARIES = ("great-expectations", "duckdb", "pandas")
"""Whose new version may judge the same rows differently."""


def run_where_changed(
    folder: Path, digest: Callable[[str], str], query: Query, name: str, wanted: Sequence[Expectation]
) -> list[Outcome]:
    """Return the outcomes of `wanted` on the table `name`: those kept in `folder` where nothing changed since.

    They are kept with a digest of the rows of the table and of the tables that it refers to, the expectations, the
    libraries that judge and this package's own code. A check that could not be carried out is not kept.
    """
    key, path = _key(digest, name, wanted), folder / f"{name}.json"
    kept = _kept(path, key)
    if kept is not None:
        return kept
    outcomes = run_on_table(query, name, wanted)
    if not any(o.problem for o in outcomes):
        replace_text(path, json.dumps({"key": key, "outcomes": [asdict(o) for o in outcomes]}))
    return outcomes


def _kept(path: Path, key: str) -> list[Outcome] | None:
    """Return the outcomes kept under `key`; None where there are none, or where the file is damaged."""
    try:
        found = json.loads(path.read_text("utf-8"))
        if found["key"] != key:
            return None
        return [Outcome(**{**o, "examples": tuple(o["examples"])}) for o in found["outcomes"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _key(digest: Callable[[str], str], name: str, wanted: Sequence[Expectation]) -> str:
    tables = sorted({name, *(e.references.split(".")[0] for e in wanted if e.references)})
    parts = [
        {t: digest(t) for t in tables},
        [asdict(e) for e in wanted],
        [version(library) for library in LIBRARIES],
        [hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(Path(__file__).parent.glob("*.py"))],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
