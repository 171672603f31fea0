"""Groups become failure modes with one key each: accept, rename, merge, split, and undo."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flywheel_pipeline.cli import main
from flywheel_pipeline.commands.taxonomy_review import describe_group
from flywheel_pipeline.steps.cluster import Member, Mode, Reviewed
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.steps.cluster.reviewed import put_taxonomy, taxonomy_of


def a_group(mode_id: str, *texts: str) -> Mode:
    members = tuple(Member(f"{mode_id}-{i}", t, "CODE", 0.6) for i, t in enumerate(texts))
    return Mode(mode_id, texts[0], members=members)


ASKS = a_group("asks", *["asks the number twice"] * 3, "number was given", "wants it again", "rude on top")
LATE = a_group("late", "too late", "took a day")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    home: Place = a_home(tmp_path / "home")
    put_taxonomy(home, Reviewed((LATE, ASKS)))
    monkeypatch.setattr("flywheel_pipeline.commands.cluster.is_terminal", lambda: True)
    return home


def review(place: Place, typed: str) -> Result:
    done = CliRunner().invoke(main, ["taxonomy", "review", "--by", "mira", "--home", str(place.root)], input=typed)
    assert done.exit_code == 0, done.output
    return done


def states(place: Place) -> dict[str, tuple[str, str, int]]:
    return {m.mode_id: (m.name, m.status, len(m.members)) for m in taxonomy_of(place).modes}


def test_the_largest_group_comes_first_with_its_comments_and_how_often_each_was_written() -> None:
    assert describe_group(ASKS) == [
        "  1. asks the number twice (3)", "  2. number was given", "  3. wants it again", "  … and 1 more comments (l)",
    ]  # fmt: skip
    assert describe_group(ASKS, None)[3:] == ["  4. rude on top"]


def test_two_keys_accept_two_groups_and_nothing_is_left_to_review(place: Place) -> None:
    shown = review(place, "aa").output
    assert shown.index("asks the number twice  (6 failures; 2 groups to review)") < shown.index("too late  (2 failures")
    assert {s for _, s, _ in states(place).values()} == {"accepted"}
    assert "groups to review" not in review(place, "").output


def test_a_name_accepts_a_group_and_an_empty_one_leaves_it(place: Place) -> None:
    review(place, "r\nrAsks again for known data\nq")
    assert states(place)["asks"] == ("Asks again for known data", "accepted", 6)
    assert [(c.by, c.action) for c in taxonomy_of(place).history] == [("mira", "renamed"), ("mira", "accepted")]


def test_a_group_is_merged_into_the_mode_of_a_number(place: Place) -> None:
    assert "1. too late (2 failures)" in review(place, "m9\nm1\nq").output
    assert states(place)["late"] == ("too late", "provisional", 8)
    assert taxonomy_of(place).mode("asks").merged_into == "late"


def test_comments_are_split_off_by_their_numbers_with_all_their_failures(place: Place) -> None:
    review(place, "s1, 3\nAsks again\nq")
    (made,) = [m for m in taxonomy_of(place).modes if m.name == "Asks again"]
    assert (made.status, sorted(x.trace_id for x in made.members)) == (
        "accepted",
        ["asks-0", "asks-1", "asks-2", "asks-4"],
    )
    assert states(place)["asks"] == ("asks the number twice", "provisional", 2)


def test_what_cannot_be_done_is_said_and_nothing_changes(place: Place) -> None:
    before = taxonomy_of(place)
    shown = review(place, "s1 2 3 4\nAll of it\nrtoo late\nzs7\nq").output
    assert "rename it instead" in shown and "another mode is called" in shown and "not one of the keys" in shown
    assert "Not split: give numbers from 1 to" in shown
    assert taxonomy_of(place) == before


def test_decisions_are_undone_one_by_one_and_leave_no_entry(place: Place) -> None:
    before = taxonomy_of(place)
    shown = review(place, "au" + "nnuu" + "am1\nuu" + "uq").output
    assert shown.count("Undone.") == 5 and "Nothing to undo." in shown
    assert taxonomy_of(place) == before


def test_a_group_left_for_later_comes_again_next_time(place: Place) -> None:
    shown = review(place, "nn").output
    assert shown.count("Left for later.") == 2
    assert "2 groups to review" in review(place, "q").output


def test_without_a_terminal_the_groups_are_printed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flywheel_pipeline.commands.cluster.is_terminal", lambda: False)
    assert "asks the number twice (6 failures)\n  1. asks the number twice (3)" in review(place, "").output


def test_until_groups_are_reviewed_neither_coverage_nor_saturation_is_claimed(place: Place) -> None:
    def show() -> str:
        return CliRunner().invoke(main, ["taxonomy", "show", "--home", str(place.root)]).output

    before = show()
    assert "2 groups to review" in before and "    - number was given" in before
    assert "coverage   not known" in before and "2 groups of failures, found by words alone, wait for review" in before
    review(place, "aa")
    after = show()
    assert "groups to review" not in after and "coverage   100%" in after
