"""The same person, the same trace, another verdict later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from flywheel_pipeline.records import Annotation
from flywheel_pipeline.steps.annotate import measure_drift
from flywheel_pipeline_tests.builders import an_annotation


def verdict(verdict: str, day: int | None, annotator: str = "mira", **changes: Any) -> Annotation:
    at = None if day is None else datetime(2025, 6, 2) + timedelta(days=day)
    return an_annotation(verdict=verdict, labelled_at=at, annotator=annotator, **changes)


def test_a_verdict_that_changed_is_reported_with_both_and_in_the_order_of_their_dates() -> None:
    found = measure_drift([verdict("fail", 3), verdict("pass", 0), verdict("pass", 1)])
    assert found.n_again == 2
    assert [(b.verdict, a.verdict, a.labelled_at and a.labelled_at.day) for b, a in found.changed] == [
        ("pass", "fail", 5)
    ]
    assert found.rate.value == 0.5
    assert "50% (9% to 91%, n=2)" in str(found) and "inconclusive below 20" in str(found)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [verdict("pass", 0)],
        [verdict("pass", 0), verdict("fail", 1, annotator="noor")],
        [verdict("pass", 0), verdict("fail", 1, trace_id="t2")],
        [verdict("pass", 0), verdict("fail", None)],
        [verdict("pass", 0), verdict("defer", 1)],
        [verdict("pass", 0), verdict("pass", 0, source_file="back.csv")],
    ],
    ids=["none", "one", "two people", "two traces", "no date", "deferred", "an export that came back"],
)
def test_other_pairs_are_no_second_judgement(rows: Any) -> None:
    assert str(measure_drift(rows)) == "no trace was judged again"


def test_with_enough_verdicts_nothing_is_inconclusive() -> None:
    rows = [verdict("pass", day, trace_id=f"t{i}") for i in range(20) for day in (0, 1)]
    assert str(measure_drift(rows)) == "0% (0% to 16%, n=20) of the verdicts given again differ"
