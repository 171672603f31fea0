"""Evaluation as the assets share it: the judges of a home, and runs whose rows are kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_pipeline.adapters.home.reviewed import TAXONOMY_FILE, ReviewedFile
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.adapters.llm import LiteLLM
from flywheel_pipeline.defs.resources import Workbench
from flywheel_pipeline.records import EvalResult, GoldenCase, JudgeAlignment, PromptVersion
from flywheel_pipeline.steps.cluster import load_modes
from flywheel_pipeline.steps.evaluate import ModeToJudge, align_judges, run_evals

EXAMPLES = 4


@dataclass(frozen=True)
class Evaluator:
    """The `Evaluate` port of a home: runs the app, judges, and keeps the rows by prompt version."""

    lake: Lake
    bench: Workbench
    llm: LiteLLM

    def judges(self) -> list[ModeToJudge]:
        """Return one judge a failure mode of the reviewed taxonomy."""
        modes = load_modes(ReviewedFile(self.bench.settings.home / TAXONOMY_FILE).read().value)
        return [ModeToJudge(m.mode_id, m.name, m.definition, tuple(m.examples(EXAMPLES))) for m in modes if m.members]

    def evaluate(self, prompt: PromptVersion, cases: Sequence[GoldenCase]) -> list[EvalResult]:
        """Evaluate `prompt` on `cases`; rows of the same cases are replaced, those of others stay."""
        names = (self.bench.settings.app.name, self.bench.model_name("judge"))
        rows = run_evals(prompt, cases, self.judges(), self.bench.app(self.llm), self.llm, names)
        new = {c.case_id for c in cases}
        kept = self.lake.read("eval_results", EvalResult, "prompt_version = ?", [prompt.version])
        self.lake.write("eval_results", [*(r for r in kept if r.case_id not in new), *rows], part=prompt.version)
        return rows

    def align(self, cases: Sequence[GoldenCase]) -> list[JudgeAlignment]:
        """Compare the judges with the expert and keep the result."""
        rows = align_judges(cases, self.judges(), self.llm, self.bench.settings.app.name)
        self.lake.write("judge_alignment", rows)
        return rows
