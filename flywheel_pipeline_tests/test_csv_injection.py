"""Cells that no spreadsheet calculates come back as they were."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.csv_injection import neutral, plain


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "''-"])
def test_what_a_spreadsheet_may_calculate_is_quoted_and_comes_back(text: str) -> None:
    assert neutral(text) == "'" + text
    assert plain(neutral(text)) == text


@pytest.mark.parametrize("text", ["", "plain", "a=b", "'quoted'", "5", " =1"])
def test_other_texts_are_left_as_they_are(text: str) -> None:
    assert neutral(text) == plain(text) == text


@given(st.text("'=+-@\t\r\nab", max_size=6))
def test_every_text_comes_back(text: Any) -> None:
    assert plain(neutral(text)) == text
    assert neutral(text)[:1] not in tuple("=+-@\t\r\n")
