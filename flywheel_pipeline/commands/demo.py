"""`flywheel demo`: the main job on the demo's home, once, or twice with what happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flywheel_pipeline.commands.dagster_runs import Say, decide_home, turn_home
from flywheel_pipeline.commands.home import demo_home
from flywheel_pipeline.commands.production import health_lines
from flywheel_pipeline.commands.summary import decision_lines
from flywheel_pipeline.commands.turns_table import turn_lines
from flywheel_pipeline.demo.record import FIRST_VERSION
from flywheel_pipeline.demo.second_week import (
    EXPERT,
    consent_to_unguarded,
    label_flips,
    label_week,
    promote_and_withdraw_consent,
    serve_week,
)
from flywheel_pipeline.flows.deploy.health import compare_production
from flywheel_pipeline.flows.deploy.label_trends import label_trends
from flywheel_pipeline.flows.deploy.turns import record_turns
from flywheel_pipeline.flows.mode_changes import mode_changes
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import PromptCandidate
from flywheel_pipeline.stats import Rate
from flywheel_pipeline.words import count

CHANGES = {"up": "more", "down": "fewer", "inconclusive": "cannot tell"}


def run_demo(home: Path | None, turns: int, say: Say) -> bool:
    """Turn the demo's flywheel once or twice; return whether nothing stopped it.

    Raises:
        HomeError: the home holds something else.
        GateError: the gate does not let the first turn's candidate ship.
    """
    place = demo_home(home)
    production = Workbench.of(place).registry.production()
    is_promoted = production is not None and production.version != FIRST_VERSION
    if turns == 1:
        return _turn_once(place, say)
    if not is_promoted:
        if not turn_home(place, say):
            return False
        _promote(place, say)
    _live_a_week(place, say)
    if not turn_home(place, say):
        return False
    for line in _report(Workbench.of(place)):
        say(line)
    return True


def _turn_once(place: Path, say: Say) -> bool:
    succeeded = turn_home(place, say)
    say("\nNext: `flywheel label` opens the labelling page, first the cases that the gate asks about;")
    say("`flywheel gate decide` lets it decide again, `flywheel promote` puts what may ship into production,")
    say("and `flywheel dev` opens the Dagster UI.")
    return succeeded


def _promote(place: Path, say: Say) -> None:
    """Let the expert decide what the gate asked, and promote what then may ship."""
    bench = Workbench.of(place)
    labels = label_flips(bench)
    fixed = sum(row["before"] == "fail" and row["after"] == "pass" for row in labels)
    broken = sum(row["before"] == "pass" and row["after"] == "fail" for row in labels)
    say("\nBetween the turns")
    flips = count(len(labels), "flipped case")
    say(f"expert     {EXPERT} labels the {flips}: {fixed} fixed, {broken} broken, the others as before")
    modes = consent_to_unguarded(bench)
    unguarded = count(len(modes), "mode")
    say(f"           and consents in flywheel.yaml to ship with {unguarded} that few cases or no judge guards")
    for line in decision_lines(decide_home(place)):
        say(line)
    version = promote_and_withdraw_consent(Workbench.of(place), len(labels))
    say(f"promoted   {version}; the consent was for it alone and is withdrawn")


def _live_a_week(place: Path, say: Say) -> None:
    """Answer a week of customers under the production prompt, and have the expert label a batch of it."""
    bench = Workbench.of(place)
    traces = serve_week(bench)
    days = sorted({trace["started_at"][:10] for trace in traces})
    under = f"answered under {traces[0]['prompt_version']}"
    say(f"traffic    {count(len(traces), 'conversation')} from {days[0]} to {days[-1]}, {under}")
    labels = label_week(bench)
    failed = sum(row["verdict"] == "fail" for row in labels)
    say(f"expert     {EXPERT} labels a batch of them: {len(labels) - failed} pass, {failed} fail\n")


def _report(bench: Workbench) -> Iterator[str]:
    """Yield what was tried, production before and after the promotion, mode by mode, and the turns."""
    yield from _tried(bench)
    trends, history = label_trends(bench), bench.registry.history()
    yield f"\nProduction by the expert's labels, before ({history[0]}) and after ({history[-1]})"
    width = max((len(name) for name, _ in trends), default=0)
    for name, trend in trends:
        change = CHANGES[trend.direction]
        yield f"  {name:{width}}  {_share(trend.before):>18} -> {_share(trend.now):18} {change}"
    yield f"  (the intervals hold for all {len(trends)} modes together)\n"
    yield "Production by judges and checks that may decide"
    yield from (f"  {line}" for line in health_lines(compare_production(bench)))
    yield ""
    yield from turn_lines(record_turns(bench))


def _tried(bench: Workbench) -> Iterator[str]:
    """Yield what every prompt of the last search, decided on or set aside, would cure with what."""
    for c in bench.lake.read("prompt_candidate", PromptCandidate):
        changes = mode_changes(bench, c.base_version, c.candidate_id)
        if any(change.broken for change in changes):
            yield f"\nTried      {c.candidate_id}, {c.decision or 'set aside'}: {c.reason}"
            for change in changes:
                vote = "" if change.decides else " (its judge has no vote yet)"
                yield f"             {change.mode}: {change.fixed} fixed, {change.broken} broken{vote}"


def _share(rate: Rate) -> str:
    return f"{rate.value:.0%} ({rate.low:.0%} to {rate.high:.0%})"
