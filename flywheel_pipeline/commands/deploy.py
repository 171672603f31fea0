"""`flywheel prompt`, `promote`, `rollback`, `prompts`, `turns` and `canary`: which prompt applications get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_pipeline.commands.options import BY, HOME, echo, say
from flywheel_pipeline.commands.templates import TEMPLATES

if TYPE_CHECKING:
    from flywheel_pipeline.flows.deploy.promote import Mover
    from flywheel_pipeline.flows.workbench import Workbench


MESSAGE = click.option("--message", "-m", default="", help="Why; kept in the history.")


def changes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that moves a label."""
    return HOME(BY(MESSAGE(command)))


def _home(home: Path | None, by: str = "", message: str = "") -> tuple[Workbench, Mover]:
    from flywheel_pipeline.flows.deploy.promote import Mover
    from flywheel_pipeline.flows.workbench import Workbench

    return Workbench.of(home), Mover(by, message)


@click.command()
@changes
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def prompt(home: Path | None, by: str, message: str, file: Path) -> None:
    """Make the text of FILE the production prompt, for example the first one of a new home."""
    from flywheel_pipeline.flows.deploy.promote import set_prompt

    bench, mover = _home(home, by, message)
    version = set_prompt(bench, file.read_text(encoding="utf-8"), mover)
    say(f"{version} is the production prompt now. `flywheel run` evaluates it.")


@click.command()
@changes
@click.argument("candidate", required=False)
def promote(home: Path | None, by: str, message: str, candidate: str | None) -> None:
    """Put a candidate that the gate lets ship into production; anything else is refused."""
    from flywheel_pipeline.flows.deploy.promote import promote_candidate

    bench, mover = _home(home, by, message)
    version = promote_candidate(bench, candidate, mover)
    say(f"{version} is the production prompt now. `flywheel rollback` restores the previous one.")
    _say_published(bench)


@click.command()
@changes
def rollback(home: Path | None, by: str, message: str) -> None:
    """Put the previous production prompt back into production."""
    from flywheel_pipeline.flows.deploy.promote import roll_back

    bench, mover = _home(home, by, message)
    say(f"{roll_back(bench, mover)} is the production prompt again. `flywheel run` evaluates it.")
    _say_published(bench)


def _say_published(bench: Workbench) -> None:
    """Print where the production prompt was published, and what failed."""
    from flywheel_pipeline.flows.deploy.publish import last_publications

    for publication in last_publications(bench):
        say(str(publication))


@click.command()
@HOME
def turns(home: Path | None) -> None:
    """Print the turns of the flywheel: what each took, what the gate decided, and what it brought."""
    from flywheel_pipeline.commands.turns_table import turn_lines
    from flywheel_pipeline.flows.deploy.turns import record_turns

    bench, _ = _home(home)
    for line in turn_lines(record_turns(bench)):
        say(line)


@click.group()
def prompts() -> None:
    """Prompt versions and the labels that point at them; applications read `production`, or any other label."""


@prompts.command()
@HOME
@click.option("--label", help="Only the moves of this label.")
def history(home: Path | None, label: str | None) -> None:
    """Print every move of the labels: when, by whom, to which version and why."""
    bench, _ = _home(home)
    for line in _moves(bench, label):
        echo(line)


def _moves(bench: Workbench, label: str | None) -> Iterator[str]:
    """Yield a line per move, the oldest first."""
    moves = [m for m in bench.registry.labels().moves if label in (None, m.label)]
    if not moves:
        yield "No label has been moved yet."
    running: dict[str, str | None] = {}
    for m in moves:
        canary = f", canary {m.canary.version} on {m.canary.share:.0%} of traffic" if m.canary else ""
        canary = canary or (", canary ended" if running.get(m.label) == m.version else "")
        running[m.label] = m.version if m.canary else None
        yield f"{m.at:<21} {m.label:<12} {m.version or 'removed':<13} {m.by or '-'}{canary}  {m.message}".rstrip()


@prompts.command()
@HOME
@click.option("--overwrite", is_flag=True, help="Also where somebody has changed the prompt since.")
def publish(home: Path | None, overwrite: bool) -> None:
    """Publish the production prompt where `deploy.publish` of flywheel.yaml says, for example after a failure."""
    from flywheel_pipeline.flows.deploy.publish import publish_production

    bench, _ = _home(home)
    done = publish_production(bench, overwrite=overwrite)
    for line in map(str, done) if done else ["Nothing is configured: name a place in `deploy.publish`."]:
        say(line)
    if any(publication.problem for publication in done):
        raise click.exceptions.Exit(1)


@prompts.command()
@HOME
def health(home: Path | None) -> None:
    """Compare production under the present prompt with production before, by failure mode.

    Exit codes: 0, or 100 if a mode is worse, or back although it was fixed.
    """
    from flywheel_pipeline.commands.production import health_lines
    from flywheel_pipeline.flows.deploy.health import compare_production

    found = compare_production(_home(home)[0])
    for line in health_lines(found):
        say(line)
    click.get_current_context().exit(100 if found.advice else 0)


