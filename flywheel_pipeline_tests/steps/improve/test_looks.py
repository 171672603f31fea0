"""Looks: candidates that met the test split, until most of it is new."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_pipeline.steps.improve.looks import count_looks


def read(prompt: str, n: int = 40, by: str = "prompt_candidate") -> dict[str, Any]:
    return {"at": "2025-06-02T12:00:00Z", "by": by, "prompt_version": prompt, "n_cases": n}


@pytest.mark.parametrize(
    ("reads", "n_test", "look"),
    [
        ([], 40, 1),
        ([read("a"), read("b")], 40, 3),
        ([read("a"), read("a"), read("b")], 40, 3),
        ([read("a"), read("new")], 40, 2),
        ([read("base", by="eval_results")], 40, 1),
        ([read("a"), read("b")], 80, 3),
        ([read("a"), read("b")], 81, 1),
        ([read("a"), read("b"), read("c", 100)], 100, 2),
        ([read("a"), read("b"), read("c", 100), read("d", 110)], 110, 3),
    ],
)
def test_every_candidate_is_a_look_until_more_than_half_of_the_cases_are_new(
    reads: list[dict[str, Any]], n_test: int, look: int
) -> None:
    assert count_looks(reads, "new", n_test) == look
