"""Notes are assigned by examples: no worse than plain baselines, with probabilities that mean something."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from flywheel_pipeline.adapters.embed import TfidfEmbed
from flywheel_pipeline.steps.cluster import classify
from flywheel_pipeline.steps.cluster.classify import MOST_EXAMPLES, Choice, Example, choose_modes
from flywheel_pipeline.steps.cluster.features import Views

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
ASKED = ["invented a gate, there is none", "asked for a human about the gate", "wall of text about the gate"]


def examples(n: int) -> list[Example]:
    """Return `n` examples of every mode."""
    found = {m: [w.format(s) for s, w in product(SUBJECTS, ws)] for m, ws in WORDINGS.items()}
    return [Example(f"{found[m][i % 48]} {i // 48 or ''}".strip(), m) for m in found for i in range(n)]


@pytest.mark.parametrize("n", [3, 12, MOST_EXAMPLES + 20])
def test_other_wordings_of_a_mode_are_recognised_however_many_examples_there_are(n: int) -> None:
    found = choose_modes(ASKED, examples(n), TfidfEmbed())
    assert [c.mode_id for c in found] == ["made up", "person", "long"]
    assert all(0 < c.confidence <= 1 for c in found)


def test_a_text_far_from_every_example_fits_none() -> None:
    near, far = choose_modes(["made up a gate", "Zugang nach Mitternacht gesperrt"], examples(5), TfidfEmbed())
    assert near.fits
    assert not far.fits


def test_a_single_known_mode_takes_what_resembles_it_only_and_is_no_certainty() -> None:
    own = [e for e in examples(8) if e.mode_id == "long"]
    near, far = choose_modes(["wall of text about the gate", "Zugang gesperrt"], own, TfidfEmbed())
    assert (near.mode_id, near.fits, far.fits) == ("long", True, False)
    assert far.confidence < near.confidence < 1.0


def test_the_order_and_the_number_of_equal_examples_make_no_difference() -> None:
    given = examples(7)
    assert choose_modes(ASKED, [*given[::-1], *given], TfidfEmbed()) == choose_modes(ASKED, given, TfidfEmbed())


def test_nothing_asked_is_nothing_chosen_and_without_an_example_there_is_no_choice() -> None:
    assert choose_modes([], examples(1), TfidfEmbed()) == []
    with pytest.raises(ValueError, match="without an example"):
        choose_modes(ASKED, [], TfidfEmbed())


def test_texts_without_words_fit_none_of_the_modes() -> None:
    found = choose_modes(["", "?"], examples(2), TfidfEmbed())
    assert {c.mode_id for c in found} <= set(WORDINGS)
    assert [isinstance(c, Choice) and c.fits for c in found] == [False, False]


def a_problem(
    noise: float, informative: float, seed: int = 0
) -> tuple[Views, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    rng, known = np.random.default_rng(seed), np.repeat(np.arange(4), 10)
    plain = np.eye(4)[known] * 0.0 + rng.normal(0, noise, (40, 4)) + np.eye(4)[known]
    informed = rng.normal(0, informative, (40, 4)) + np.eye(4)[known]
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (plain, informed)]
    return Views(*unit), known


def test_the_known_failures_decide_only_where_cross_validation_prefers_them() -> None:
    assert classify._select(*a_problem(noise=1.5, informative=0.1))[0] == "informed"
    assert classify._select(*a_problem(noise=0.1, informative=1.5))[0] == "both"
    assert classify._select(*a_problem(noise=0.1, informative=0.1))[0] == "both"


def test_too_few_examples_decide_nothing() -> None:
    views, known = a_problem(noise=1.5, informative=0.1)
    few = np.array([0, 10, 20, 30])
    assert classify._select(views[few], known[few]) == ("both", 1.0)


def test_probabilities_are_flattened_where_they_are_often_wrong_and_sharpened_where_they_are_right() -> None:
    known = np.array([0, 1] * 20)
    sure = np.where(np.arange(2) == np.array([0, 1] * 20)[:, None], 0.9, 0.1)
    assert classify._temperature(sure, known) < 1
    assert classify._temperature(sure, np.roll(known, 1)) > 1
    assert classify._temperature(np.full((40, 2), 0.5), known) == 1.0
