"""The lens sees what went wrong through what it is about."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from flywheel_pipeline.adapters.embed import TfidfEmbed
from flywheel_pipeline.steps.cluster.features import by_words, known_failures, see
from flywheel_pipeline.steps.cluster.preprocess import Note

SUBJECTS = ("rose garden", "steam train", "tax return")
FAILURES = (
    ("fact on the {} invented", "there is no source for its claim about the {}", "hallucinated details of the {}"),
    ("{} caller not handed over", "a human should have dealt with the {}", "wanted a person because of the {}"),
    ("wall of text about the {}", "the whole {} guide instead of a sentence", "far too long on the {}"),
)
TEXTS = [text.format(s) for wordings in FAILURES for text, s in zip(wordings, SUBJECTS, strict=True)]


def notes(*texts: str) -> list[Note]:
    return [Note(t, t) for t in texts]


def test_comments_on_one_failure_are_closer_than_comments_on_one_subject() -> None:
    def lead(rows: Any) -> float:
        """How much closer texts of one failure are than texts of one subject."""
        likeness = rows @ rows.T
        failure = [likeness[3 * f + a, 3 * f + b] for f in range(3) for a, b in ((0, 1), (0, 2), (1, 2))]
        subject = [likeness[s + 3 * a, s + 3 * b] for s in range(3) for a, b in ((0, 1), (0, 2), (1, 2))]
        return float(np.mean(failure) - np.mean(subject))

    views, likeness = see(notes(*TEXTS), TfidfEmbed())
    assert lead(likeness) > 0.05
    assert lead(views) > lead(TfidfEmbed().embed(TEXTS)) + 0.1


def test_the_known_failure_that_a_comment_is_like_is_the_most_probable() -> None:
    names, _, _ = known_failures()
    found = [names[int(p.argmax())] for p in by_words([TEXTS[2], TEXTS[5], TEXTS[8]])]
    assert found == ["Made up information", "No handover to a person", "Too long"]


def test_probabilities_add_up_and_views_have_length_one_but_for_texts_without_words() -> None:
    views, likeness = see(notes(*TEXTS, "?! …", ""), TfidfEmbed())
    assert np.linalg.norm(views, axis=1) == pytest.approx([1.0] * 9 + [0.0, 0.0])
    assert likeness.sum(axis=1) == pytest.approx(1.0)


def test_no_notes_have_no_views() -> None:
    views, likeness = see([], TfidfEmbed())
    assert (len(views), len(likeness)) == (0, 0)


def test_what_is_left_without_the_subject_counts_as_much_as_the_whole() -> None:
    same_rest = [Note("rose garden invented", "invented"), Note("steam train invented", "invented")]
    masked, _ = see([*same_rest, *notes("something else entirely")], TfidfEmbed())
    whole, _ = see([*notes(*(n.whole for n in same_rest)), *notes("something else entirely")], TfidfEmbed())
    assert masked[0] @ masked[1] > whole[0] @ whole[1] + 0.1


def test_every_known_failure_has_a_name_of_its_own_and_several_phrases_all_different() -> None:
    names, phrases, meant = known_failures()
    assert len(set(names)) == len(names) == max(meant) + 1
    assert min(Counter(meant).values()) >= 3
    assert len(set(phrases)) == len(phrases) == len(meant)
