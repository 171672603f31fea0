"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

HOME = click.option(
    "--home", type=click.Path(path_type=Path), help="The flywheel home. Default: $FLYWHEEL_HOME, else `data`."
)


def ADDRESS(command: Command) -> Command:
    """Add --host and --port of a server of ours."""
    host = click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
    port = click.option(
        "--port", type=click.IntRange(0, 65535), default=4318, show_default=True, help="0 takes a free one."
    )
    return host(port(command))
