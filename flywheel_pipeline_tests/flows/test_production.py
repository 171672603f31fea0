"""Production judged night by night on a home, the rates that follow, and before beside after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from flywheel_pipeline.adapters.home.files import EVALUATORS_FILE
from flywheel_pipeline.cli import main
from flywheel_pipeline.commands.production import judged_lines, share_lines
from flywheel_pipeline.defs.assets.production import production_health, production_verdicts
from flywheel_pipeline.defs.checks.deploy import production_holds
from flywheel_pipeline.defs.checks.evaluate import every_sampled_trace_judged
from flywheel_pipeline.errors import BudgetError, EvaluationError
from flywheel_pipeline.flows.deploy.health import (
    _controls,
    _fixed_before,
    _seen,
    compare_production,
    read_health,
    reopened_modes,
)
from flywheel_pipeline.flows.deploy.turns import _realised
from flywheel_pipeline.flows.evaluators import accepted_checks
from flywheel_pipeline.flows.judge_measuring import measure_judge
from flywheel_pipeline.flows.production import LABELLED, JudgedProduction, Production, judge_production, read_production
from flywheel_pipeline.flows.production_rates import (
    judge_and_estimate,
    passing_lines,
    read_rates,
    record_rates,
    share_of,
)
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import ProductionHealth, ProductionVerdict, RawTrace
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline.steps.evaluate import ExpertLabel, JudgedTrace
from flywheel_pipeline.steps.evaluate.evaluators.judge import Verdict
from flywheel_pipeline_tests.builders import NOON, a_prompt, a_sampled_trace, a_trace, an_alignment
from flywheel_pipeline_tests.fakes import FakeLLM
from flywheel_pipeline_tests.homes import Place, a_labelled_home

COVERS = (
    "flows/production.py",
    "flows/production_rates.py",
    "flows/deploy/health.py",
    "flows/judge_measuring.py",
    "commands/production.py",
    "defs/assets/production.py",
)
OLD, NEW = a_prompt("Be kind."), a_prompt("Be brief.")
DAY, LATER = "2025-06-02", "2025-06-09"
CHECK = """
evaluators:
- {name: no-claims, mode: fm-1, kind: forbidden, settings: {texts: [I have cancelled]}, status: accepted}
- {name: no-judge, mode: fm-1, kind: judge, status: rejected}
"""
T = TypeVar("T")
R = TypeVar("R")


def answered(name: str, failed: bool, version: str, days: int = 0) -> RawTrace:
    output = f"I have cancelled {name}." if failed else f"Our team can help with {name}."
    started = NOON + timedelta(days=days)
    return a_trace(trace_id=name, session_id=name, output=output, prompt_version=version, started_at=started,
                   messages=f'[{{"role": "user", "content": "About {name}?"}}, '
                            f'{{"role": "assistant", "content": "{output}"}}]')  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """36 labelled traces (a third fails), all drawn, 84 others of the same day, and 150 of a week later, unlabelled."""
    place = a_labelled_home(tmp_path / "home", 12)
    (place.root / EVALUATORS_FILE).write_text(CHECK)
    (place.root / "flywheel.yaml").write_text("evaluate: {production_traces: 150}\nautomation: {settle_seconds: 0}\n")
    labelled = [replace(t, prompt_version=OLD.version) for t in place.lake.read("raw_traces", RawTrace)]
    others = [answered(f"a{i:03}", i % 5 == 0, OLD.version) for i in range(84)]
    later = [answered(f"b{i:03}", i < 3, NEW.version, days=7) for i in range(150)]
    place.lake.write("raw_traces", [*labelled, *others], part=DAY)
    place.lake.write("raw_traces", later, part=LATER)
    batch = f"{DAY}_{DAY}_n36_abc"
    weights = {t.trace_id: 1.5 if t.output and t.output.startswith("I") else 4.0 for t in labelled}
    place.lake.write("sampled_traces", [a_sampled_trace(batch=batch, trace_id=t, weight=w) for t, w in weights.items()])
    for prompt in (OLD, NEW):
        place.bench.registry.add(prompt)
        place.bench.registry.promote(prompt.version)
    place.lake.write("production_prompt", [NEW])
    (check,) = accepted_checks(place.bench)
    version = check.version(place.bench.model_name("judge"))
    place.lake.write("judge_alignment", [an_alignment(evaluator=check.row_name, evaluator_version=version)])
    return place


def holds(place: Place) -> dg.AssetCheckResult:
    found = production_holds(bench=place.bench)
    assert isinstance(found, dg.AssetCheckResult)
    return found


def made(asset: Any, place: Place) -> dict[str, Any]:
    found = asset(bench=place.bench)
    assert isinstance(found, dg.MaterializeResult)
    return dict(found.metadata or {})


def verdicts(place: Place) -> list[ProductionVerdict]:
    return place.lake.read("production_verdicts", ProductionVerdict)


def test_a_random_sample_of_every_day_is_judged_with_its_probability_and_every_labelled_trace(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text("evaluate: {production_traces: 30}")
    found = judge_production(place.bench)
    assert (found.days, found.stopped) == ([LATER, DAY], "")
    rows = verdicts(place)
    drawn = [r for r in rows if r.inclusion_probability]
    assert {(r.day, r.inclusion_probability, r.n_day) for r in drawn} == {(DAY, 0.25, 120), (LATER, 0.2, 150)}
    assert len(drawn) == 60 and {r.label for r in rows} == {"pass", "fail"}
    assert len({r.trace_id for r in rows} & {f"t{i:02}" for i in range(36)}) == 36
    judge_production(place.bench)
    assert verdicts(place) == rows  # the same traces every night


def test_a_larger_sample_contains_the_smaller_one(place: Place) -> None:
    drawn = []
    for size in (20, 60):
        (place.root / "flywheel.yaml").write_text(f"evaluate: {{production_traces: {size}, production_days: 1}}")
        found = judge_production(place.bench)
        drawn.append({v.trace_id for v in found.verdicts if v.inclusion_probability})
    assert len(drawn[0]) == 20 and drawn[0] < drawn[1]


def test_the_pass_rate_rests_on_labels_and_verdicts_where_all_days_of_the_labels_are_judged(place: Place) -> None:
    (before,) = record_rates(place.bench)
    assert (before.mode_id, before.since, before.until, before.basis) == ("judges:all", DAY, DAY, "by labels")
    judge_and_estimate(place.bench)
    rows = {(r.mode_id, r.since): r for r in read_rates(place.bench)}
    both, truth = rows["judges:all", DAY], (12 + 17) / 120
    assert both.basis == "by labels and the verdicts on 120 traces" and both.low <= truth <= both.high
    assert both.high - both.low < (before.high - before.low) / 2
    later = rows["fm-1", LATER]
    assert later.basis == "by verdicts; assumes judge error rates unchanged" and later.low <= 3 / 150 <= later.high
    first, second = passing_lines(list(rows.values()))
    assert first.startswith("production passes") and "of its traffic, by labels and the verdicts on" in first
    assert f"(since {LATER})" in second and str(share_of(later)) in "\n".join(share_lines(place.bench))


def test_verdicts_on_traces_that_are_gone_are_in_no_rate(place: Place) -> None:
    judge_production(place.bench)
    traces = [t for t in place.lake.read("raw_traces", RawTrace) if t.started_at.day == 2]
    place.lake.write("raw_traces", [t for t in traces if not t.trace_id.startswith("a0")], part=DAY)
    rows = {(r.mode_id, r.since): r.basis for r in record_rates(place.bench)}
    assert rows["fm-1", DAY] == "by labels and the verdicts on 36 traces"


def test_a_mode_whose_evaluators_decide_only_since_has_a_rate_of_the_days_that_they_judged(place: Place) -> None:
    judge_production(place.bench)
    other = "- {name: other, mode: fm-1, kind: forbidden, settings: {texts: [zzz]}, status: accepted}"
    (place.root / EVALUATORS_FILE).write_text(f"{CHECK}{other}\n")
    checks, model = accepted_checks(place.bench), place.bench.model_name("judge")
    rows = [an_alignment(evaluator=c.row_name, evaluator_version=c.version(model)) for c in checks]
    place.lake.write("judge_alignment", rows)
    (place.root / "flywheel.yaml").write_text("evaluate: {production_traces: 150, production_days: 1}")
    judge_production(place.bench)  # of the first day only the labelled traces, with the new evaluator
    assert read_production(place.bench).within(DAY, DAY, "fm-1") is None
    assert {(r.since, r.basis) for r in record_rates(place.bench) if r.since == DAY} == {(DAY, "by labels")}
    assert {(r.since, r.until) for r in read_rates(place.bench) if r.mode_id == "fm-1"} == {(LATER, LATER)}
    row = compare_production(place.bench).rows[0]
    assert (row.verdict, row.state, row.n_before) == ("cannot tell", "open", 0)
    assert "not known of traffic before" in row.reason and "points" not in row.reason
    assert _realised(place.bench) == {}  # and no turn has realised anything


def test_an_evaluator_that_may_not_decide_is_not_asked(place: Place) -> None:
    place.lake.write("judge_alignment", [an_alignment(evaluator="check:no-claims", status="advisory")])
    found = judge_production(place.bench)
    assert not found.verdicts and "no evaluator may decide yet" in found.stopped
    (place.root / "flywheel.yaml").write_text("evaluate: {production_traces: 0}")
    assert "switched off" in judge_production(place.bench).stopped
    assert read_production(place.bench).modes == []


@dataclass
class Limited(FakeLLM):
    """An engine whose budget is spent after some calls of `map`."""

    left: int = 2

    def map(self, work: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
        self.left -= 1
        if self.left < 0:
            raise BudgetError("the budget of this step is spent")
        return super().map(work, items)


@dataclass(frozen=True)
class ScriptedBench(Workbench):
    """A home whose models a function plays."""

    fake: Any

    def llm(self) -> Any:
        return self.fake


def judge(_: Any) -> BaseModel | str:
    return Verdict(label="pass")


def test_a_limit_keeps_whole_days_and_the_rate_says_what_it_rests_on(place: Place) -> None:
    found = judge_production(ScriptedBench(load_settings(place.root, {}), Limited(judge)))
    assert (found.days, found.stopped) == ([LATER], "the budget of this step is spent")
    assert {r.day for r in verdicts(place) if r.inclusion_probability} == {LATER}
    assert place.lake.inputs("production_verdicts").keys() == {LABELLED, LATER}
    basis = {r.mode_id: r.basis for r in record_rates(place.bench) if r.since == DAY}
    assert basis == {"judges:all": "by labels"}  # the labels' own days are not judged


def test_production_under_a_better_prompt_is_shown_better_and_stays_so_in_the_table(place: Place) -> None:
    judge_production(place.bench)
    found = compare_production(place.bench)
    assert (found.before, found.after, found.advice) == (OLD.version, NEW.version, "")
    together, mode = found.rows
    assert together.mode_id == "judges:all" and mode.name == "Claims it is done"
    assert (mode.verdict, mode.n_before, mode.n_after, mode.targeted) == ("better", 120, 150, None)
    assert mode.share_before > 0.15 > mode.share_after
    assert compare_production(place.bench).rows == found.rows == read_health(place.bench)
    assert holds(place).passed


def test_a_fixed_mode_that_comes_back_fails_the_check_and_the_command(place: Place) -> None:
    judge_production(place.bench)
    compare_production(place.bench)
    rows = place.lake.read("production_health", ProductionHealth)
    place.lake.write("production_health", [replace(r, state="fixed") for r in rows])
    place.bench.registry.promote(OLD.version)  # back to the prompt that fails
    place.lake.write("production_prompt", [OLD])
    found = compare_production(place.bench)
    assert {(r.mode_id, r.verdict, r.state) for r in found.rows if r.mode_id == "fm-1"} == {
        ("fm-1", "worse", "re-opened")
    }
    assert "fm-1" in reopened_modes(place.bench)
    result = holds(place)
    assert not result.passed and f"`flywheel rollback` puts {NEW.version} back" in str(result.description)
    said = CliRunner().invoke(main, ["prompts", "health", "--home", str(place.root)])
    assert said.exit_code == 100 and "[re-opened]" in said.output and "puts" in said.output


def test_without_an_earlier_prompt_in_the_traces_nothing_is_compared(place: Place) -> None:
    assert "no production trace has been judged" in compare_production(place.bench).problem
    judge_production(place.bench)
    place.bench.registry.promote(a_new_version(place))
    problem = compare_production(place.bench).problem
    assert "no judged trace was answered under the production prompt" in problem
    assert read_health(place.bench) == [] and holds(place).passed


def test_a_requirement_of_no_failure_mode_says_nothing_of_failure_modes(place: Place) -> None:
    (place.root / EVALUATORS_FILE).write_text(
        CHECK.replace("mode: fm-1, kind: forb", "mode: all, requirement: true, kind: forb")
    )
    (check,) = accepted_checks(place.bench)
    version = check.version(place.bench.model_name("judge"))
    row = an_alignment(evaluator=check.row_name, evaluator_version=version, mode_id=None, status="requirement")
    place.lake.write("judge_alignment", [row])
    assert judge_production(place.bench).verdicts
    found = compare_production(place.bench)
    assert found.rows == [] and "no failure mode has an evaluator" in found.headline


def test_controls_are_the_modes_that_both_sides_have_verdicts_on() -> None:
    def side(*cells: dict[str, str]) -> list[JudgedTrace]:
        return [JudgedTrace(f"t{i}", DAY, "v", f"t{i}", 1.0, c) for i, c in enumerate(cells)]

    new_judge = side(*[{"a": "fail"}] * 30, *[{"a": "pass"}] * 10), side(*[{"a": "fail", "b": "pass"}] * 40)
    found = _controls(new_judge, ["a", "b"])
    assert found is not None and found.before.value == pytest.approx(0.75, abs=0.02)
    assert _controls(new_judge, ["b"]) is None
    some = side({"a": "fail", "b": "fail"}, *[{"a": "fail"}] * 9)  # what has no verdict on b is no pass
    both = _controls((some, some), ["a", "b"])
    assert both is not None and both.before.n == 1


def test_labels_without_a_verdict_check_no_error_rate() -> None:
    traces = [
        JudgedTrace(f"t{i}", DAY, "AB"[i % 2], f"t{i}", None, {"fm-1": "pass"} if i < 40 else {}) for i in range(90)
    ]
    labels = [ExpertLabel(t.trace_id, False) for t in traces]
    assert _seen(Production(traces, labels, {}, ["fm-1"], None), ([], []), ("A", "B"), "fm-1").n_labels_after == 20


def test_the_last_comparison_of_a_mode_says_whether_it_was_fixed() -> None:
    def row(pair: str, state: str) -> ProductionHealth:
        return ProductionHealth(
            "fm-1", "", pair[0], pair[1], None, 9, 9, 0, 0, 0, 0, 0, 0.95, 0, 0, 0, "better", state, ""
        )

    rows = [row("AB", "fixed"), row("AC", "open")]  # under B the mode was not judged when C was compared
    assert _fixed_before(rows, "ABCD") == set()
    assert _fixed_before(rows, "ACBD") == {"fm-1"}


def a_new_version(place: Place) -> str:
    third = a_prompt("Be quick.")
    place.bench.registry.add(third)
    return third.version


def test_the_assets_show_the_rate_and_the_comparison_and_the_command_says_the_same(place: Place) -> None:
    shown = made(production_verdicts, place)
    assert shown["n_traces"].value == 270 and "by labels and the verdicts" in shown["production_passes"].value
    health = made(production_health, place)
    assert f"{OLD.version} (120 judged traces) -> {NEW.version}" in health["production"].value
    judged = every_sampled_trace_judged(lake=place.resource)
    assert isinstance(judged, dg.AssetCheckResult) and judged.passed
    said = CliRunner().invoke(main, ["evals", "production", "--home", str(place.root)])
    assert said.exit_code == 0 and "judged     270 traces of 2 days, 0.0000 USD" in said.output
    unknown = JudgedProduction([replace(verdicts(place)[0], cost_usd=None, cached=False)], [DAY])
    assert list(judged_lines(unknown)) == ["judged     1 trace of 1 day, price not known"]


def test_a_judge_is_measured_without_an_evaluation_and_no_table_changes(place: Place) -> None:
    with pytest.raises(EvaluationError, match="has no judge"):
        measure_judge(place.bench, "fm-1")
    (place.root / EVALUATORS_FILE).write_text("evaluators: []")
    before = place.lake.stamp("judge_alignment", "judge_verdicts")
    found = measure_judge(ScriptedBench(load_settings(place.root, {}), FakeLLM(judge)), "Claims it is done")
    assert (found.alignment.status, found.alignment.n_fail, found.alignment.n_pass) == ("unusable", 12, 24)
    assert len([v for v in found.verdicts if v.purpose == "alignment"]) == 36
    assert place.lake.stamp("judge_alignment", "judge_verdicts") == before
