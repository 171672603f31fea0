"""`flywheel prompts mine` and `flywheel prompts accept`: the templates behind the system prompts of the traces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_pipeline.commands.options import BY, HOME, say

if TYPE_CHECKING:
    from flywheel_pipeline.flows.deploy.templates import AcceptedTemplate, Entry, MinedHome

WIDTH = 60


@click.command()
@HOME
def mine(home: Path | None) -> None:
    """Look for the templates behind the system prompts of the traces, and propose them for review."""
    from flywheel_pipeline.flows.deploy.templates import mine_home
    from flywheel_pipeline.flows.workbench import Workbench

    for line in mined_lines(mine_home(Workbench.of(home))):
        say(line)


@click.command()
@HOME
@BY
@click.argument("template")
def accept(home: Path | None, by: str, template: str) -> None:
    """Accept TEMPLATE, a number of `flywheel prompts mine`: its variables are read from traces into golden cases."""
    from flywheel_pipeline.flows.deploy.templates import accept_template
    from flywheel_pipeline.flows.workbench import Workbench

    for line in accepted_lines(accept_template(Workbench.of(home), template, by)):
        say(line)


def mined_lines(found: MinedHome) -> Iterator[str]:
    """Yield what was found: each template with its coverage and values, then what fits none."""
    yield f"{found.n_prompts:,} traces have a system prompt; {found.n_without:,} of the newest have none."
    for number, entry in enumerate(found.entries, 1):
        yield ""
        yield f"{number}. {entry.version} ({entry.status}): {_coverage(entry, found.n_prompts)}"
        yield from (f"   | {line}" for line in entry.template.text.splitlines())
        for name, values in entry.coverage.examples.items():
            yield f"   {name}: {', '.join(repr(_cut(v)) for v in values)}"
    yield ""
    yield from _left_over(found)
    if any(e.status == "proposed" for e in found.entries):
        yield "Edit names in prompts/templates.yaml, then `flywheel prompts accept NUMBER`."


def _coverage(entry: Entry, n_prompts: int) -> str:
    n, coverage = entry.coverage.n, entry.coverage
    share = f"{n / n_prompts:.1%}" if n_prompts else "none"
    reproduced = f"reproduces {n:,} of {n_prompts:,} exactly ({share}), {coverage.n_different:,} different prompts"
    return reproduced + (f"; of {coverage.n_ambiguous:,} more the values are not clear" if coverage.n_ambiguous else "")


def _left_over(found: MinedHome) -> Iterator[str]:
    mined = found.mined
    yield f"{mined.n_unfit:,} fit no template{':' if mined.unfit else '.'}"
    yield from (f"   {_cut(' '.join(p.split()))!r}" for p in mined.unfit)
    if mined.n_too_long:
        yield f"{mined.n_too_long:,} are too long to be looked at."
    if mined.n_unfilled:
        yield f"{mined.n_unfilled:,} hold unfilled {{{{variables}}}}: the traces do not show their values."


def accepted_lines(found: AcceptedTemplate) -> Iterator[str]:
    """Yield what became of an accepted template."""
    entry = found.entry
    names = ", ".join(dict.fromkeys(entry.template.names)) or "none"
    yield f"{entry.version} is accepted; it reproduces {entry.coverage.n:,} traces. Variables: {names}."
    if found.is_production:
        yield f"It is the production prompt now{f', in place of {found.before}' if found.before else ''}."
    else:
        yield f"The production prompt stays {found.before}, which is not of this template."
    if found.n_without:
        yield (
            f"{found.n_without:,} of {found.n_cases:,} golden cases are of no trace that shows these values: under "
            "this prompt they are errors, until they have `variables` or are retired."
        )
    yield "The next `flywheel run` gives golden cases the values of their traces."


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


TEMPLATES = (mine, accept)
