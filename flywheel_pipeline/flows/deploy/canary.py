"""Try a prompt on a share of traffic, look at it, and end it; harm that is shown ends it by itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flywheel_pipeline.adapters.registry import PRODUCTION, Canary, Move
from flywheel_pipeline.errors import GateError
from flywheel_pipeline.flows.deploy.promote import GATE, Mover
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.records import CanaryHealth
from flywheel_pipeline.steps.deploy import ROLL_BACK, CanaryReport, count_sessions, judge_canary

SESSIONS_SQL = """
with sessions as (
    select coalesce(session_id, trace_id) as session, min(prompt_version) as version,
           count(distinct prompt_version) as n_versions,
           bool_or(error is not null or coalesce(feedback_score < 0.5, false)) as went_wrong
    from raw_traces where started_at >= $since and prompt_version in ($canary, $control) group by all
    having n_versions = 1
)
select version, count(*), count(*) filter (where went_wrong) from sessions group by version
"""
"""Sessions that saw one of the two versions only; one goes wrong by an error or by a user's bad feedback."""


@dataclass(frozen=True)
class Look:
    """A look at the running canary of production: what it is, since when it runs, and what was found."""

    canary: Canary
    control: str
    since: str
    report: CanaryReport


def start_canary(bench: Workbench, name: str, share: float, mover: Mover) -> Canary:
    """Give a share of production's traffic another version; return the canary.

    Raises:
        GateError: the share is not between 0 and 1, production has no prompt, a canary runs, or there is no such
            version.
    """
    if not 0 < share < 1:
        raise GateError(f"The share of a canary is between 0 and 1, not {share}.")
    labels = bench.registry.labels()
    present = labels.now().get(PRODUCTION)
    if present is None or present.version is None:
        raise GateError("There is no production prompt to compare a canary with.")
    if present.canary:
        raise GateError(f"A canary of {present.canary.version} runs already: `flywheel canary stop` ends it.")
    version = bench.registry.find(name)
    if version == present.version:
        raise GateError(f"{version} is the production prompt itself.")
    at = mover.at
    canary_id = hashlib.sha256(f"{present.version} {version} {at}".encode()).hexdigest()[:12]
    canary = Canary(canary_id, version, share)
    bench.registry.move(Move(PRODUCTION, present.version, at, mover.by, mover.message, canary), labels.seen)
    return canary


def stop_canary(bench: Workbench, mover: Mover) -> Canary:
    """End the running canary: all traffic gets the production prompt; return what it was.

    Raises:
        GateError: none runs.
    """
    labels = bench.registry.labels()
    present = labels.now().get(PRODUCTION)
    if present is None or present.canary is None:
        raise GateError("No canary runs.")
    bench.registry.move(Move(PRODUCTION, present.version, mover.at, mover.by, mover.message), labels.seen)
    return present.canary


def look_at_canary(bench: Workbench) -> Look | None:
    """Look at the running canary, keep what was found, and end the canary if harm is shown; None without one."""
    present = bench.registry.labels().now().get(PRODUCTION)
    if present is None or present.canary is None or present.version is None:
        return None
    canary, since = present.canary, present.at
    report = _report(bench, canary.version, present.version, since)
    _keep(bench, canary, present.version, report)
    if report.decision == ROLL_BACK:
        stop_canary(bench, Mover(GATE, f"canary {canary.canary_id} of {canary.version}: {report.reason}"))
    return Look(canary, present.version, since, report)


def _report(bench: Workbench, canary: str, control: str, since: str) -> CanaryReport:
    values: dict[str, Any] = {"since": _utc(since), "canary": canary, "control": control}
    rows = {v: (n, bad) for v, n, bad in bench.lake.rows(SESSIONS_SQL, values)}
    return judge_canary(count_sessions(rows, canary), count_sessions(rows, control))


def _utc(at: str) -> datetime:
    return datetime.fromisoformat(at.replace("Z", "+00:00")).replace(tzinfo=None)


def _keep(bench: Workbench, canary: Canary, control: str, report: CanaryReport) -> None:
    """Add a row to `canary_health` where the counts have changed since the last look."""
    rows = bench.lake.read("canary_health", CanaryHealth)
    row = CanaryHealth(
        canary.canary_id, canary.version, control, canary.share, _utc(timestamp()), report.canary.n,
        report.canary.n_bad, report.control.n, report.control.n_bad, report.difference, report.low, report.high,
        report.decision, report.reason,
    )  # fmt: skip
    last = next((r for r in reversed(rows) if r.canary_id == canary.canary_id), None)
    if last is None or (last.n_canary, last.n_control) != (row.n_canary, row.n_control) or last.reason != row.reason:
        bench.lake.write("canary_health", [*rows, row])
