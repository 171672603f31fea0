"""`flywheel alerts`: try the addresses at which people are alerted."""

from __future__ import annotations

from pathlib import Path

import click

from flywheel_pipeline.commands.options import HOME


@click.group()
def alerts() -> None:
    """Alert people by e-mail, chat or webhook when something needs them."""


@alerts.command()
@HOME
def test(home: Path | None) -> None:
    """Send a test message to every address, and print which of them took it."""
    from flywheel_pipeline.adapters.notify import send
    from flywheel_pipeline.flows.workbench import Workbench

    bench = Workbench.of(home)
    name, settings = bench.settings.app.name, bench.settings.alerts
    taken = send(settings.urls(), f"Flywheel of {name}", f"A test. You are alerted of: {', '.join(settings.on)}.")
    for i, took in enumerate(taken, 1):
        click.echo(f"address {i} of {len(taken)}: {'sent' if took else 'NOT TAKEN; check the URL and the service'}")
    raise SystemExit(0 if all(taken) else 1)
