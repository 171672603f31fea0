"""The judges of a home as people review them: how far each may be trusted, and where it disagrees with the expert."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.adapters.home.files import EVALUATORS_FILE, TAXONOMY_FILE
from flywheel_pipeline.flows.evaluate import standing_judges
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import Annotation, FailureMode, GoldenCase, JudgeAlignment, JudgeVerdict
from flywheel_pipeline.steps.annotate import FIELDS
from flywheel_pipeline.steps.evaluate import evaluator_names, is_stale, majority_label, next_step

TABLES = ("judge_alignment", "judge_verdicts", "annotations", "failure_taxonomy", "golden_set")
"""What the review of the judges is made from."""
KINDS = ("false pass", "false fail", "unsure")
"""How a judge disagrees: it passes a failure, it fails a pass, or it gives no verdict on either."""


@dataclass(frozen=True)
class Judge:
    """A judge as it was last measured: its name, what would let it decide, and the name of its failure mode."""

    row: JudgeAlignment
    name: str
    next: str
    is_stale: bool
    mode: str


@dataclass(frozen=True)
class Disagreement:
    """An answer on which a judge and the expert differ, with the judge's reason.

    `expert` is the verdict that the judge was measured against, `split` that of the golden case made of the trace, ""
    where there is none: only a trace of the train split can become an example of a judge.
    """

    evaluator: str
    trace_id: str
    kind: str
    expert: str
    explanation: str
    split: str


@dataclass(frozen=True)
class JudgeBoard:
    """All judges, the ones to work on first; where they disagree; and {trace: the fields of the label that counts}."""

    judges: list[Judge]
    disagreements: list[Disagreement]
    labels: Mapping[str, Mapping[str, Any]]

    def name_of(self, evaluator: str) -> str:
        """Return the name of a judge's failure mode."""
        return next((j.mode for j in self.judges if j.row.evaluator == evaluator), evaluator)


def judges_stamp(bench: Workbench) -> Hashable:
    """Return a token that changes when `read_judges` would return something else."""
    files = [bench.home.reviewed(name).version() for name in (TAXONOMY_FILE, EVALUATORS_FILE)]
    return bench.lake.stamp(*TABLES), *files, bench.model_name("judge")


def read_judges(bench: Workbench) -> JudgeBoard:
    """Return the judges of a home and their disagreements with the expert, as of the last run."""
    rows = [a for a in standing_judges(bench) if a.mode_id]
    modes = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}
    names = evaluator_names(rows, modes)
    judges = [
        Judge(a, names[a.evaluator], next_step(a), is_stale(a), modes.get(a.mode_id or "", names[a.evaluator]))
        for a in rows
    ]
    judges.sort(key=lambda j: (("unusable", "advisory", "trusted", "requirement").index(j.row.status), j.name))
    current = bench.lake.read("annotations", Annotation, "is_current and verdict in ('pass', 'fail')")
    labels = {a.trace_id: {name: getattr(a, name) for name in (*FIELDS, "annotator")} for a in current}
    return JudgeBoard(judges, _disagreements(bench, judges), labels)


def _disagreements(bench: Workbench, judges: list[Judge]) -> list[Disagreement]:
    """Return the answers on which the majority of a judge's verdicts is not the expert's, the worst kind first."""
    versions = {j.row.evaluator: j.row.evaluator_version for j in judges}
    splits = {c.source_trace_id: c.split for c in bench.lake.read("golden_set", GoldenCase)}
    asked: dict[tuple[str, str], list[JudgeVerdict]] = {}
    for v in bench.lake.read("judge_verdicts", JudgeVerdict, "purpose = 'alignment'"):
        if versions.get(v.evaluator) == v.evaluator_version:
            asked.setdefault((v.evaluator, v.trace_id), []).append(v)
    found = []
    for (evaluator, trace_id), verdicts in asked.items():
        label, expert = majority_label([v.label for v in verdicts]), verdicts[0].expert
        if label is None or label == expert:
            continue
        kind = "unsure" if label == "unsure" else f"false {label}"
        why = next((v.explanation for v in verdicts if v.label == label), "its repeats disagree")
        found.append(Disagreement(evaluator, trace_id, kind, expert, why, splits.get(trace_id, "")))
    places = {j.row.evaluator: n for n, j in enumerate(judges)}
    return sorted(found, key=lambda d: (places[d.evaluator], KINDS.index(d.kind), d.trace_id))
