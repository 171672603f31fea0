"""Run the app on the golden cases, judge its answers, and measure the judges against the expert."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flywheel_pipeline.adapters.home.files import TAXONOMY_FILE, TEST_READS_FILE
from flywheel_pipeline.adapters.llm import ModelClient
from flywheel_pipeline.flows.afresh import FreshApp, FreshEngine, app_varies, first_repeat
from flywheel_pipeline.flows.labelled import labelled_traces
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.ports import App, Engine
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase, JudgeAlignment, PromptVersion, SampledTrace
from flywheel_pipeline.stats import Rate
from flywheel_pipeline.steps.cluster import Mode, load_modes, traffic_pass_rate, weighted_verdicts
from flywheel_pipeline.steps.evaluate import (
    LabelledAnswer,
    ModeToJudge,
    Plan,
    align_judges,
    majority,
    mark_dev,
    mark_stale,
    run_evals,
)
from flywheel_pipeline.steps.golden import labelled_case, near_pairs, version_of
from flywheel_pipeline.steps.improve import READER

EXAMPLES = 4


def active_cases(bench: Workbench) -> list[GoldenCase]:
    """Return the golden cases that are evaluated."""
    return bench.lake.read("golden_set", GoldenCase, "status = 'active'")


def read_verdicts(bench: Workbench, prompt_version: str) -> list[EvalResult]:
    """Return the stored verdicts on the answers under a prompt: one per answer and evaluator."""
    return majority(bench.lake.read("eval_results", EvalResult, "prompt_version = ?", [prompt_version]))


def train_traces(bench: Workbench) -> set[str]:
    """Return the traces of train cases: the only ones that a judge may be shown."""
    return {c.source_trace_id for c in active_cases(bench) if c.split == "train" and c.source_trace_id}


def to_judge(mode: Mode, train: Collection[str]) -> ModeToJudge:
    """Return a mode as its judge sees it, with examples from the traces `train` alone."""
    shown = replace(mode, members=tuple(x for x in mode.members if x.trace_id in train))
    examples = tuple(mode.shown_to_judge(train, EXAMPLES))
    return ModeToJudge(
        mode.mode_id, shown.title, shown.described, examples, mode.belongs, mode.does_not_belong,
        mode.judge_guidance, mode.judge_tuned,
    )  # fmt: skip


def judges_of(bench: Workbench) -> list[ModeToJudge]:
    """Return one judge per failure mode of the reviewed taxonomy as it is now."""
    modes = load_modes(bench.home.reviewed(TAXONOMY_FILE).read().value)
    train = train_traces(bench)
    return [to_judge(m, train) for m in modes if m.members]


def standing_judges(bench: Workbench) -> list[JudgeAlignment]:
    """Return the judges as they were last measured; one that has changed since is advisory."""
    model = bench.model_name("judge")
    versions = {m.evaluator: m.version(model) for m in judges_of(bench)}
    return mark_stale(bench.lake.read("judge_alignment", JudgeAlignment), versions)


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation of the production prompt found."""

    prompt: PromptVersion
    answers: list[CaseAnswer]
    results: list[EvalResult]
    alignment: list[JudgeAlignment]


def evaluate_production(bench: Workbench) -> Evaluated:
    """Measure the judges and evaluate the production prompt on the golden set as it is now."""
    evaluator, cases = Evaluator(bench, bench.llm()), active_cases(bench)
    prompt = bench.lake.read("production_prompt", PromptVersion)[0]
    alignment = evaluator.align(cases)
    results = evaluator.evaluate(prompt, cases)
    answers = bench.lake.read("answers", CaseAnswer, "prompt_version = ?", [prompt.version])
    return Evaluated(prompt, answers, results, alignment)


