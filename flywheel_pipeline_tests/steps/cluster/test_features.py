"""The informed view sees what went wrong through the topic of a comment; the plain view compares words and meaning."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from flywheel_pipeline.adapters.embed import TfidfEmbed
from flywheel_pipeline.steps.cluster import features
from flywheel_pipeline.steps.cluster.features import Floats, known_by_words, known_failures, view_texts

SUBJECTS = ("rose garden", "steam train", "tax return")
FAILURES = (
    ("fact on the {} invented", "there is no source for its claim about the {}", "hallucinated details of the {}"),
    ("{} caller not handed over", "a human should have dealt with the {}", "wanted a person because of the {}"),
    ("wall of text about the {}", "the whole {} guide instead of a sentence", "far too long on the {}"),
)
TEXTS = [text.format(s) for wordings in FAILURES for text, s in zip(wordings, SUBJECTS, strict=True)]


def lead(rows: Floats) -> float:
    """How much closer texts of one failure are than texts of one subject."""
    cosines = rows @ rows.T
    failure = [cosines[3 * f + a, 3 * f + b] for f in range(3) for a, b in ((0, 1), (0, 2), (1, 2))]
    subject = [cosines[s + 3 * a, s + 3 * b] for s in range(3) for a, b in ((0, 1), (0, 2), (1, 2))]
    return float(np.mean(failure) - np.mean(subject))


def test_by_the_known_failures_comments_on_one_failure_are_closer_than_comments_on_one_subject() -> None:
    views = view_texts(TEXTS, TfidfEmbed())
    assert lead(views.informed) > lead(views.plain) + 0.1


def test_the_known_failure_that_a_comment_resembles_is_the_most_probable() -> None:
    names, _, _ = known_failures()
    found = [names[int(p.argmax())] for p in known_by_words([TEXTS[2], TEXTS[5], TEXTS[8]])]
    assert found == ["Made up information", "No handover to a person", "Too long"]


def test_views_have_length_one_but_for_texts_without_words() -> None:
    views = view_texts([*TEXTS, "?! …", ""], TfidfEmbed())
    for rows in (views.plain, views.informed):
        assert np.linalg.norm(rows, axis=1) == pytest.approx([1.0] * 9 + [0.0, 0.0])


def test_no_texts_have_no_views() -> None:
    views = view_texts([], TfidfEmbed())
    assert (len(views.plain), len(views.informed)) == (0, 0)


def test_fewer_dimensions_keep_the_cosines_of_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = view_texts(TEXTS, TfidfEmbed()).plain
    monkeypatch.setattr(features, "EXACT", 5)
    monkeypatch.setattr(features, "MAX_DIMENSIONS", 9)
    fewer = view_texts(TEXTS, TfidfEmbed()).plain
    assert np.abs(exact @ exact.T - fewer @ fewer.T).max() < 0.01


def test_every_known_failure_has_a_name_of_its_own_and_several_phrases_all_different() -> None:
    names, phrases, meant = known_failures()
    assert len(set(names)) == len(names) == max(meant) + 1
    assert min(Counter(meant).values()) >= 3
    assert len(set(phrases)) == len(phrases) == len(meant)
