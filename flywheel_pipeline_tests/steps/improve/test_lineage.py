"""The tree of a search as lines."""

from __future__ import annotations

from flywheel_pipeline.steps.improve.lineage import tree_lines
from flywheel_pipeline_tests.builders import a_prompt_trial


def test_every_prompt_stands_below_what_it_was_made_from() -> None:
    trials = [
        a_prompt_trial(version="p1", parent_version=None, status="base", improver="", number=0, pass_rate=0.4),
        a_prompt_trial(version="p2", pass_rate=0.55, n_fixed=4),
        a_prompt_trial(
            version="p5", improver="ablation", status="dropped", pass_rate=None, reason="'- Be brief.' stays"
        ),
        a_prompt_trial(version="p3", status="rejected", pass_rate=None, reason="it invents {{name}}"),
        a_prompt_trial(
            version="p4", parent_version="p2", improver="ablation", status="best", pass_rate=0.55, n_fixed=4
        ),
    ]
    assert tree_lines(trials) == [
        "p1 production: 40% of 20 dev cases pass",
        "├─ p2 reflective: 55% of 20 dev cases pass, 4 fixed, 1 broken",
        "│  └─ p4 ablation: best, 55% of 20 dev cases pass, 4 fixed, 1 broken",
        "├─ p5 ablation: '- Be brief.' stays",
        "└─ p3 reflective: rejected (it invents {{name}})",
    ]


def test_cases_without_a_known_outcome_are_counted() -> None:
    trial = a_prompt_trial(version="p1", parent_version=None, status="base", improver="", pass_rate=0.4, n_known=17)
    assert tree_lines([trial]) == ["p1 production: 40% of 20 dev cases pass (3 unknown)"]


def test_no_search_is_no_tree() -> None:
    assert tree_lines([]) == []
