"""Numbers and texts as people read them."""

from __future__ import annotations

import pytest

from flywheel_pipeline.words import count, direction_of, first_line


def test_one_is_one() -> None:
    assert [count(n, "tool call") for n in (0, 1, 2, 1_234)] == [
        "0 tool calls",
        "1 tool call",
        "2 tool calls",
        "1,234 tool calls",
    ]
    assert [count(n, "reply", "replies") for n in (1, 2)] == ["1 reply", "2 replies"]


@pytest.mark.parametrize(
    ("text", "reported"),
    [("", "ltr"), ("1. abc", "ltr"), ("1. שלום abc", "rtl"), ("مرحبا", "rtl"), ("abc שלום", "ltr")],
)
def test_the_first_letter_decides_on_the_direction(text: str, reported: str) -> None:
    assert direction_of(text) == reported


def test_a_first_line_is_one_line_that_says_whether_more_follows() -> None:
    assert first_line(" a\n b ") == "a b"
    assert first_line("word " * 100, 20) == "word word word word…" and len(first_line("x" * 1_000, 20)) == 20
