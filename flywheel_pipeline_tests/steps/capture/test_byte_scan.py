"""One look at many bytes says what a search for it would."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.capture.byte_scan import bytes_of, count, holds_long_number, may_escape


@given(st.text("0123456789a.-", max_size=90) | st.integers(0, 10**25).map(str))
def test_long_numbers_are_told_by_their_length(text: str) -> None:
    assert holds_long_number(bytes_of(text.encode())) == (re.search(r"\d{19}", text) is not None)


@pytest.mark.parametrize("before", range(8))
@pytest.mark.parametrize(("n", "is_long"), [(0, False), (18, False), (19, True), (20, True)])
def test_nineteen_digits_are_long_wherever_they_begin(before: int, n: int, is_long: bool) -> None:
    assert holds_long_number(bytes_of(b"a" * before + b"7" * n + b".1")) == is_long


@given(st.binary(max_size=60) | st.text('a"\\\\u0', max_size=60).map(str.encode))
def test_quotation_marks_are_counted_and_no_escaped_nul_is_missed(data: bytes) -> None:
    assert count(bytes_of(data), b'"') == data.count(b'"')
    assert may_escape(bytes_of(data)) == (b"\\u" in data)
