"""A mode is guarded by whatever has a vote on it: its judge, or a check of `evaluators.yaml`."""

from __future__ import annotations

from dataclasses import replace

from flywheel_pipeline.steps.improve import Judgement
from flywheel_pipeline.steps.improve.advice import Unjudged

READ = Judgement(
    lambda rows: {}, lambda rows, evaluator: {}, ("check:brief", "judge:fm-1"),
    modes={"fm-1": "Made up", "fm-2": "Long", "fm-3": "Rude"}, mode_of={"check:brief": "fm-2"},
)  # fmt: skip


def test_a_check_guards_its_mode_under_the_modes_name() -> None:
    assert [READ.guard_name(j) for j in READ.judges] == ["Long", "Made up"]


def test_where_two_judge_a_mode_each_guard_has_a_name_of_its_own() -> None:
    both = replace(READ, mode_of={"check:brief": "fm-1"})
    assert [both.guard_name(j) for j in both.judges] == ["Made up by check:brief", "Made up by judge:fm-1"]


def test_only_modes_that_nothing_with_a_vote_judges_are_unguarded() -> None:
    assert READ.unjudged() == (Unjudged("Rude", 0, 0),)
