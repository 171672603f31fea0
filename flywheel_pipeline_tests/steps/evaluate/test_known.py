"""An approved failure may stay, a pass may not fall, and an approval that is no longer needed is reported."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.records import EvalResult
from flywheel_pipeline.steps.evaluate.known import (
    KnownFailure,
    approvals,
    approve,
    dump_known,
    known_failures,
    known_in,
    read_known,
)
from flywheel_pipeline_tests.builders import an_eval_result
from flywheel_pipeline_tests.steps.evaluate.comparing import a_change

RUDE, MADE_UP = "judge:rude", "judge:made-up"
BOTH = (RUDE, MADE_UP)


def rows(case_id: str, *labels: str | None, evaluator: str = RUDE) -> list[EvalResult]:
    return [
        an_eval_result(case_id=case_id, evaluator=evaluator, label=label, repeat=n) for n, label in enumerate(labels)
    ]


def known(case_id: str, evaluator: str = RUDE) -> KnownFailure:
    return KnownFailure(case_id, evaluator, "waits for the new price list", "mira", "2025-06-02T12:00:00Z")


def test_an_approved_failure_stays_and_any_other_is_not_approved() -> None:
    report = known_failures([*rows("g-1", "fail"), *rows("g-2", "fail")], BOTH, [known("g-1")])
    assert report.stay == (known("g-1"),)
    assert report.unapproved == {"g-2": (RUDE,)}


def test_an_approval_does_not_hold_for_another_reason_to_fail_the_same_case() -> None:
    found = [*rows("g-1", "fail"), *rows("g-1", "fail", evaluator=MADE_UP)]
    assert known_failures(found, BOTH, [known("g-1")]).unapproved == {"g-1": (MADE_UP,)}


def test_an_approved_failure_that_passes_is_removable() -> None:
    report = known_failures(rows("g-1", "pass"), BOTH, [known("g-1")])
    assert (report.removable, report.stay, report.unknown) == ((known("g-1"),), (), ())


@pytest.mark.parametrize("labels", [("unsure",), (None,), ("pass", "unsure"), ()])
def test_an_approved_failure_without_a_verdict_is_neither_removable_nor_failing(labels: tuple[str | None, ...]) -> None:
    report = known_failures(rows("g-1", *labels), BOTH, [known("g-1")])
    assert (report.unknown, report.stay, report.removable) == ((known("g-1"),), (), ())


def test_one_answer_that_fails_is_a_failure_also_beside_one_that_is_unknown() -> None:
    assert known_failures(rows("g-1", "pass", "fail", None), BOTH, []).unapproved == {"g-1": (RUDE,)}


def test_an_evaluator_that_does_not_count_neither_fails_a_case_nor_ends_an_approval() -> None:
    report = known_failures([*rows("g-1", "pass"), *rows("g-2", "fail")], (MADE_UP,), [known("g-1")])
    assert (report.unapproved, report.unknown) == ({}, (known("g-1"),))


def test_compared_cases_stand_to_the_approvals_as_their_rows_do() -> None:
    cases = [a_change("g-1", "f", "p"), a_change("g-2", "f", "f"), a_change("g-3", "f", "-"), a_change("g-4", "p", "f")]
    report = known_in(cases, (RUDE,), [known(c.case_id) for c in cases[:3]])
    assert [[k.case_id for k in part] for part in (report.removable, report.stay, report.unknown)] == [
        ["g-1"], ["g-2"], ["g-3"],
    ]  # fmt: skip
    assert report.unapproved == {"g-4": (RUDE,)}


def test_approving_again_replaces_the_reason() -> None:
    (first,) = approve([], "g-1", [RUDE], "one", "mira", "t1")
    found = approve([first, known("g-2")], "g-1", BOTH, " two ", "ben", "t2")
    assert {(k.case_id, k.evaluator, k.reason) for k in found if k.case_id == "g-1"} == {
        ("g-1", RUDE, "two"),
        ("g-1", MADE_UP, "two"),
    }
    assert ("g-2", RUDE) in approvals(found)


def test_what_is_written_is_read_back() -> None:
    entries = [known("g-2"), known("g-1", MADE_UP), known("g-1")]
    assert set(read_known(dump_known(entries))) == set(entries)
    assert [e["case_id"] for e in dump_known(entries)] == ["g-1", "g-1", "g-2"]
    assert read_known(None) == []


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"g-1": "x"}, "must be a list"),
        (["g-1"], "entry 1 must be a mapping"),
        ([{"case_id": "g-1", "evaluator": RUDE}], "entry 1 has no reason"),
        ([{"case_id": "g-1", "evaluator": " ", "reason": "x"}], "entry 1 has no evaluator"),
        ([dump_known([known("g-1")])[0], {"case_id": "g-1", "mode": "x"}], "entry 2 has an unknown key: mode"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named_and_never_skipped(value: Any, why: str) -> None:
    with pytest.raises(CorruptFileError, match=why):
        read_known(value)
