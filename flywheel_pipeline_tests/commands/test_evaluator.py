"""`flywheel evaluator`: what it prints is what the flows found."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from flywheel_pipeline.adapters.home.files import EVALUATORS_FILE
from flywheel_pipeline.cli import main
from flywheel_pipeline_tests.homes import Place, a_labelled_home

FILE = """\
evaluators:
- name: no-claims
  mode: fm-1
  kind: forbidden
  settings: {texts: [I have cancelled your aaaa]}
  when: [question]
  status: proposed
  why: nothing can be cancelled
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = a_labelled_home(tmp_path / "home")
    (place.root / EVALUATORS_FILE).write_text(FILE)
    return place


def evaluator(place: Place, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["evaluator", *words, "--home", str(place.root)])
    assert done.exit_code == code, done.output
    return done.output


def test_the_list_has_kind_mode_status_settings_and_reason(place: Place) -> None:
    said = evaluator(place, "list")
    assert "no-claims  forbidden for fm-1, proposed" in said
    assert "I have cancelled your aaaa" in said and "for messages with question" in said
    assert "nothing can be cancelled" in said


def test_an_empty_list_says_that_judges_judge(place: Place) -> None:
    (place.root / EVALUATORS_FILE).unlink()
    assert "every failure mode has its judge" in evaluator(place, "list")


def test_trying_prints_agreement_kappa_cost_and_disagreements(place: Place) -> None:
    said = evaluator(place, "try", "no-claims")
    assert "no-claims  forbidden for fm-1, proposed: 36 labelled answers" in said
    assert "1 of 12 fails caught (1% to 35%); 24 of 24 passes recognised (86% to 100%)" in said
    assert "kappa 0.11; always saying the more frequent verdict agrees on 67%" in said
    assert "0.0000 USD per 1,000 answers" in said
    assert said.count("expert fail, no-claims pass") == 10
    assert "and 1 more disagreements" in said
    assert "disagrees with the expert" in said


def test_trying_an_unknown_one_is_an_error_that_says_what_there_is(place: Place) -> None:
    assert "it has: no-claims" in evaluator(place, "try", "x", code=1)


def test_accepting_and_rejecting_write_the_file(place: Place) -> None:
    assert evaluator(place, "accept", "no-claims") == "no-claims: accepted\n"
    assert (place.root / EVALUATORS_FILE).read_text() == FILE.replace("proposed", "accepted")
    assert evaluator(place, "reject", "no-claims") == "no-claims: rejected\n"


def test_proposals_are_printed_with_their_agreement(place: Place) -> None:
    (place.root / EVALUATORS_FILE).unlink()
    said = evaluator(place, "propose")
    assert "proposed   claims-it-is-done-forbidden: 12 of 12 fails caught" in said
    assert "1 proposals added to evaluators.yaml; none runs until you accept it" in said


def test_a_new_one_says_what_to_do_next(place: Place) -> None:
    said = evaluator(place, "new", "polite")
    assert "evaluators/polite.py and evaluators/test_polite.py" in said
    assert f"`flywheel evaluator try polite --home {place.root}`" in said
    assert "cost not known" in evaluator(place, "try", "polite")


def test_disagreements_are_counted(place: Place) -> None:
    assert "0 cases on which evaluators of one failure mode disagree" in evaluator(place, "disagreements")
