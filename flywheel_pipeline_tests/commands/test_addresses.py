"""Where a server of ours may listen."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline.commands.addresses import check_port, is_loopback
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline_tests.homes import Place, a_home


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_only_this_machine_reaches_a_loopback_address(host: str, is_ours: bool) -> None:
    assert is_loopback(host) == is_ours


def test_a_port_that_is_taken_is_refused_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=r"cannot listen on 127\.0\.0\.1.*--port"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_the_dagster_ui_is_not_opened_to_a_network_or_on_a_port_that_is_taken(place: Place) -> None:
    def dev(*words: str) -> str:
        done = CliRunner().invoke(main, ["dev", "--home", str(place.root), *words])
        assert done.exit_code == 1
        return done.output

    assert "--trust-network" in dev("--host", "0.0.0.0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "cannot listen" in dev("--port", str(taken.getsockname()[1]))


def test_dev_keeps_h_for_help() -> None:
    assert "Show this message" in CliRunner().invoke(main, ["dev", "-h"]).output
