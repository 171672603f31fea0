"""Which prompt is in production: taken from the traces at first, then changed by people."""

from __future__ import annotations

from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import PromptCandidate, PromptVersion
from flywheel_pipeline.steps.deploy import check_promotion, first_prompt

SEEN_SQL = "select messages from raw_traces order by started_at desc, trace_id limit 2000"


def record_production_prompt(bench: Workbench) -> PromptVersion:
    """Write the table `production_prompt`; an empty registry gets the most frequent system prompt of the traces.

    Raises:
        HomeError: the registry is empty and no trace has a system prompt.
    """
    found = bench.registry.production() or _first_prompt(bench)
    bench.lake.write("production_prompt", [found])
    return found


def _first_prompt(bench: Workbench) -> PromptVersion:
    with bench.lake.connect() as con:
        seen = [row[0] for row in con.execute(SEEN_SQL).fetchall()]
    found = first_prompt(bench.settings.app.prompt_name, seen)
    if found is None:
        raise HomeError(
            "No prompt is registered and no trace has a system prompt: put the app's prompt into a file and run "
            "`flywheel prompt FILE`."
        )
    bench.registry.add(found)
    bench.registry.promote(found.version)
    return found


def set_prompt(bench: Workbench, text: str) -> str:
    """Register a text and put it into production; return its version.

    Raises:
        HomeError: the text is empty.
    """
    if not text.strip():
        raise HomeError("The prompt is empty.")
    version = PromptVersion.of(bench.settings.app.prompt_name, text, None, "set by a person")
    bench.registry.add(version)
    bench.registry.promote(version.version)
    return version.version


def promote_candidate(bench: Workbench, wanted: str | None) -> str:
    """Put the candidate `wanted`, or the only one that may ship, into production; return its version.

    Raises:
        GateError: the gate does not let it ship; see `steps.deploy.check_promotion`.
    """
    production = bench.registry.production()
    candidates = bench.lake.read("prompt_candidate", PromptCandidate)
    chosen = check_promotion(candidates, wanted, production.version if production else None)
    bench.registry.promote(chosen.candidate_id)
    return chosen.candidate_id


def roll_back(bench: Workbench) -> str:
    """Put the previous production prompt back into production; return its version."""
    return bench.registry.roll_back().version
