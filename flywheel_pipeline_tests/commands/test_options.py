"""Messages recommend commands for the home that the command line names."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flywheel_pipeline.commands.options import HOME, say


@click.command()
@HOME
@click.argument("line")
def repeat(home: Path | None, line: str) -> None:
    """Say a line."""
    say(line)


def said(*words: str) -> str:
    return CliRunner().invoke(repeat, words).output.strip()


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("run `flywheel run` first", "run `flywheel run --home shop` first"),
        (
            "`flywheel taxonomy review`, `flywheel dev`",
            "`flywheel taxonomy review --home shop`, `flywheel dev --home shop`",
        ),
        ('`flywheel sql "select 1"` shows', '`flywheel sql "select 1" --home shop` shows'),
        ("`flywheel demo --home DIR` in another one", "`flywheel demo --home DIR` in another one"),
        ("create one with `flywheel init shop`", "create one with `flywheel init shop`"),
        ("run `flywheel demo` there", "run `flywheel demo` there"),
        ("`flywheel labels config` takes no home", "`flywheel labels config` takes no home"),
        ("the `flywheel.yaml` and `gate.consent`", "the `flywheel.yaml` and `gate.consent`"),
    ],
)
def test_a_command_in_a_message_has_the_home_that_was_given(line: str, printed: str) -> None:
    assert said(line, "--home", "shop") == printed


def test_a_home_with_a_space_is_quoted_for_the_shell() -> None:
    assert said("`flywheel run`", "--home", "my shop") == "`flywheel run --home 'my shop'`"


def test_without_a_given_home_a_message_stays_as_it_is() -> None:
    assert said("run `flywheel run` first") == "run `flywheel run` first"
