"""The places of the texts that hold a pattern, whatever the texts are."""

from __future__ import annotations

from flywheel_pipeline.adapters.re2 import Re2Match

FIND = Re2Match().find


def test_the_places_of_the_texts_that_hold_the_pattern_are_found() -> None:
    assert FIND(r"a+b|\pN{3}", ["aab", "", "xyz", "٣٤٥", "b\na\nab", "é" * 10_000 + "ab"]) == [0, 3, 4, 5]
    assert FIND("a", []) == []


def test_quotes_and_dollars_in_a_pattern_are_nothing_but_characters() -> None:
    assert FIND("""['"]\\$""", ["it's $1", "'$", 'say "$5"']) == [1, 2]


def test_where_a_text_is_no_unicode_all_are_named_so_that_none_is_missed() -> None:
    assert FIND("a", ["b", "\ud800", "c"]) == [0, 1, 2]
    assert FIND("a", ["b", "a"]) == [1]
