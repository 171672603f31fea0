"""How far a run is: one line per step with counts and time, on standard error, so that a pipe gets only results."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.text import Text

from flywheel_pipeline.names import printable
from flywheel_pipeline.words import count

Found = Mapping[str, Any]
"""What a step recorded of an asset, by name."""
COUNTS: Mapping[str, tuple[str, Callable[[Found], str]]] = {
    "capture_log": (
        "read files",
        lambda f: f"{count(f['files_read_now'], 'new file')}, {count(f['n_traces'], 'trace')} in all",
    ),
    "raw_traces": ("write days", lambda f: count(f["n_traces"], "trace")),
    "sampled_traces": ("sample", lambda f: f"{count(f['n_sampled'], 'trace')} of {f['n_frame']:,} for the expert"),
    "annotations": ("read labels", lambda f: f"{f['n_pass']:,} pass, {f['n_fail']:,} fail"),
    "failure_taxonomy": (
        "cluster",
        lambda f: f"{count(f['n_failures'], 'failure')} in {count(f['dagster/row_count'], 'group')}",
    ),
    "golden_set": ("golden set", lambda f: f"{count(f['dagster/row_count'], 'case')}, {f['n_added']:,} new"),
    "production_prompt": ("production prompt", lambda f: str(f["version"])),
    "answers": ("evaluate", lambda f: count(f["dagster/row_count"], "answer")),
    "eval_results": ("evaluate", lambda f: count(f["dagster/row_count"], "verdict")),
    "prompt_candidate": ("improve", lambda f: str(f["decision"])),
    "production_verdicts": (
        "judge traffic",
        lambda f: f"{count(f['n_traces'], 'trace')} of {count(f['n_days'], 'day')}",
    ),
    "canary_health": ("canary", lambda f: str(f.get("decision", "none runs"))),
}
"""What the line of a step is called, and what it counts, by asset; an asset that is not here adds nothing."""
STEPS = {"build_failure_taxonomy": "failure_taxonomy", "run_evaluators": "eval_results"}
"""Steps that are not named after the asset that names their line."""


class StepLines:
    """Prints a line for each finished step; on a terminal also what is going on."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._status: Status | None = None
        self._began: dict[str, float] = {}
        self._counts: dict[str, list[str]] = {}
        self._checks = [0, 0]

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show what is going on for as long as the block lasts; messages of the package stand above it."""
        handler, log = _Messages(self._console), logging.getLogger("flywheel_pipeline")
        level = log.level
        log.setLevel(logging.INFO)
        log.addHandler(handler)
        try:
            if self._console.is_terminal and not self._console.is_dumb_terminal:
                self._status = self._console.status("starting")
                self._status.start()
            yield
        finally:
            if self._status:
                self._status.stop()
                self._status = None
            log.removeHandler(handler)
            log.setLevel(level)

    def started(self, step: str) -> None:
        """Report that a step has begun."""
        self._began[step] = self._clock()
        if self._status:
            self._status.update(Text(_title(step) or "checks"))

    def made(self, step: str, asset: str, found: Found) -> None:
        """Report what a step recorded of an asset that it made."""
        if asset in COUNTS:
            with suppress(KeyError, TypeError, ValueError):  # an asset that recorded less has a line without counts
                self._counts.setdefault(step, []).append(COUNTS[asset][1](found))

    def checked(self, passed: bool) -> None:
        """Report the outcome of a check."""
        self._checks[not passed] += 1

    def finished(self, step: str, ok: bool = True) -> None:
        """Report that a step has ended; a check that ran has no line of its own."""
        seconds, title = self._clock() - self._began.pop(step, self._clock()), _title(step)
        if title or not ok:
            counts = ", ".join(dict.fromkeys(self._counts.pop(step, []))) if ok else "stopped"  # a day says the same
            self._console.print(Text(f"{title or step:<18} {counts:<44} {seconds:6.1f} s"), soft_wrap=True)

    def ended(self) -> None:
        """Print how many checks passed."""
        passed, failed = self._checks
        if passed or failed:
            self._console.print(Text(f"{'checks':<18} {passed} passed, {failed} to look at"), soft_wrap=True)
            self._checks = [0, 0]


class _Messages(logging.Handler):
    """Prints the messages of the package above the line that shows what is going on."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record's message without markup; what traces and servers say cannot move the cursor."""
        self._console.print(Text(printable(self.format(record))), soft_wrap=True)


def terminal_lines() -> StepLines:
    """Return the lines on standard error: without any control character where that is not a terminal."""
    is_terminal = sys.stderr.isatty()
    return StepLines(Console(stderr=True, force_terminal=is_terminal, highlight=False, no_color=not is_terminal))


def _title(step: str) -> str | None:
    asset = STEPS.get(step, step)
    return COUNTS[asset][0] if asset in COUNTS else None
