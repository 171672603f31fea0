"""Imported cases: added once, never over one that exists, with the family and split that the fence gives them."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden.exchange import Admitted, admit_cases
from flywheel_pipeline.steps.golden.exchange.admit import TORN
from flywheel_pipeline.steps.golden.exchange.read import ReadRow
from flywheel_pipeline.steps.golden.exchange.rows import row_of
from flywheel_pipeline.steps.golden.split import family_name, split_of
from flywheel_pipeline_tests.fakes import FakeEmbed
from flywheel_pipeline_tests.steps.golden.exchange.cases import a_real_case, golden_cases

LONG = "my order has not arrived although i paid for it with my card two weeks ago please help"


def admit(*rows: ReadRow, here: list[GoldenCase] | None = None, taken: set[str] | None = None) -> Admitted:
    return admit_cases(rows, here or [], taken or set(), FakeEmbed(), "synthetic", "import:abc")


def theirs(question: str, **more: Any) -> ReadRow:
    return ReadRow({"messages": [{"role": "user", "content": question}], "input": question, **more}, False)


def ours(case: GoldenCase, **changes: Any) -> ReadRow:
    return ReadRow({**row_of(case), **changes}, True, line=3)


def test_a_case_of_another_tool_gets_an_id_a_family_a_split_and_the_kind_that_was_asked_for() -> None:
    (case,) = admit(theirs("Is it open?", reference="Yes.")).added
    family = family_name("Is it open?")
    assert (case.kind, case.family, case.split) == ("synthetic", family, split_of(family))
    assert (case.reference, case.added_in, case.context, case.observed_output) == ("Yes.", "import:abc", "[]", None)


def test_an_export_of_ours_keeps_its_family_in_an_empty_home() -> None:
    cases = [
        a_real_case(input=f"Question {i} on {w}", family=f"f-{i // 2}", source_trace_id=f"t{i}")
        for i, w in enumerate("abcdef")
    ]
    added = admit(*map(ours, cases)).added
    assert [c.family for c in added] == [c.family for c in cases] and [c.case_id for c in added] == [
        c.case_id for c in cases
    ]


def test_what_is_here_is_known_and_neither_added_nor_changed() -> None:
    case = a_real_case(reference="Yes.", criteria=None)
    assert admit(ours(case), here=[case]) == Admitted((), 1)
    assert admit(ours(case, reference="No."), here=[case]) == Admitted((), 1, ((3, case.case_id, "reference"),))


def test_a_conversation_that_is_here_under_another_kind_is_known_if_the_item_says_none() -> None:
    case = a_real_case(kind="happy_path", reference="Yes.", criteria=None)
    assert admit(theirs(case.input), here=[case]).n_known == 1
    assert len(admit(theirs(case.input, kind="synthetic"), here=[case]).added) == 1


def test_a_case_comes_once_even_if_the_file_holds_it_twice_and_never_if_its_id_is_taken() -> None:
    row = theirs("Is it open?")
    (case,) = admit(row, row).added
    assert admit(row, row).n_known == 1
    assert admit(row, taken={case.case_id}) == Admitted((), 1)


def test_a_near_duplicate_of_a_case_here_joins_its_family_whatever_the_file_says() -> None:
    here = a_real_case(input=LONG, family="f-home")
    for row in (theirs(f"{LONG} now"), ours(a_real_case(input=f"{LONG} now", family="f-else"))):
        (case,) = admit(row, here=[here]).added
        assert (case.family, case.split) == ("f-home", split_of("f-home"))


def test_what_was_one_family_where_it_comes_from_moves_together() -> None:
    here = a_real_case(input=LONG, family="f-home")
    near = a_real_case(input=f"{LONG} now", family="f-else", source_trace_id="t8")
    sibling = a_real_case(input="Something else", family="f-else", source_trace_id="t9")
    assert {c.family for c in admit(ours(sibling), ours(near), here=[here]).added} == {"f-home"}


SAME = [f"f-{i}" for i in range(40) if split_of(f"f-{i}") == "dev"]
OTHER = next(f"f-{i}" for i in range(40) if split_of(f"f-{i}") == "test")


def siblings_that_touch(one: str, other: str) -> Admitted:
    """Two rows of one family elsewhere, each of which nearly repeats a case here."""
    here = [a_real_case(input=LONG, family=one, source_trace_id="t1"),
            a_real_case(input="Something else altogether", family=other, source_trace_id="t2")]  # fmt: skip
    first = a_real_case(input=f"{LONG} now", family="f-else", source_trace_id="t8")
    second = a_real_case(input="Something else altogether", kind="synthetic", family="f-else", source_trace_id="t9")
    return admit(ours(first), ours(second), here=here)


def test_a_case_stays_in_the_family_that_it_touches_here_though_its_siblings_touch_another_of_the_split() -> None:
    assert [c.family for c in siblings_that_touch(SAME[1], SAME[0]).added] == [SAME[1], SAME[0]]


def test_cases_that_would_tie_together_families_of_different_splits_are_set_aside() -> None:
    found = siblings_that_touch(SAME[0], OTHER)
    assert found.added == () and found.n_known == 0
    assert [(x.line, x.reason) for x in found.torn] == [(3, TORN), (3, TORN)]


def test_a_claim_to_a_family_of_another_split_sets_a_near_duplicate_aside() -> None:
    here = [
        a_real_case(input=LONG, family=SAME[0]),
        a_real_case(input="Is it open?", family=OTHER, source_trace_id="t2"),
    ]
    row = ours(a_real_case(input=f"{LONG} now", family=OTHER, source_trace_id="t3"))
    assert len(admit(row, here=here).torn) == 1


def test_a_case_of_a_trace_that_is_here_joins_its_family() -> None:
    here = a_real_case(input="Is it open?", family="f-home", source_trace_id="t1")
    (case,) = admit(theirs("Do you sell hubs?", source_trace_id="t1"), here=[here]).added
    assert case.family == "f-home"


@settings(max_examples=60)
@given(
    cases=st.lists(golden_cases(), max_size=5), here=st.lists(golden_cases(), max_size=3, unique_by=lambda c: c.case_id)
)
def test_importing_twice_adds_nothing_and_a_split_is_always_that_of_the_family(cases: Any, here: Any) -> None:
    found = admit(*map(ours, cases), here=here)
    ids = [c.case_id for c in [*here, *found.added]]
    assert len(set(ids)) == len(ids) and len(cases) == len(found.added) + found.n_known + len(found.torn)
    assert found.torn or {c.case_id for c in cases} <= set(ids)
    assert all(c.split == split_of(c.family) for c in found.added)
    assert admit(*map(ours, cases), here=[*here, *found.added]).added == ()
