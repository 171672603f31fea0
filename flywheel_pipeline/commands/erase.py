"""`flywheel erase`: say what would go, ask, erase, and say what could not be reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from flywheel_pipeline.flows.erase import erase, find_person
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.words import count

SHOWN = 10


def erase_person(
    home: Path | None,
    traces: Sequence[str],
    session_and_user: tuple[str | None, str | None],
    yes: bool,
    say: Callable[[str], None],
) -> None:
    """Erase what is named, after a question unless `yes`.

    Raises:
        HomeError: nothing is named, or nothing of it is there.
        click.Abort: the answer was no.
    """
    bench = Workbench.of(home)
    found = find_person(bench, traces, *session_and_user)
    more = " …" if len(found.trace_ids) > SHOWN else ""
    say(f"{count(len(found.trace_ids), 'trace')}: {', '.join(found.trace_ids[:SHOWN])}{more}")
    cases, files = count(len(found.case_ids), "golden case"), count(len(found.landing), "file")
    say(f"Made of them: {cases}. In traces/ they are in {files}.")
    say("The files are removed; what else they hold is kept as captured. Stop `flywheel serve` and running jobs first.")
    if not yes:
        click.confirm("Erase them? This cannot be undone", abort=True)
    for line in erase(bench, found):
        say(line)
