"""Run the app on the golden cases, judge its answers, and measure the judges against the expert."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flywheel_pipeline.adapters.home.files import TAXONOMY_FILE, TEST_READS_FILE
from flywheel_pipeline.adapters.llm import ModelClient
from flywheel_pipeline.flows.afresh import FreshApp, FreshEngine, app_varies, first_repeat
from flywheel_pipeline.flows.evaluators import accepted_checks, judged_modes, read_entries_of
from flywheel_pipeline.flows.labelled import labelled_answers, labelled_traces, picked_traces
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.ports import LLM, App, Engine
from flywheel_pipeline.records import (
    CaseAnswer,
    EvalResult,
    FailureMode,
    GoldenCase,
    JudgeAlignment,
    PromptVersion,
    SampledTrace,
)
from flywheel_pipeline.stats import Rate
from flywheel_pipeline.steps.cluster import Mode, load_modes, traffic_pass_rate, weighted_verdicts
from flywheel_pipeline.steps.evaluate import (
    ModeDisagreement,
    ModeToJudge,
    Plan,
    align_judges,
    find_disagreements,
    majority,
    mark_dev,
    mark_stale,
    run_evals,
    try_check,
)
from flywheel_pipeline.steps.golden import near_pairs, version_of
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
    sql = "select distinct source_trace_id from golden_set where status = 'active' and split = 'train'"
    return set(bench.lake.frame(sql)["source_trace_id"].dropna())


def to_judge(mode: Mode, train: Collection[str]) -> ModeToJudge:
    """Return a mode as its judge sees it, with examples from the traces `train` alone."""
    shown = replace(mode, members=tuple(x for x in mode.members if x.trace_id in train))
    examples = tuple(mode.shown_to_judge(train, EXAMPLES))
    return ModeToJudge(
        mode.mode_id, shown.title, shown.described, examples, mode.belongs, mode.does_not_belong,
        mode.judge_guidance, mode.judge_tuned, mode.judge_verdict_first,
    )  # fmt: skip


def judges_of(bench: Workbench) -> list[ModeToJudge]:
    """Return one judge per failure mode of the reviewed taxonomy as it is now, but for those a person rejected."""
    modes = judged_modes(read_entries_of(bench), load_modes(bench.home.reviewed(TAXONOMY_FILE).read().value))
    train = train_traces(bench)
    return [to_judge(m, train) for m in modes if m.members]


def standing_judges(bench: Workbench) -> list[JudgeAlignment]:
    """Return the judges and checks as they were last measured; one that has changed since is advisory."""
    model = bench.model_name("judge")
    versions = {m.evaluator: m.version(model) for m in judges_of(bench)}
    versions |= {c.row_name: c.version(model) for c in accepted_checks(bench)}
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
    for that word, whatever the caches hold. Without `keep`, the tables stay as they are.
    """

    bench: Workbench
    llm: ModelClient
    reader: str = "eval_results"
    fresh: str = ""
    keep: bool = True

    def judges(self) -> list[ModeToJudge]:
        """Return one judge per failure mode of the reviewed taxonomy, but for modes whose judge a person rejected.

        Its examples are failures from which train cases were made: a judge that has seen the expert's remark on a
        trace can neither judge it nor be measured on it.
        """
        return judges_of(self.bench)

    def plan(self, golden_version: str | None = None) -> Plan:
        """Return how this home evaluates."""
        settings = self.bench.settings
        repeats = settings.evaluate.repeats, settings.evaluate.judge_repeats
        checks = accepted_checks(self.bench, self.llm)
        model = self.bench.model_name("judge")
        return Plan(self.judges(), settings.app.name, model, *repeats, golden_version, checks)

    def evaluate(self, prompt: PromptVersion, cases: Sequence[GoldenCase]) -> list[EvalResult]:
        """Evaluate `prompt` on `cases` and return one verdict per answer and evaluator.

        In `answers` and `eval_results`, rows of the same cases are replaced and those of others stay.

        Raises:
            ModelError: the app answered no case, or a model cannot be called; what was found is kept.
        """
        version = version_of(active_cases(self.bench))
        self._log_read(prompt.version, version, sum(c.split == "test" for c in cases))
        found = run_evals(prompt, cases, self.plan(version), *self._engine())
        if self.keep:
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
        """Compare all that judge a failure mode with the expert on labelled traces that none was made of; keep it."""
        answers, plan = mark_dev(labelled_answers(self.bench), cases, near_pairs), self.plan()
        tried = [
            try_check(c, c.version(plan.judge_model), answers, self.llm, plan.app_name, plan.judge_repeats).measured
            for c in plan.checks
        ]
        found = align_judges(answers, plan, self.llm, self.bench.settings.evaluate.judge_checks, tried)
        self.bench.lake.write("judge_verdicts", found.verdicts)
        self.bench.lake.write("judge_alignment", found.rows)
        return found.rows

    def ask_judges_only(self, cases: Sequence[GoldenCase], llm: LLM) -> None:
        """Ask `llm` what the judges are asked to be measured; checks are left out, and nothing is kept."""
        answers = mark_dev(labelled_answers(self.bench), cases, near_pairs)
        align_judges(answers, self.plan(), llm, self.bench.settings.evaluate.judge_checks)


def mode_disagreements(bench: Workbench) -> list[ModeDisagreement]:
    """Return the golden cases on which evaluators of one failure mode disagree, under the production prompt."""
    prompts = bench.lake.read("production_prompt", PromptVersion)
    alignment = bench.lake.read("judge_alignment", JudgeAlignment)
    if not prompts:
        return []
    modes = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}
    return find_disagreements(read_verdicts(bench, prompts[0].version), alignment, modes)


def production_rate(bench: Workbench) -> Rate | None:
    """Return the pass rate of production, from labels weighted back to it; None where they are not of our sample."""
    traces, samples = labelled_traces(bench), bench.lake.read("sampled_traces", SampledTrace)
    verdicts = weighted_verdicts({t.trace_id: t.failed for t in traces}, samples, picked_traces(bench))
    return traffic_pass_rate(verdicts)


def reads_of_test(bench: Workbench) -> list[dict[str, Any]]:
    """Return every read of the test split, oldest first."""
    return bench.home.append_only(TEST_READS_FILE).read().rows


def n_looks(bench: Workbench) -> int:
    """Return how many candidates the test split was read for: the more, the likelier one looks better by chance."""
    return len({r.get("prompt_version") for r in reads_of_test(bench) if r.get("by") == READER})
