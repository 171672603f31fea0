"""What is known of production, in lines for a terminal: rates by verdicts and labels, and before beside after."""

from __future__ import annotations

from collections.abc import Iterator

from flywheel_pipeline.flows.deploy.health import Health
from flywheel_pipeline.flows.production import JudgedProduction
from flywheel_pipeline.flows.production_rates import passing_lines, read_rates, share_of
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode
from flywheel_pipeline.words import count


def judged_lines(found: JudgedProduction) -> Iterator[str]:
    """Yield what was judged, what it cost, and why there is no more."""
    traces = len({v.trace_id for v in found.verdicts})
    paid = "price not known" if found.paid_usd is None else f"{found.paid_usd:.4f} USD"
    if traces:
        missing = sum(v.label is None and v.error is not None for v in found.verdicts)
        broken = f", {count(missing, 'verdict')} missing" if missing else ""
        yield f"judged     {count(traces, 'trace')} of {count(len(found.days), 'day')}{broken}, {paid}"
    if found.stopped:
        yield f"{'stopped' if traces else 'not judged'}: {found.stopped}"


def share_lines(bench: Workbench) -> Iterator[str]:
    """Yield the pass rate of production, and the share of every failure mode that has an evaluator that decides."""
    rows = read_rates(bench)
    yield from passing_lines(rows) or ["production: pass rate not known: label traces that `flywheel sample` drew"]
    names = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}
    for row in rows:
        if row.mode_id in names:
            yield f"  {names[row.mode_id]}: {share_of(row)}, {row.since} to {row.until}, {row.basis}"


def health_lines(found: Health) -> Iterator[str]:
    """Yield what changed in production with the present prompt, mode by mode, and what to do about it."""
    yield found.headline
    for row in found.rows:
        state = "" if row.state == "open" else f" [{row.state}]"
        yield f"  {row.name}{state}"
        yield f"    {row.reason}"
    if found.advice:
        yield found.advice
