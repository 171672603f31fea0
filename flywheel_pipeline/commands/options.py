"""Options that several commands share."""

from __future__ import annotations

import getpass
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from flywheel_pipeline.names import printable

Command = TypeVar("Command", bound=Callable[..., Any])

GIVEN_HOME = "flywheel_pipeline.home"
"""Where a click context keeps the home that the command line names."""

NEXT_COMMAND = re.compile(r"`(flywheel (?!init\b|demo\b|labels config\b)(?![^`\n]*--home)[^`\n]+)`")
"""A command that a message recommends, if it takes --home and does not have it."""


def _remember(context: click.Context, _: click.Parameter, home: Path | None) -> Path | None:
    """Keep the home that a command is given, and return it to the subcommands that are given none."""
    if home is not None:
        context.meta[GIVEN_HOME] = home
    given: Path | None = context.meta.get(GIVEN_HOME)
    return given


HOME = click.option(
    "--home",
    type=click.Path(path_type=Path),
    callback=_remember,
    help="The flywheel home. Default: $FLYWHEEL_HOME, else `data`.",
)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user here, as in some containers
        return ""


BY = click.option("--by", default=_user, help="Who does it; default: the user of this machine.")


def name_home(text: str, context: click.Context) -> str:
    """Return a message in which every command to run next has the --home that this command was given, if any."""
    home = context.meta.get(GIVEN_HOME)
    if home is None:
        return text
    given = f" --home {shlex.quote(str(home))}"
    return NEXT_COMMAND.sub(lambda found: f"`{found[1]}{given}`", text)


def echo(text: str) -> None:
    """Print a text in which strangers' words may stand: it moves no cursor and sets no colour."""
    click.echo(printable(text))


def say(line: str) -> None:
    """Print a line; the commands that it recommends are for the home of the command that runs."""
    echo(name_home(line, click.get_current_context()))


def ADDRESS(command: Command) -> Command:
    """Add --host and --port of a server of ours."""
    host = click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
    port = click.option(
        "--port", type=click.IntRange(0, 65535), default=4318, show_default=True, help="0 takes a free one."
    )
    return host(port(command))
