"""An evaluation and a comparison in words: for a terminal, and as Markdown for a pull request or a job summary."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flywheel_pipeline.flows.compare import Compared
from flywheel_pipeline.steps.evaluate import CaseChange, Coverage, EvaluatorChange, KnownReport, Quality
from flywheel_pipeline.steps.evaluate.case_change import FIXED, PASSES
from flywheel_pipeline.steps.evaluate.compare import COUNTS
from flywheel_pipeline.words import first_line, show_number

SHOWN = 10
"""Cases that are listed."""
QUIET = (PASSES, FIXED)
"""Outcomes whose cases are counted and not listed."""
NOT_KNOWN = "together   not known: no judge may decide yet"
HEADER = ("evaluator", "before, as judged", "after, as judged", "fixed", "broken", "difference, corrected", "")
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~@&])")


def evaluation_lines(compared: Compared, known: KnownReport) -> list[str]:
    """Return what is known of one version: its rates, and how its failures stand to the approved ones."""
    found = compared.found
    overall = [f"together   {found.overall.after}" if found.overall else NOT_KNOWN]
    overall += [f"           {found.rates[1]}"] if found.rates else []
    header = ["evaluator", "passes, as judged", ""]
    rows = [[compared.name_of(e.evaluator), _rate(e.after), _counted(e)]
            for e in found.evaluators]  # fmt: skip
    approved = f"approved   {len(known.stay)} known failures still fail" if compared.approved else ""
    return _printable([
        f"{compared.after}: {len(found.cases):,} cases",
        *overall,
        *(f"traffic    {line}" for line in compared.production),
        *(f"note       {note}" for note in compared.notes),
        *([approved] if approved else []),
        *_removable(known),
        "",
        *_aligned([header, *rows]),
    ])  # fmt: skip


def rate_lines(compared: Compared, more: Sequence[str] = ()) -> list[str]:
    """Return how two versions do by every evaluator, and `more` lines on what limits that."""
    found = compared.found
    rates = [f"before     {found.rates[0]}", f"after      {found.rates[1]}"] if found.rates else []
    return _printable([
        f"{compared.before} -> {compared.after}: {len(found.cases):,} cases",
        *(rates or [NOT_KNOWN]),
        *(f"note       {note}" for note in compared.notes),
        *more,
        "",
        *_aligned([HEADER, *_rows(compared)]),
    ])  # fmt: skip


def comparison_lines(compared: Compared, known: KnownReport) -> list[str]:
    """Return what changed between two versions."""
    found = compared.found
    counted = ", ".join(f"{n:,} {outcome}" for outcome, n in found.counts().items())
    return _printable([
        *rate_lines(compared, _removable(known)),
        "",
        f"cases      {counted}",
        *(f"  {case.outcome():14} {case.case_id}  {_who(case, compared)}  {first_line(case.question)}"
          for case in listed(compared)),
    ])  # fmt: skip


def comparison_markdown(compared: Compared, known: KnownReport, quality: Quality) -> str:
    """Return the comparison as GitHub Markdown, in which texts of users cannot become markup."""
    found = compared.found
    counted = ", ".join(f"{n:,} {outcome}" for outcome, n in found.counts().items())
    cases = [[c.outcome(), f"`{c.case_id}`", escape(_who(c, compared)), escape(first_line(c.question))]
             for c in listed(compared)]  # fmt: skip
    lines = [
        f"### Evals: {escape(str(quality))}",
        "",
        f"{escape(str(compared.before))} → {escape(str(compared.after))}: {len(found.cases):,} cases, {counted}.",
        "",
        *(f"- {escape(note)}" for note in (*compared.notes, *_removable(known))),
        "",
        *_markdown_table(HEADER,
                         [[escape(cell) for cell in row] for row in _rows(compared)]),
        "",
        *(_markdown_table(["", "case", "by", "question"], cases) if cases else []),
    ]  # fmt: skip
    return "\n".join(_printable(lines)) + "\n"


def listed(compared: Compared) -> list[CaseChange]:
    """Return the first cases that are named, worst first; those that pass are only counted."""
    return [c for c in compared.found.cases if c.outcome() not in QUIET][:SHOWN]


def escape(text: str) -> str:
    """Return a text as Markdown that shows it: no link, mention, image, table cell or HTML comes of it."""
    escaped = MARKDOWN.sub(r"\\\1", " ".join(text.split()))
    return escaped.replace("\\<", "&lt;").replace("\\@", "&#64;").replace("://", ":&#47;&#47;")


def _markdown_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [names, ["---"] * len(names), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _rows(compared: Compared) -> list[list[str]]:
    found = compared.found
    changes = [*([found.overall] if found.overall else []), *found.evaluators]
    return [
        [compared.name_of(e.evaluator), _rate(e.before), _rate(e.after), show_number(e.fixed), show_number(e.broken),
         difference(e), _counted(e)]
        for e in changes
    ]  # fmt: skip


def difference(change: EvaluatorChange) -> str:
    """Return the paired difference in percentage points with its 95 % interval, for evaluators that count."""
    if change.status != COUNTS:
        return ""
    if change.change is None:
        return "not known"
    low, high = 100 * change.change.low, 100 * change.change.high
    return f"{100 * change.change.difference:+.1f} ({low:+.1f} to {high:+.1f})"


def _rate(coverage: Coverage) -> str:
    if not coverage.rate.n:
        return "not known"
    return f"{coverage.rate}, {coverage.n_unknown} unknown" if coverage.n_unknown else str(coverage.rate)


def _counted(change: EvaluatorChange) -> str:
    if change.status != COUNTS:
        return f"{change.status}: not counted"
    return "" if change.complete else "incomplete"


def _who(case: CaseChange, compared: Compared) -> str:
    """Return which evaluators do not pass the version after."""
    names = [compared.name_of(e) for e in case.culprits(compared.found.counting)]
    return f"[{', '.join([*names[:2], *(['…'] if len(names) > 2 else [])])}]" if names else ""


def _removable(known: KnownReport) -> list[str]:
    return [
        f"removable  {k.case_id} passes by {k.evaluator} now: remove its entry from the known failures"
        for k in known.removable[:SHOWN]
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _printable(lines: Sequence[str]) -> list[str]:
    """Return lines without the control characters by which a text could steer a terminal."""
    return ["".join(c if c.isprintable() else " " for c in line) for line in lines]
