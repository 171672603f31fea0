"""Numbers and texts as people read them."""

from __future__ import annotations

import unicodedata


def count(n: int, noun: str, plural: str = "") -> str:
    """Return "1 tool call", "2 tool calls", "1,234 more characters"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def show_number(n: float) -> str:
    """Return "3,915" or "2.5"."""
    return f"{n:,.0f}" if n == round(n) else f"{n:,.1f}"


def first_line(text: str, longest: int = 90) -> str:
    """Return the beginning of a text on one line."""
    line = " ".join(text[: 4 * longest].split())
    return line if len(line) <= longest and len(text) <= 4 * longest else line[: longest - 1].rstrip() + "…"


def direction_of(text: str) -> str:
    """Return "rtl" or "ltr", as the first letter with a direction has it."""
    strong = (unicodedata.bidirectional(c) for c in text[:1_000])
    return "rtl" if next((b for b in strong if b in ("L", "R", "AL")), "L") != "L" else "ltr"
