"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

HOME = click.option(
    "--home", type=click.Path(path_type=Path), help="The flywheel home. Default: $FLYWHEEL_HOME, else `data`."
)
