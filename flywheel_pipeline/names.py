"""Names and lines that strangers wrote, without what makes a reader see something else than what is there."""

from __future__ import annotations

import re

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNSEEN = re.compile(
    "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Direction overrides and marks, and characters of no width; joiners stay, which scripts and emoji need."""
_HALVES = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean_name(text: str) -> str:
    """Return a name in one line, without control characters, direction overrides and characters of no width."""
    return _BREAKS.sub(" ", _HALVES.sub("?", _UNSEEN.sub("", text))).strip()


def printable(text: str) -> str:
    """Return a text for a terminal, in which control characters and direction overrides are shown as `�`."""
    return _HALVES.sub("?", _CONTROLS.sub("�", text))
