"""Cells that no spreadsheet calculates (OWASP, CSV injection)."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""How a cell begins that a spreadsheet may calculate, or that was kept from it."""


def neutral(text: str) -> str:
    """Return a cell's text so that no spreadsheet takes it for a formula; `plain` is the inverse."""
    return "'" + text if _FORMULA.match(text) else text


def plain(text: str) -> str:
    """Return the text of a cell without the quote that keeps a spreadsheet from calculating it."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text
