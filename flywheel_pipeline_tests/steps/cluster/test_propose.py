"""What the pipeline would change: only with evidence, said in numbers, and the same from the same failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from flywheel_pipeline.steps.cluster.edit import set_text
from flywheel_pipeline.steps.cluster.history import Reviewed
from flywheel_pipeline.steps.cluster.modes import Member, Mode
from flywheel_pipeline.steps.cluster.propose import ProposedChange, characteristic_words, propose_changes
from flywheel_pipeline_tests.fakes import FakeEmbed
from flywheel_pipeline_tests.steps.cluster.reviewed import MIRA, RUN, known


def noted(mode_id: str, *notes: str, name: str = "", status: str = "provisional") -> Mode:
    members = tuple(Member(f"{mode_id}{i}", note, "LLM", 0.9) for i, note in enumerate(notes))
    return Mode(mode_id, name or notes[0], "d", status, members=members)


def propose(*modes: Mode, batches: Sequence[Sequence[str]] = ()) -> list[ProposedChange]:
    return propose_changes(known(*modes), batches, FakeEmbed())


INVENTED = ("invented discount", "invented discount code", "invented discount again")
MORE = ("invented discount student", "invented discount", "invented discount code")
RUDE = ("rude tone", "rude tone shouting", "rude tone mocking")


def test_modes_whose_failures_are_noted_alike_should_be_merged_the_smaller_into_the_larger() -> None:
    a, b = noted("a", *INVENTED, "invented discount"), noted("b", *MORE)
    (found,) = propose(a, b, noted("c", *RUDE))
    assert (found.kind, found.modes) == ("merge", ("b", "a"))
    assert "cosine of the centres 0.9" in found.why and "3 and 4 failures" in found.why
    assert found.examples[:1] == ("invented discount student",)


def test_an_accepted_mode_is_what_remains_of_two_that_are_alike() -> None:
    a, b = noted("a", *INVENTED, "invented discount"), noted("b", *MORE, status="accepted")
    (found,) = propose(a, b)
    assert found.modes == ("a", "b")


def test_modes_that_are_noted_differently_and_retired_ones_are_left_alone() -> None:
    assert propose(noted("a", *INVENTED), noted("c", *RUDE)) == []
    assert propose(noted("a", *INVENTED), noted("b", *MORE, status="retired")) == []


HALVES = (
    "invented discount code", "invented discount student", "invented discount premium", "invented discount",
    "rude tone shouting", "rude tone mocking", "rude tone", "rude tone sneering", "rude tone again",
)  # fmt: skip


def test_a_mode_of_two_well_separated_halves_should_be_split() -> None:
    (found,) = [p for p in propose(noted("a", *HALVES, "invented discount"), noted("z", "other words here"))]
    assert (found.kind, found.name) == ("split", "Invented discount code")
    assert set(found.traces) == {"a0", "a1", "a2", "a3", "a9"}  # also the one that is noted in the same words
    assert "two groups of 5 and 4" in found.why


def test_the_same_notes_many_times_are_no_half() -> None:
    twice = ["claims it did it"] * 5 + ["says done nothing happened"] * 5
    assert [p for p in propose(noted("a", *twice), noted("z", "other words")) if p.kind == "split"] == []


def test_a_mode_of_one_kind_is_not_split() -> None:
    alike = [f"invented discount {w}" for w in "student premium code summer winter spring autumn daily".split()]
    assert [p for p in propose(noted("a", *alike), noted("z", "other words")) if p.kind == "split"] == []


def test_a_mode_whose_notes_run_into_each_other_is_not_split() -> None:
    ring = "late rude long vague wrong cold loud short".split()
    notes = [f"{a} {b}" for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)]
    assert [p for p in propose(noted("a", *notes), noted("z", "other words")) if p.kind == "split"] == []


def test_a_name_that_says_none_of_what_its_failures_have_in_common_should_be_changed() -> None:
    a = noted("a", *INVENTED, "invented discount", "invented discount", name="Answers about plans")
    (found,) = propose(a, noted("c", *RUDE))
    assert (found.kind, found.name) == ("rename", "Invented discount")
    assert "3 of its 5 failures" in found.why and "discount" in found.why


@pytest.mark.parametrize("accepted", [True, False])
def test_a_name_that_a_person_accepted_or_gave_stays(accepted: bool) -> None:
    a = noted("a", *INVENTED, "invented discount", "invented discount", name="Machine's name")
    start: Reviewed = known(replace(a, status="accepted") if accepted else a, noted("c", *RUDE))
    named = start if accepted else set_text(start, MIRA, "a", "name", "Answers about plans")
    assert propose_changes(named, [], FakeEmbed()) == []
    by_pipeline = set_text(known(a, noted("c", *RUDE)), RUN, "a", "name", "Answers about plans")
    assert [p.kind for p in propose_changes(by_pipeline, [], FakeEmbed())] == ["rename"]


OLD, NEW = ["a0", "a1", "a2"], [f"c{i}" for i in range(7)]


@pytest.mark.parametrize(
    ("batches", "proposed"),
    [
        ([OLD, NEW, NEW, NEW], True),
        ([OLD, NEW, NEW], False),  # too few batches
        ([OLD, NEW[:2], NEW[:2], NEW[:2]], False),  # too few failures in them
        ([OLD, NEW, [*NEW, "a1"], NEW], False),  # it came again
        ([], False),
    ],
)
def test_a_mode_that_came_up_in_none_of_the_last_batches_should_be_retired(
    batches: list[list[str]], proposed: bool
) -> None:
    found = [p for p in propose(noted("a", *INVENTED), noted("c", *RUDE), batches=batches) if p.modes == ("a",)]
    assert [p.kind for p in found] == (["retire"] if proposed else [])
    if proposed:
        assert "0% (0% to 15%, n=21)" in found[0].why


def test_the_words_that_tell_a_mode_from_the_others_are_not_those_that_all_share() -> None:
    a, c = noted("a", "invented discount reply", "invented reply"), noted("c", "rude reply", "rude tone reply")
    assert characteristic_words([a.members, c.members], 0, 2) == ["invented", "discount"]


def test_the_same_failures_make_the_same_proposals() -> None:
    modes = (noted("a", *INVENTED, "invented discount"), noted("b", *MORE), noted("h", *HALVES))
    assert propose(*modes) == propose(*modes) != []


def test_nothing_is_proposed_of_nothing() -> None:
    assert propose() == [] and propose(Mode("a", "Empty", "d")) == []


def test_a_mode_of_thousands_is_looked_at_in_part() -> None:
    many = noted("a", *[f"invented discount {i % 7}" for i in range(5_000)])
    looked: list[int] = []

    class Counting(FakeEmbed):
        def embed(self, texts: Sequence[str]) -> object:
            looked.append(len(texts))
            return super().embed(texts)

    propose_changes(known(many, noted("c", *RUDE)), [], Counting())
    assert looked[0] <= 70
