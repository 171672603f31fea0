"""What a person does after a run: the commands that move the flywheel on, most useful first."""

from __future__ import annotations

from collections.abc import Iterator

from flywheel_pipeline.flows.flips import flips_waiting
from flywheel_pipeline.flows.golden.review import pending_cases
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode, PromptCandidate
from flywheel_pipeline.words import count

UNLABELLED = """
select count(distinct trace_id) from sampled_traces where to_label
and trace_id not in (select trace_id from annotations where not is_superseded and not is_picked)
"""


def next_steps(bench: Workbench, success: bool = True) -> str:
    """Return one line that names the commands to go on with; after a run that was stopped, the run itself."""
    if not success:
        return "Next: resolve what stopped the run, then `flywheel run` goes on from there."
    first, *others = [*_waiting(bench), ("`flywheel sample`", "draws the next batch for the expert")]
    also = f"; also {', '.join(f'{command} ({why})' for command, why in others[:2])}" if len(others) > 1 else ""
    return f"Next: {first[0]} ({first[1]}){also}."


def _waiting(bench: Workbench) -> Iterator[tuple[str, str]]:
    """Yield each command for which something waits, and what that is."""
    decided = [c for c in bench.lake.read("prompt_candidate", PromptCandidate) if c.decision == "ship"]
    if decided:
        yield "`flywheel promote`", f"the gate lets {decided[0].candidate_id} ship"
    groups = len(bench.lake.read("failure_taxonomy", FailureMode, "kind = 'group to review'"))
    if groups:
        yield "`flywheel taxonomy review`", f"{count(groups, 'group')} of failures to review"
    flips = flips_waiting(bench)
    ((unlabelled,),) = bench.lake.rows(UNLABELLED)
    if flips:
        yield "`flywheel label`", f"the gate asks about {count(flips.n_asked, 'flipped case')}"
    elif unlabelled:
        yield "`flywheel label`", f"{count(unlabelled, 'sampled trace')} without a verdict"
    cases = len(pending_cases(bench).waiting)
    if cases:
        yield "`flywheel golden review`", f"{count(cases, 'proposed case')} to review"
