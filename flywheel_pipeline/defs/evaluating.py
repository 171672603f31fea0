"""Evaluation as the assets share it: the judges of a home, and runs whose rows are kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flywheel_pipeline.adapters.home.reviewed import TAXONOMY_FILE, ReviewedFile
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.adapters.llm import ModelClient
from flywheel_pipeline.defs.resources import Workbench, utc_now
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase, JudgeAlignment, PromptVersion
from flywheel_pipeline.steps.cluster import load_modes
from flywheel_pipeline.steps.evaluate import ModeToJudge, Plan, align_judges, run_evals
from flywheel_pipeline.steps.golden import version_of

EXAMPLES = 4
READS_FILE = "golden/test_reads.jsonl"
"""Who looked at the test split when, with which prompt, on which version; in the home, only ever added to."""


def active_cases(lake: Lake) -> list[GoldenCase]:
    """Return the golden cases that are evaluated."""
    return lake.read("golden_set", GoldenCase, "status = 'active'")


@dataclass(frozen=True)
class Evaluator:
    """The `Evaluate` port of a home: runs the app, judges, and keeps the rows by prompt version.

    `reader` is who asks, for the log of reads of the test split.
    """

    lake: Lake
    bench: Workbench
    llm: ModelClient
    reader: str = "eval_results"

    def judges(self) -> list[ModeToJudge]:
        """Return one judge a failure mode of the reviewed taxonomy.

        Its examples are failures that no held-out case was made of: a judge that knows the expert's remark on a case
        is no judge of it.
        """
        modes = load_modes(ReviewedFile(self.bench.settings.home / TAXONOMY_FILE).read().value)
        held_out = {c.source_trace_id for c in active_cases(self.lake) if c.split != "train"}
        shown = [replace(m, members=tuple(x for x in m.members if x.trace_id not in held_out)) for m in modes]
        return [
            ModeToJudge(
                m.mode_id,
                m.name,
                m.definition,
                tuple(s.examples(EXAMPLES)),
                tuple(getattr(m, "inclusion", ())),
                tuple(getattr(m, "exclusion", ())),
            )
            for m, s in zip(modes, shown, strict=True)
            if m.members
        ]

    def evaluate(self, prompt: PromptVersion, cases: Sequence[GoldenCase]) -> list[EvalResult]:
        """Evaluate `prompt` on `cases`; rows of the same cases are replaced, those of others stay."""
        version = version_of(active_cases(self.lake))
        self._log_read(prompt.version, version, sum(c.split == "test" for c in cases))
        found = run_evals(prompt, cases, self.plan(version), self.bench.app(self.llm), self.llm)
        self._keep("answers", CaseAnswer, prompt.version, found.answers)
        self._keep("eval_results", EvalResult, prompt.version, found.results)
        found.check()
        return found.results

    def plan(self, golden_version: str | None = None) -> Plan:
        """Return how this home evaluates."""
        settings = self.bench.settings
        repeats = settings.evaluate.repeats, settings.evaluate.judge_repeats
        return Plan(self.judges(), settings.app.name, self.bench.model_name("judge"), *repeats, golden_version)

    def _keep(self, table: str, record: type[Any], prompt_version: str, rows: Sequence[Any]) -> None:
        """Replace the rows of the same cases under a prompt; those of other cases stay."""
        replaced = {r.case_id for r in rows}
        stored = self.lake.read(table, record, "prompt_version = ?", [prompt_version])
        self.lake.write(table, [*(r for r in stored if r.case_id not in replaced), *rows], part=prompt_version)

    def _log_read(self, prompt: str, version: str, n_cases: int) -> None:
        """Note a look at the test split; the same look once more is answered from the cache and tells nothing new."""
        seen = {"prompt_version": prompt, "golden_version": version}
        if n_cases and not any(seen.items() <= r.items() for r in reads_of_test(self.bench)):
            row = {"at": f"{utc_now():%Y-%m-%dT%H:%M:%SZ}", "by": self.reader, **seen, "n_cases": n_cases}
            self.bench.home.append_jsonl(READS_FILE, [row])

    def align(self, cases: Sequence[GoldenCase]) -> list[JudgeAlignment]:
        """Compare the judges with the expert and keep the result."""
        rows = align_judges(cases, self.judges(), self.llm, self.bench.settings.app.name)
        self.lake.write("judge_alignment", rows)
        return rows


def reads_of_test(bench: Workbench) -> list[dict[str, Any]]:
    """Return every read of the test split, oldest first."""
    return bench.home.read_jsonl(READS_FILE)


def n_looks(bench: Workbench) -> int:
    """Return how many candidates have met the test split: the more, the likelier that one looks better by luck."""
    return len({r.get("prompt_version") for r in reads_of_test(bench) if r.get("by") == "prompt_candidate"})