@dataclass(frozen=True)
class Evaluator:
    """The `Evaluate` port of a home: runs the app, judges, and keeps the rows by prompt version.

    `reader` is who asks, for the log of reads of the test split. With `fresh`, a word, everything is asked anew, once
    for that word, whatever the caches hold.
    """

    bench: Workbench
    llm: ModelClient
    reader: str = "eval_results"
    fresh: str = ""

    def judges(self) -> list[ModeToJudge]:
        """Return one judge per failure mode of the reviewed taxonomy.

        Its examples are failures from which train cases were made: a judge that has seen the expert's remark on a
        trace can neither judge it nor be measured on it.
        """
        return judges_of(self.bench)

    def plan(self, golden_version: str | None = None) -> Plan:
        """Return how this home evaluates."""
        settings = self.bench.settings
        repeats = settings.evaluate.repeats, settings.evaluate.judge_repeats
        return Plan(self.judges(), settings.app.name, self.bench.model_name("judge"), *repeats, golden_version)

    def evaluate(self, prompt: PromptVersion, cases: Sequence[GoldenCase]) -> list[EvalResult]:
        """Evaluate `prompt` on `cases` and return one verdict per answer and evaluator.

        In `answers` and `eval_results`, rows of the same cases are replaced and those of others stay.

        Raises:
            ModelError: the app answered no case, or a model cannot be called; what was found is kept.
        """
        version = version_of(active_cases(self.bench))
        self._log_read(prompt.version, version, sum(c.split == "test" for c in cases))
        found = run_evals(prompt, cases, self.plan(version), *self._engine())
        self._keep("answers", CaseAnswer, prompt.version, found.answers)
        self._keep("eval_results", EvalResult, prompt.version, found.results)
        found.check()
        return majority(found.results)

    def _engine(self) -> tuple[App, Engine]:
        app = self.bench.app(self.llm)
        if not self.fresh:
            return app, self.llm
        start = first_repeat(self.fresh)
        return FreshApp(app, start) if app_varies(self.bench) else app, FreshEngine(self.llm, start)

    def _keep(self, table: str, record: type[Any], prompt_version: str, rows: Sequence[Any]) -> None:
        replaced, lake = {r.case_id for r in rows}, self.bench.lake
        stored = lake.read(table, record, "prompt_version = ?", [prompt_version])
        lake.write(table, [*(r for r in stored if r.case_id not in replaced), *rows], part=prompt_version)

    def _log_read(self, prompt: str, version: str, n_cases: int) -> None:
        """Log a read of the test split; the same read again is answered from the cache and reveals nothing new."""
        seen = {"prompt_version": prompt, "golden_version": version}
        row = {"at": timestamp(), "by": self.reader, **seen, "n_cases": n_cases}

        def add(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
            return [] if any(seen.items() <= r.items() for r in rows) else [row]

        if n_cases:
            self.bench.home.append_only(TEST_READS_FILE).extend(add)

    def align(self, cases: Sequence[GoldenCase]) -> list[JudgeAlignment]:
        """Compare the judges with the expert on all labelled traces but their examples, and keep the result."""
        answers = mark_dev(labelled_answers(self.bench), cases, near_pairs)
        found = align_judges(answers, self.plan(), self.llm, self.bench.settings.evaluate.judge_checks)
        self.bench.lake.write("judge_verdicts", found.verdicts)
        self.bench.lake.write("judge_alignment", found.rows)
        return found.rows


def labelled_answers(bench: Workbench) -> list[LabelledAnswer]:
    """Return every labelled trace as a case, with its weight in production where our sampler drew it."""
    traces, samples = labelled_traces(bench), bench.lake.read("sampled_traces", SampledTrace)
    verdicts = weighted_verdicts({t.trace_id: t.failed for t in traces}, samples)
    weights = {v.trace_id: v.weight for v in verdicts}
    return [LabelledAnswer(case, weights.get(t.trace_id)) for t in traces if (case := labelled_case(t))]


def production_rate(bench: Workbench) -> Rate | None:
    """Return the pass rate of production, from labels weighted back to it; None where they are not of our sample."""
    traces, samples = labelled_traces(bench), bench.lake.read("sampled_traces", SampledTrace)
    return traffic_pass_rate(weighted_verdicts({t.trace_id: t.failed for t in traces}, samples))


def reads_of_test(bench: Workbench) -> list[dict[str, Any]]:
    """Return every read of the test split, oldest first."""
    return bench.home.append_only(TEST_READS_FILE).read().rows


def n_looks(bench: Workbench) -> int:
    """Return how many candidates the test split was read for: the more, the likelier one looks better by chance."""
    return len({r.get("prompt_version") for r in reads_of_test(bench) if r.get("by") == READER})
