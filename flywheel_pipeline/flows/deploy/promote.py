"""Which prompt is in production: taken from the traces at first, then moved by people, or by the gate where it may."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from flywheel_pipeline.adapters.registry import PRODUCTION, Move
from flywheel_pipeline.errors import GateError, HomeError
from flywheel_pipeline.flows.deploy.publish import publish_production
from flywheel_pipeline.flows.deploy.turns import record_turns
from flywheel_pipeline.flows.golden.leaks import find_candidate_leaks
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.records import PromptCandidate, PromptVersion
from flywheel_pipeline.steps.deploy import check_promotion, first_prompt

SEEN_SQL = "select messages from raw_traces order by started_at desc, trace_id limit 2000"
GATE = "the gate"


@dataclass(frozen=True)
class Mover:
    """Who moves a label, and why; `at` is when, if it is not now."""

    by: str = ""
    message: str = ""
    at: str = field(default_factory=timestamp)


def record_production_prompt(bench: Workbench) -> PromptVersion:
    """Write the table `production_prompt`; an empty registry gets the most frequent system prompt of the traces.

    Raises:
        HomeError: the registry is empty and no trace has a system prompt.
    """
    found = bench.registry.production() or _first_prompt(bench)
    bench.lake.write("production_prompt", [found])
    return found


def _first_prompt(bench: Workbench) -> PromptVersion:
    seen = [row[0] for row in bench.lake.rows(SEEN_SQL)]
    found = first_prompt(bench.settings.app.prompt_name, seen)
    if found is None:
        raise HomeError(
            "No prompt is registered and no trace has a system prompt: put the app's prompt into a file and run "
            "`flywheel prompt FILE`."
        )
    bench.registry.add(found)
    bench.registry.promote(found.version, at=timestamp(), message=found.note)
    return found


def set_prompt(bench: Workbench, text: str, mover: Mover, label: str = PRODUCTION) -> str:
    """Register a text and point a label at it; return its version.

    Raises:
        HomeError: the text is empty.
    """
    if not text.strip():
        raise HomeError("The prompt is empty.")
    seen = bench.registry.labels().seen
    version = PromptVersion.of(bench.settings.app.prompt_name, text, None, mover.message or "set by a person")
    bench.registry.add(version)
    bench.registry.move(Move(label, version.version, mover.at, mover.by, mover.message), seen)
    return version.version


def promote_candidate(bench: Workbench, wanted: str | None, mover: Mover) -> str:
    """Put the candidate `wanted`, or the only one that may ship, into production; return its version.

    It is published where `deploy.publish` says; a failure of that is noted (`flows.deploy.publish`) and raises nothing.

    Raises:
        GateError: the gate does not let it ship; see `steps.deploy.check_promotion`.
        ConflictError: a label was moved in the meantime.
    """
    labels = bench.registry.labels()
    present = labels.now().get(PRODUCTION)
    candidates = bench.lake.read("prompt_candidate", PromptCandidate)
    chosen = check_promotion(candidates, wanted, present.version if present else None)
    bench.registry.promote(
        chosen.candidate_id, at=mover.at, by=mover.by, message=mover.message or chosen.reason, seen=labels.seen
    )
    _report(bench)
    return chosen.candidate_id


def _report(bench: Workbench) -> None:
    """Publish the prompt that was put into production, and note the move in the table of turns."""
    publish_production(bench)
    record_turns(bench)


def promote_automatically(bench: Workbench) -> str | None:
    """Put the candidate that the gate lets ship into production, where `deploy.automatic` says so; return its version.

    Without such a candidate, or where one holds text of a test case, everything stays as it is.
    """
    if not bench.settings.deploy.automatic or find_candidate_leaks(bench):
        return None
    try:
        return promote_candidate(bench, None, Mover(GATE))
    except GateError:
        return None


def roll_back(bench: Workbench, mover: Mover, label: str = PRODUCTION) -> str:
    """Make the previous version of a label the present one again; return it. Production is published as well."""
    version = bench.registry.roll_back(label, at=mover.at, by=mover.by, message=mover.message).version
    if label == PRODUCTION:
        _report(bench)
    return version


def move_label(bench: Workbench, label: str, version: str, mover: Mover) -> str:
    """Point a label other than production at a version (a label, or the beginning of a version); return the version.

    Raises:
        GateError: there is no such version, or the label is production, which only `promote` and `rollback` move.
    """
    if label == PRODUCTION:
        raise GateError("`production` is moved by `flywheel promote` and `flywheel rollback`.")
    seen, found = bench.registry.labels().seen, bench.registry.find(version)
    bench.registry.move(Move(label, found, mover.at, mover.by, mover.message), seen)
    return found


def remove_label(bench: Workbench, label: str, mover: Mover) -> None:
    """Remove a label; the versions that it pointed at stay.

    Raises:
        GateError: there is no such label, or it is production.
    """
    labels = bench.registry.labels()
    if label == PRODUCTION or label not in labels.now():
        raise GateError(f"There is no label {label!r} that can be removed.")
    bench.registry.move(Move(label, None, mover.at, mover.by, mover.message), labels.seen)


def diff_prompts(bench: Workbench, before: str, after: str) -> str:
    """Return the unified diff of two versions, each a label or the beginning of a version."""
    one, two = (bench.registry.get(bench.registry.find(name)) for name in (before, after))
    lines = difflib.unified_diff(one.text.splitlines(), two.text.splitlines(), one.version, two.version, lineterm="")
    return "\n".join(lines)
