"""flywheel taxonomy: what to fix first, every edit, and the proposals, in a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flywheel_pipeline.adapters.home.files import PROPOSALS_FILE, TAXONOMY_FILE
from flywheel_pipeline.adapters.home.reviewed import ReviewedFile
from flywheel_pipeline.cli import main
from flywheel_pipeline.steps.cluster.proposals import load_proposals
from flywheel_pipeline.steps.cluster.propose import ProposedChange
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.steps.cluster.reviewed import a_mode, known, members, put_taxonomy, taxonomy_of

COVERS = ("commands/taxonomy_table.py",)

MERGE = ProposedChange("merge", ("late", "rude"), "Merge “LATE” into “RUDE”", "alike: 0.91", examples=("too late",))
RENAME = ProposedChange("rename", ("rude",), "Rename “RUDE” to “Is impolite”", "3 of 3", name="Is impolite")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    modes = (a_mode("late", "l1"), a_mode("rude", "r1", "r2", "r3"), a_mode("old", "o1", status="retired"))
    put_taxonomy(made, known(*modes), MERGE, RENAME, loose=["x1"])
    return made


def taxonomy(place: Place, *words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["taxonomy", words[0], "--home", str(place.root), *words[1:]], input=typed)


def test_show_prints_the_pareto_table_the_order_to_fix_in_and_how_complete_it_is(place: Place) -> None:
    reported = taxonomy(place, "show").output
    lines = reported.splitlines()
    assert lines[2].split()[:5] == ["RUDE", "rude", "3", "27.3%", "9.7%"] and lines[3].startswith("LATE")
    assert "75%" in lines[2] and "100%" in lines[3]  # the cumulative share, without retired modes
    assert "  1. RUDE: 27.3% of labelled traces (9.7% to 56.6%), severity not set; may be tied with the next" in lines
    assert "coverage   83% (44% to 97%, n=6) of the failures belong to a mode" in lines
    assert (
        "6 failures are too few to tell" in reported
        and f"proposals  2 open: `flywheel taxonomy review --home {place.root}`" in lines
    )
    assert "OLD" not in reported


@pytest.mark.parametrize(
    ("words", "entry"),
    [
        (["rename", "RUDE", "Is impolite"], "renamed rude Is impolite: 'RUDE' -> 'Is impolite'"),
        (["define", "rude", "It insults."], "redefined rude RUDE: 'It belongs here.' -> 'It insults.'"),
        (["rate", "rude", "high"], "rated rude RUDE: '' -> 'high'"),
        (["move", "x1", "r2", "--to", "late"], "moved late LATE, 1 failures"),
        (["merge", "late", "--into", "rude"], "merged late LATE / rude RUDE: 'LATE' -> 'RUDE'"),
        (["split", "rude", "r1", "--name", "Shouts"], "split rude RUDE / fm-"),
        (["accept", "rude"], "accepted rude RUDE"),
        (["accept", "old"], "reopened old OLD"),
        (["retire", "rude"], "retired rude RUDE"),
    ],
    ids=lambda x: x[0] if isinstance(x, list) else "",
)
def test_an_edit_is_made_and_is_in_the_history_with_who_and_why(place: Place, words: list[str], entry: str) -> None:
    done = taxonomy(place, *words, "--by", "ben", "--why", "we agreed")
    assert done.exit_code == 0 and done.output.startswith(f"Done. The next `flywheel run --home {place.root}`"), (
        done.output
    )
    shown = taxonomy(place, "show").output
    assert f"ben: {entry}" in shown and "(we agreed)" in shown


def test_a_home_without_failure_modes_says_what_to_do_first(tmp_path: Path) -> None:
    empty = a_home(tmp_path / "my home")
    given = f"--home '{empty.root}'"
    reported = f"No failure modes yet: label failures (`flywheel label {given}`), then `flywheel run {given}`.\n"
    assert [taxonomy(empty, word).output for word in ("show", "review")] == [reported, reported]


def test_the_arbiter_edits_where_nobody_is_named(place: Place) -> None:
    taxonomy(place, "retire", "rude")
    assert taxonomy_of(place).history[0].by == "expert"


def test_a_severity_is_undone(place: Place) -> None:
    taxonomy(place, "rate", "late", "high")
    taxonomy(place, "rate", "rude", "low")
    assert "  1. LATE" in taxonomy(place, "show").output
    taxonomy(place, "rate", "late", "none")
    assert taxonomy_of(place).mode("late").severity is None


def test_what_cannot_be_done_says_why_and_changes_nothing(place: Place) -> None:
    before = (place.root / TAXONOMY_FILE).read_bytes()
    for words, reported in (
        (["rename", "nobody", "x"], "No mode is called 'nobody'. There are: late LATE; rude RUDE; old OLD"),
        (["merge", "rude", "--into", "old"], "retired: accept it again first"),
        (["move", "t9", "--to", "late"], "no failure is labelled on the trace 't9'"),
        (["review", "--accept", "p-1"], "no open proposal 'p-1'"),
    ):
        done = taxonomy(place, *words)
        assert done.exit_code == 1 and reported in done.output and "Traceback" not in done.output
    assert (place.root / TAXONOMY_FILE).read_bytes() == before


def test_review_without_a_terminal_prints_what_is_proposed_and_flags_decide_it(place: Place) -> None:
    reported = taxonomy(place, "review").output
    assert f"{MERGE.proposal_id}  Merge “LATE” into “RUDE”\n    why: alike: 0.91\n    - too late" in reported
    words = ["--accept", RENAME.proposal_id, "--reject", MERGE.proposal_id, "--by", "ben"]
    reported = taxonomy(place, "review", *words).output
    assert "Accepted: Rename" in reported and "Rejected: Merge" in reported
    assert taxonomy_of(place).mode("rude").name == "Is impolite"
    (kept,) = load_proposals(ReviewedFile(place.root / PROPOSALS_FILE).read().value)
    assert (kept.kind, kept.status, kept.by) == ("merge", "rejected", "ben")
    assert taxonomy(place, "review").output == "Nothing is proposed.\n"


def test_review_walks_through_what_is_proposed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flywheel_pipeline.commands.cluster.is_terminal", lambda: True)
    assert taxonomy(place, "review", typed="s\na\n").exit_code == 0
    assert taxonomy_of(place).mode("rude").name == "Is impolite" and members(taxonomy_of(place))["late"] == ["l1"]
    assert taxonomy(place, "review", typed="q\n").exit_code == 0
    taxonomy(place, "review", typed="r\n")
    assert taxonomy(place, "review").output == "Nothing is proposed.\n"


def test_a_home_without_failure_modes_says_what_to_do(tmp_path: Path) -> None:
    assert "No failure modes yet" in taxonomy(a_home(tmp_path / "new"), "show").output
    nowhere = CliRunner().invoke(main, ["taxonomy", "show", "--home", str(tmp_path / "nowhere")])
    assert nowhere.exit_code == 1 and "flywheel init" in nowhere.output
