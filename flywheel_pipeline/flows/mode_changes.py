"""What a prompt changed on golden cases, failure mode by failure mode, by evaluators with verdicts on both."""

from __future__ import annotations

from dataclasses import dataclass

from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode, JudgeAlignment
from flywheel_pipeline.steps.evaluate import COMPOSITE, decides

CHANGES_SQL = """
select evaluator, count(*) filter (one.label = 'fail' and two.label = 'pass') as fixed,
       count(*) filter (one.label = 'pass' and two.label = 'fail') as broken
from eval_results two join eval_results one using (case_id, evaluator, repeat)
where two.prompt_version = $after and one.prompt_version = $before
group by evaluator having fixed + broken > 0 order by broken desc, fixed desc, evaluator
"""


@dataclass(frozen=True)
class ModeChange:
    """Answers of one failure mode's evaluator that a prompt fixed and broke; `decides` is whether it has a vote."""

    mode: str
    evaluator: str
    decides: bool
    fixed: int
    broken: int


def mode_changes(bench: Workbench, before: str, after: str) -> list[ModeChange]:
    """Return what changed from one prompt version to another, by evaluators of failure modes, most broken first.

    Verdicts of evaluators without a vote are as they gave them: they may err.
    """
    names = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}
    of = {a.evaluator: a for a in bench.lake.read("judge_alignment", JudgeAlignment) if a.evaluator != COMPOSITE}
    with bench.lake.connect() as con:
        rows = con.execute(CHANGES_SQL, {"before": before, "after": after}).fetchall()
    return [
        ModeChange(names.get(str(of[e].mode_id), e), e, decides(of[e]), fixed, broken)
        for e, fixed, broken in rows
        if e in of and of[e].mode_id
    ]
