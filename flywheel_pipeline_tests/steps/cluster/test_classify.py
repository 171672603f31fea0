"""A few examples lead, more teach, and what is like none of them is told."""

from __future__ import annotations

from itertools import product

import pytest

from flywheel_pipeline.adapters.embed import TfidfEmbed
from flywheel_pipeline.steps.cluster.classify import FEW, WORDS_FROM, WORDS_ONLY_FROM, Choice, Example, choose_modes
from flywheel_pipeline.steps.cluster.preprocess import Note

WORDINGS = {
    "made up": [
        "made up a {}",
        "invented the {}, there is none",
        "no document mentions that {}",
        "a {} that is made up",
    ],
    "person": [
        "no handover for the {}",
        "{}: wanted a person",
        "asked for a human about the {}",
        "{}, not handed over",
    ],
    "long": ["whole guide on the {}", "wall of text about the {}", "{}: far too long", "pasted all of the {} page"],
}
SUBJECTS = [
    "discount",
    "hub",
    "probe",
    "valve",
    "parcel",
    "invoice",
    "battery",
    "account",
    "kit",
    "app",
    "hose",
    "plan",
]


def examples(n: int) -> list[Example]:
    """Return `n` examples of every mode."""
    found = {m: [w.format(s) for s, w in product(SUBJECTS, ws)] for m, ws in WORDINGS.items()}
    return [Example(Note.of(f"{found[m][i % 48]} {i // 48 or ''}"), m) for m in found for i in range(n)]


def ask(*texts: str) -> list[Note]:
    return [Note.of(t) for t in texts]


ASKED = ask("invented a gate, there is none", "asked for a human about the gate", "wall of text about the gate")


@pytest.mark.parametrize("n", [1, FEW, FEW + 1, WORDS_FROM // 3 + 1, WORDS_ONLY_FROM // 3 + 1])
def test_other_wordings_of_a_mode_are_recognised_however_many_examples_there_are(n: int) -> None:
    found = choose_modes(ASKED, examples(n), TfidfEmbed())
    assert [c.mode_id for c in found] == ["made up", "person", "long"]
    assert all(0 < c.confidence <= 1 for c in found)


def test_a_text_far_from_every_example_fits_none() -> None:
    near, far = choose_modes(
        [*ask("made up a gate"), *ask("Zugang nach Mitternacht gesperrt")], examples(5), TfidfEmbed()
    )
    assert near.fits
    assert not far.fits


def test_a_single_known_mode_takes_what_is_like_it_only() -> None:
    own = [e for e in examples(8) if e.mode_id == "long"]
    near, far = choose_modes(ask("wall of text about the gate", "Zugang gesperrt"), own, TfidfEmbed())
    assert (near.mode_id, near.fits, far.fits) == ("long", True, False)


def test_the_same_examples_choose_the_same_again() -> None:
    assert choose_modes(ASKED, examples(7), TfidfEmbed()) == choose_modes(ASKED, examples(7), TfidfEmbed())


def test_nothing_asked_is_nothing_chosen_and_without_an_example_there_is_no_choice() -> None:
    assert choose_modes([], examples(1), TfidfEmbed()) == []
    with pytest.raises(ValueError, match="without an example"):
        choose_modes(ASKED, [], TfidfEmbed())


def test_a_choice_is_of_a_mode_that_was_shown() -> None:
    found = choose_modes(ask("", "?"), examples(2), TfidfEmbed())
    assert {c.mode_id for c in found} <= set(WORDINGS)
    assert [isinstance(c, Choice) and c.fits for c in found] == [False, False]
