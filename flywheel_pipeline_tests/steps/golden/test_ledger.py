"""The file gives back what was written, and every version of it that there ever was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.errors import CorruptFileError, HomeError
from flywheel_pipeline.records import KINDS, SPLITS, GoldenCase, Json
from flywheel_pipeline.steps.golden.ledger import (
    active,
    addition,
    criticality,
    dump_case,
    graduations,
    list_versions,
    load_cases,
    retirement,
    version_of,
)
from flywheel_pipeline_tests.builders import a_case, a_conversation

JSON_TEXT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
).map(lambda value: Json(json.dumps([value], ensure_ascii=False)))
MAYBE = st.none() | st.text(max_size=20)
CASES = st.lists(
    st.builds(
        GoldenCase,
        case_id=st.text(min_size=1, max_size=8), kind=st.sampled_from(KINDS), mode_id=MAYBE, input=st.text(max_size=20),
        messages=JSON_TEXT, context=JSON_TEXT, reference=MAYBE, expected_doc_ids=st.none() | JSON_TEXT, criteria=MAYBE,
        observed_output=MAYBE, family=st.text(max_size=8), split=st.sampled_from(SPLITS), source_trace_id=MAYBE,
        added_in=st.text(max_size=8),
    ),
    max_size=3,
    unique_by=lambda c: c.case_id,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(CASES)
def test_cases_come_back_from_their_lines_as_they_were_written(cases: list[GoldenCase]) -> None:
    lines = [json.dumps(dump_case(c), ensure_ascii=False) for c in cases]
    assert load_cases([json.loads(line) for line in lines]) == cases


def test_conversations_are_kept_readable_in_the_file() -> None:
    assert dump_case(a_case())["messages"] == a_conversation("Is there a student discount?")


def test_a_case_that_lacks_a_field_is_refused_by_number_and_name() -> None:
    broken = {k: v for k, v in dump_case(a_case(case_id="g-2")).items() if k != "family"}
    with pytest.raises(CorruptFileError, match=r"case 2: .*family"):
        load_cases([dump_case(a_case()), broken])


def test_a_case_with_an_unknown_field_is_refused_by_name() -> None:
    with pytest.raises(CorruptFileError, match="colour"):
        load_cases([{**dump_case(a_case()), "colour": "red"}])


def test_two_cases_with_one_id_are_refused() -> None:
    with pytest.raises(CorruptFileError, match="share an id"):
        load_cases([dump_case(a_case()), dump_case(a_case(input="Another?"))])


A, B, C = (a_case(case_id=f"g-{x}", input=f"Question {x}?", added_in="v1") for x in "abc")


def added(rows: Sequence[dict[str, Any]], *lines: dict[str, Any]) -> list[dict[str, Any]]:
    """The file `rows` after `lines` were added to it."""
    return [*rows, *addition(rows, lines)]


FIRST = added([], dump_case(A), dump_case(B))
SECOND = added(FIRST, dump_case(replace(C, added_in="v2")))
THIRD = [*SECOND, *retirement(SECOND, "g-a", "the product is gone", "2025-06-02T12:00:00Z")]


def ids(cases: Sequence[GoldenCase]) -> list[str]:
    return [c.case_id for c in cases]


def test_a_retired_case_stays_in_the_file_and_is_evaluated_no_more() -> None:
    cases = load_cases(THIRD)
    assert ids(cases) == ["g-a", "g-b", "g-c"]
    assert ids(active(cases)) == ["g-b", "g-c"]
    assert THIRD[: len(SECOND)] == SECOND
    assert THIRD[-2]["reason"] == "the product is gone"


def test_every_old_version_can_be_had_again_exactly() -> None:
    first, second, third = list_versions(THIRD)
    assert load_cases(THIRD, first.version) == load_cases(FIRST) == [A, B]
    assert load_cases(THIRD, second.version) == load_cases(SECOND)
    assert ids(load_cases(THIRD, third.version)) == ["g-b", "g-c"]
    assert [version_of(load_cases(THIRD, v.version)) for v in (first, second, third)] == [
        v.version for v in (first, second, third)
    ]


def test_versions_tell_what_they_added() -> None:
    reported = [(v.n_added, v.n_retired, v.n_graduated, v.n_active, v.added_in) for v in list_versions(THIRD)]
    assert reported == [(2, 0, 0, 2, "v1"), (1, 0, 0, 3, "v2"), (0, 1, 0, 2, "")]


def test_a_version_may_be_named_by_its_beginning() -> None:
    version = version_of([A, B])
    assert load_cases(THIRD, version[:8]) == [A, B]


def test_an_unknown_version_is_refused_with_those_there_are() -> None:
    with pytest.raises(HomeError, match=version_of([A, B])):
        load_cases(THIRD, "gv-nothing")


def test_a_file_from_before_versions_were_written_down_has_one_a_taxonomy_version() -> None:
    old = [dump_case(A), dump_case(B), dump_case(replace(C, added_in="v2"))]
    bare = [{k: v for k, v in r.items() if k not in ("session_id", "parent_case_id", "transform")} for r in old]
    assert load_cases(bare) == load_cases(old)
    first, second = list_versions(bare)
    assert load_cases(bare, first.version) == [A, B]
    assert second.version == version_of(load_cases(old))


def test_the_version_of_such_a_file_is_written_down_before_anything_is_added() -> None:
    old = [dump_case(A), dump_case(B)]
    grown = added(old, dump_case(C))
    assert grown[:2] == old and [r.get("entry") for r in grown[2:]] == ["version", None, "version"]
    assert load_cases(grown, version_of([A, B])) == [A, B]
    assert added(grown) == grown


def test_a_line_changed_by_hand_makes_its_versions_unusable_and_is_reported() -> None:
    forged = [{**THIRD[0], "criteria": "Anything goes."}, *THIRD[1:]]
    first, _, third = list_versions(forged)
    assert not first.intact
    assert third.intact  # the case is retired there
    with pytest.raises(CorruptFileError, match="first 3 lines"):
        load_cases(forged, first.version)
    assert all(v.intact for v in list_versions(THIRD))


def test_the_version_is_that_of_the_cases_whatever_their_order_and_modes() -> None:
    moved = [replace(B, mode_id="fm-9"), A]
    assert version_of([A, B]) == version_of(moved)
    assert version_of([A, B]) != version_of([A, replace(B, criteria="Something else.")])
    assert version_of([A, B]) != version_of([A, B, C])
    assert version_of([A, replace(B, status="retired")]) == version_of([A])


def test_the_version_of_a_set_is_the_same_on_every_machine_and_for_ever() -> None:
    assert version_of([A, B]) == "gv-91a0851bca"


@pytest.mark.parametrize(("case_id", "reason"), [("g-z", "gone"), ("g-", "gone"), ("g-b", "  ")])
def test_only_one_known_case_is_retired_and_for_a_reason(case_id: str, reason: str) -> None:
    with pytest.raises(HomeError):
        retirement(SECOND, case_id, reason, "")


def test_a_case_is_retired_once() -> None:
    with pytest.raises(HomeError, match="already"):
        retirement(THIRD, "g-a", "again", "")


@pytest.mark.parametrize("entry", [{"entry": "retired", "case_id": "g-z"}, {"entry": "exploded", "case_id": "g-a"}])
def test_an_entry_that_makes_no_sense_is_refused_by_line(entry: dict[str, str]) -> None:
    with pytest.raises(CorruptFileError, match="line 4"):
        load_cases([*FIRST, entry])


PASS, FAIL = {"g-a": True, "g-b": True}, {"g-a": True, "g-b": False}


def test_a_case_that_passes_under_the_last_prompts_becomes_a_regression_case() -> None:
    entries = graduations([A, B, C], [("p0", FAIL), ("p1", PASS), ("p2", PASS)], 2)
    assert [e["case_id"] for e in entries] == ["g-a", "g-b"]
    assert "p1, p2" in entries[0]["reason"]
    cases = load_cases(added(FIRST, *entries))
    assert [c.stage for c in cases] == ["regression", "regression"]
    assert version_of(cases) != version_of([A, B])


def test_one_failure_among_the_last_runs_keeps_a_case_where_it_is() -> None:
    assert [e["case_id"] for e in graduations([A, B], [("p0", PASS), ("p1", FAIL), ("p2", PASS)], 3)] == ["g-a"]


def test_too_few_runs_graduate_nothing_nor_is_anything_graduated_twice() -> None:
    assert graduations([A], [("p1", PASS)], 2) == []
    done = replace(A, stage="regression")
    assert graduations([done, replace(A, kind="adversarial"), replace(A, status="retired")], [("p", PASS)] * 2, 2) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["add", "retire", "graduate"])), max_size=14))
def test_whatever_is_added_later_old_versions_stay_what_they_were(steps: list[tuple[str, str]]) -> None:
    rows: list[dict[str, Any]] = []
    then: dict[str, list[GoldenCase]] = {}
    for name, what in steps:
        known = {c.case_id: c for c in load_cases(rows)}
        case_id = f"g-{name}"
        if what == "add" and case_id not in known:
            rows = added(rows, dump_case(a_case(case_id=case_id, input=f"Question {name}?")))
        elif what == "retire" and case_id in known and known[case_id].status == "active":
            rows = [*rows, *retirement(rows, case_id, "because", "")]
        elif what == "graduate":
            rows = added(rows, *graduations(load_cases(rows), [("p", {case_id: True})], 1))
        then.setdefault(version_of(load_cases(rows)), active(load_cases(rows)))
    for version in {v.version for v in list_versions(rows)}:
        assert load_cases(rows, version) == then[version]


def test_a_case_is_critical_by_a_line_of_its_own_and_that_is_a_new_version() -> None:
    rows: list[dict[str, Any]] = addition([], [dump_case(a_case(case_id=f"g-{i}")) for i in range(3)])
    before = version_of(load_cases(rows))
    rows += criticality(rows, ["g-1", "g-2"], True, "2025-06-02T12:00:00Z")
    assert [c.critical for c in load_cases(rows)] == [False, True, True]
    assert version_of(load_cases(rows)) != before
    assert [c.critical for c in load_cases(rows, before)] == [False, False, False]
    assert criticality(rows, ["g-1"], True, "later") == []
    rows += criticality(rows, ["g-1"], False, "2025-06-03T12:00:00Z")
    assert [c.critical for c in load_cases(rows)] == [False, False, True]
    assert all(v.intact for v in list_versions(rows))


@pytest.mark.parametrize(
    ("name", "said"), [("g-", "3 golden cases begin"), ("x", "No golden case"), ("g-0", "retired")]
)
def test_what_cannot_be_critical_is_refused(name: str, said: str) -> None:
    rows: list[dict[str, Any]] = addition([], [dump_case(a_case(case_id=f"g-{i}")) for i in range(3)])
    rows += retirement(rows, "g-0", "gone", "2025-06-02T12:00:00Z")
    with pytest.raises(HomeError, match=said):
        criticality(rows, [name], True, "2025-06-02T12:00:00Z")


def test_a_critical_flag_that_is_not_understood_is_an_error() -> None:
    with pytest.raises(CorruptFileError, match="`critical` must be true or false"):
        load_cases([{**dump_case(a_case()), "critical": "no"}])
