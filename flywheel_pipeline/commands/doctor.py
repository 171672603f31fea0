"""`flywheel doctor`: what is in order in a home, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flywheel_pipeline.commands.addresses import check_port
from flywheel_pipeline.defs.instance import open_instance
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.flows.doctor import Finding, examine
from flywheel_pipeline.flows.workbench import Workbench

PORTS = {
    3000: ("flywheel dev", "--port"),
    4318: ("flywheel serve", "--port"),
    4317: ("flywheel serve", "--grpc-port"),
}
"""The commands that listen on a port, and their options for another one."""


def check_home(home: Path | None, say: Callable[[str], None], ask_models: bool, repair: bool) -> bool:
    """Say a line for everything that was looked at; return whether all is in order.

    Raises:
        SettingsError: the settings of the home cannot be read.
        HomeError: there is no such home.
    """
    bench = Workbench.of(home)
    findings = [*examine(bench, ask_models, repair), _instance(bench.settings.home), *map(_port, PORTS)]
    for finding in findings:
        say(f"{'ok     ' if finding.ok else 'PROBLEM'}  {finding.area:8}  {finding.text}")
    n = sum(not f.ok for f in findings)
    say("\nAll is in order." if not n else f"\n{n} problem{'s' if n > 1 else ''}.")
    return n == 0


def _instance(home: Path) -> Finding:
    try:
        with open_instance(home) as instance:
            n = instance.get_runs_count()
    except Exception as error:  # whatever Dagster's storage raises
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Finding("dagster", False, f"Dagster's instance cannot be opened: {reason}; see {home / 'dagster'}")
    return Finding("dagster", True, f"Dagster's instance opens ({n} runs)")


def _port(port: int) -> Finding:
    command, option = PORTS[port]
    try:
        check_port("127.0.0.1", port)
    except SettingsError:
        text = f"{port} is taken, perhaps by `{command}` itself; else start that with {option}"
        return Finding("ports", True, text)
    return Finding("ports", True, f"{port} is free for `{command}`")
