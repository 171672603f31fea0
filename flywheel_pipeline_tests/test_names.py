"""Names that strangers wrote show what is there, and nothing that they print moves a cursor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.adapters.registry import Move
from flywheel_pipeline.names import clean_name, printable
from flywheel_pipeline.steps.cluster.naming import as_name


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Invents\u202e a price\u202c", "Invents a price"),
        ("Ignores\tthe\n user\x1b[31m", "Ignores the user [31m"),
        ("a\u200bb\ufeff", "ab"),
        ("half \ud800 of it", "half ? of it"),
        (
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("👩\u200d🔧 Größe", "👩\u200d🔧 Größe"),
    ],
)
def test_a_name_has_one_line_and_nothing_unseen(text: str, clean: str) -> None:
    assert clean_name(text) == clean


@given(st.text())
def test_cleaning_is_done_after_once_and_can_be_stored(text: str) -> None:
    clean = clean_name(text)
    assert clean_name(clean) == clean
    clean.encode()
    assert not set(clean) & set("\u202e\u2066\x1b\n\x00")


@given(st.text())
def test_a_printed_text_keeps_its_lines_and_sends_no_command(text: str) -> None:
    shown = printable(text)
    assert shown.count("\n") == text.count("\n") and len(shown) == len(text)
    assert not set(shown) & {chr(c) for c in (*range(9), *range(11, 32), 127, *range(128, 160))}


def test_names_are_clean_where_they_are_kept() -> None:
    move = Move("production", "v1", by="An\u202en", message="because\nof this")
    assert (move.by, move.message) == ("Ann", "because of this")
    assert as_name("wrong\u202e price.") == "Wrong price"