@prompts.command()
@HOME
@click.argument("before")
@click.argument("after")
def diff(home: Path | None, before: str, after: str) -> None:
    """Print what changed between two versions; BEFORE and AFTER are labels or the beginnings of versions."""
    from flywheel_pipeline.flows.deploy.promote import diff_prompts

    bench, _ = _home(home)
    echo(diff_prompts(bench, before, after) or "The two are the same.")


@prompts.command()
@HOME
def lineage(home: Path | None) -> None:
    """Print the prompts that the last search considered, as a tree, and why each improver stopped."""
    from flywheel_pipeline.flows.prompt_search import read_lineage

    bench, _ = _home(home)
    found = read_lineage(bench)
    for line in [*found.lines, *found.stopped] if found else ["There was no search yet: `flywheel run` begins one."]:
        click.echo("".join(c if c.isprintable() else " " for c in line))


@prompts.command()
@HOME
@click.argument("version", default="production")
def why(home: Path | None, version: str) -> None:
    """Say for each line of VERSION that differs from what it was made from why: mode, cases, traces, expert's words."""
    from flywheel_pipeline.flows.deploy.why import explain_version, explained_lines

    bench, _ = _home(home)
    for line in explained_lines(explain_version(bench, version)):
        echo(line)


@prompts.command()
@HOME
@BY
@click.argument("version")
def read(home: Path | None, by: str, version: str) -> None:
    """Show VERSION beside what it was made from with its foreign parts, and note that you have read it."""
    from flywheel_pipeline.flows.foreign import note_read

    bench, _ = _home(home)
    lines, n_parts = _to_read(bench, version)
    echo("\n".join(lines))
    if not n_parts:
        click.echo("It has no foreign parts that were not read yet.")
        return
    click.confirm("Have you read it, and may it ship if the gate lets it?", abort=True)
    say(f"Noted that {by} has read {note_read(bench, version, by)}. `flywheel gate decide` decides again.")


def _to_read(bench: Workbench, name: str) -> tuple[list[str], int]:
    """Return what changed in a version and its foreign parts, as lines, and the number of the latter."""
    from flywheel_pipeline.flows.deploy.promote import diff_prompts
    from flywheel_pipeline.flows.foreign import parts_of

    version = bench.registry.find(name)
    base = bench.registry.get(version).base_version
    text = diff_prompts(bench, base, version) if base else bench.registry.get(version).text
    parts = [f"! {part}" for part in parts_of(bench, version)]
    return [text, *parts], len(parts)


@prompts.command()
@changes
@click.argument("name")
@click.argument("version", required=False)
@click.option("--remove", is_flag=True, help="Remove the label instead.")
def label(home: Path | None, by: str, message: str, name: str, version: str | None, remove: bool) -> None:
    """Point the label NAME, such as `staging`, at VERSION (a label, or the beginning of a version)."""
    from flywheel_pipeline.flows.deploy.promote import move_label, remove_label

    if remove == (version is not None):
        raise click.UsageError("Give a VERSION, or --remove.")
    bench, mover = _home(home, by, message)
    if version is None:
        remove_label(bench, name, mover)
    now = "is removed" if version is None else f"points at {move_label(bench, name, version, mover)} now"
    click.echo(f"{name} {now}.")


@click.group()
def canary() -> None:
    """Try a prompt on a share of production traffic; harm that is shown ends it by itself."""


@canary.command()
@changes
@click.argument("version")
@click.option("--share", type=float, default=0.1, show_default=True, help="Share of sessions, between 0 and 1.")
def start(home: Path | None, by: str, message: str, version: str, share: float) -> None:
    """Give a share of sessions VERSION instead of the production prompt."""
    from flywheel_pipeline.flows.deploy.canary import start_canary

    bench, mover = _home(home, by, message)
    found = start_canary(bench, version, share, mover)
    say(f"{found.version} answers {share:.0%} of sessions now. `flywheel canary check` looks at it.")


@canary.command()
@HOME
def check(home: Path | None) -> None:
    """Look at the running canary, and end it if harm is shown; the schedule `hourly_canary` does the same."""
    from flywheel_pipeline.flows.deploy.canary import look_at_canary

    bench, _ = _home(home)
    look = look_at_canary(bench)
    click.echo(
        "No canary runs." if look is None else f"{look.canary.version}: {look.report.decision}, {look.report.reason}"
    )


@canary.command()
@changes
def stop(home: Path | None, by: str, message: str) -> None:
    """End the running canary: all traffic gets the production prompt."""
    from flywheel_pipeline.flows.deploy.canary import stop_canary

    click.echo(f"{stop_canary(*_home(home, by, message)).version} gets no traffic any more.")


for command in TEMPLATES:
    prompts.add_command(command)

DEPLOY = (prompt, promote, rollback, prompts, turns, canary)
