"""Export the golden set to other tools, and import theirs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.home.files import GOLDEN_FILE
from flywheel_pipeline.atomic_write import replace_text, replacing
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.golden.grow import cases_on_file
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import Reject
from flywheel_pipeline.steps.capture.messages import to_messages
from flywheel_pipeline.steps.capture.redact import Redactor
from flywheel_pipeline.steps.golden import addition, dump_case, load_cases
from flywheel_pipeline.steps.golden.exchange import (
    FORMATS,
    Admitted,
    Format,
    ReadFile,
    Rejected,
    admit_cases,
    export_cases,
    read_cases,
)

SHOWN = 10
"""Rows and fields that are listed; the report has all, and `rejects` all unusable rows."""
TEXTS = ("messages", "input", "context", "reference", "criteria", "observed_output")
"""Fields from which personal data and secrets are removed."""


def export_golden(
    bench: Workbench, file: Path, form: str, report: Path | None, splits: Sequence[str], kinds: Sequence[str]
) -> list[str]:
    """Write the cases of the chosen splits and kinds (default: all) to `file`; return the lines of the report.

    Raises:
        HomeError: there is no such format, no such case, none that the format may hold, or `file` would be in the
            golden set's own folder.
    """
    chosen = _format(form)
    if file.resolve().is_relative_to((bench.settings.home / GOLDEN_FILE).parent.resolve()):
        raise HomeError(f"{file} is in the folder of the golden set itself, which is append-only.")
    cases = [c for c in cases_on_file(bench) if (not splits or c.split in splits) and (not kinds or c.kind in kinds)]
    made = export_cases(cases, chosen)
    if report:
        _write_report(report, made.loss.as_json())
    if not made.loss.written:
        why = "; ".join(f"{len(x.case_ids)} are {x.reason}" for x in made.loss.left_out)
        raise HomeError(
            f"No case to write to {file}: {why or 'the golden set has no such case; `flywheel run` adds to it'}."
        )
    with replacing(file) as temporary:
        temporary.write_bytes(made.data)
    out = {i for x in made.loss.left_out for i in x.case_ids}
    n_test = sum(c.split == "test" and c.case_id not in out for c in cases)
    warning = [
        f"{n_test} cases are of the test split: a prompt tuned on them elsewhere makes the gate's decision worthless"
    ]
    return [f"{file} ({form}):", *made.loss.lines(), *(warning if n_test else [])]


def import_golden(bench: Workbench, file: Path, form: str, kind: str, report: Path | None) -> list[str]:
    """Add the cases of `file` to the golden set of the home; return the lines of the report.

    Unusable rows are written to the table `rejects`.

    Raises:
        HomeError: there is no such format, or no row of the file can be used.
    """
    chosen, data = None if form == "auto" else _format(form), file.read_bytes()
    read = read_cases(file.name, data, chosen, to_messages, lambda row: _redacted(bench, row))
    source = f"import:{hashlib.sha256(data).hexdigest()[:12]}"
    done: list[Admitted] = []

    def lines(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ids = {str(row.get("case_id")) for row in rows}
        done.append(admit_cases(read.rows, load_cases(rows), ids, bench.embed, kind, source))
        return addition(rows, [dump_case(c) for c in done[-1].added])

    bench.home.append_only(GOLDEN_FILE).extend(lines)
    found = done[-1]
    rejected = _without_secrets(bench, sorted([*read.rejected, *found.torn], key=lambda x: x.line))
    _quarantine(bench, file.name, rejected)
    if report:
        _write_report(report, _as_json(read, found, rejected, source))
    if not read.rows:
        raise HomeError(f"{file}: no case could be read. " + "; ".join(_reasons(rejected)[:3]))
    return [f"{file} ({read.format}):", *map(_printable, _lines(read, found, rejected, source))]


def _format(name: str) -> Format:
    found = next((f for f in FORMATS if f.name == name), None)
    if found is None:
        raise HomeError(f"There is no format {name!r}; there are: {', '.join(f.name for f in FORMATS)}")
    return found


def _redactor(bench: Workbench) -> Redactor:
    capture = bench.settings.capture
    return Redactor(capture.redact, capture.redact_salt.get_secret_value())


def _redacted(bench: Workbench, row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **_redactor(bench).redact_value({k: row[k] for k in TEXTS if k in row})}


def _without_secrets(bench: Workbench, rejected: Sequence[Rejected]) -> list[Rejected]:
    clean = _redactor(bench).redact_text
    return [Rejected(x.line, clean(x.reason), clean(x.excerpt)) for x in rejected]


def _printable(line: str) -> str:
    """Return a line without control characters: it may hold names from the file."""
    return "".join(c if c.isprintable() else "�" for c in line)


def _quarantine(bench: Workbench, name: str, rejected: Sequence[Rejected]) -> None:
    rows = [Reject("golden", name, x.line, x.reason, x.excerpt) for x in rejected]
    part = f"golden-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:12]}"
    bench.lake.write("rejects", rows, part=part)


def _write_report(path: Path, report: dict[str, Any]) -> None:
    replace_text(path, json.dumps(report, ensure_ascii=False, indent=1) + "\n")


def _reasons(rejected: Sequence[Rejected]) -> list[str]:
    return [f"line {x.line}: {x.reason}" for x in rejected]


def _lines(read: ReadFile, found: Admitted, rejected: Sequence[Rejected], source: str) -> list[str]:
    rejects, splits = _reasons(rejected), [c.split for c in found.added]
    shares = ", ".join(f"{splits.count(s)} {s}" for s in ("train", "dev", "test"))
    lines = [
        f"added      {len(found.added)} cases ({shares}), marked {source}",
        f"known      {found.n_known} cases that the golden set has already",
        f"rejected   {len(rejects)} rows",
        *(f"  {line}" for line in rejects[:SHOWN]),
    ]
    lines += [f"unchanged: line {n}, {i}, says something else in {names}" for n, i, names in found.differing[:SHOWN]]
    lines += [f"not kept: {name} of {n} rows" for name, n in list(read.dropped.items())[:SHOWN]]
    return [*lines, *(["`flywheel run` evaluates the new cases."] if found.added else [])]


def _as_json(read: ReadFile, found: Admitted, rejected: Sequence[Rejected], source: str) -> dict[str, Any]:
    return {
        "format": read.format, "added_in": source, "added": [c.case_id for c in found.added],
        "known": found.n_known, "rejected": [asdict(x) for x in rejected], "not_kept": read.dropped,
        "differing": [{"line": n, "case_id": i, "fields": names} for n, i, names in found.differing],
    }  # fmt: skip
