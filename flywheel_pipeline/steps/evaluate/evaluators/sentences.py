"""The sentences, words and paragraphs of an answer."""

from __future__ import annotations

import re

WORD = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2eff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
    r"|[^\W_]+(?:['’.,:/@-][^\W_]+)*"
)
"""A word or number; in scripts that do not separate words, a character."""
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|approx|no|nr|mr|mrs|ms|dr|prof|st|inc|ltd|co|fig|vol|z\.b|d\.h|bzw|ca|usw|p|pp|cf)"
    r"|\b[A-Za-z]|\b\d{1,2})\.$",
    re.I,
)
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*_]*\s+|(?<=[。！？])")
_CODE = re.compile(r"^[ \t]*```.*?(?:^[ \t]*```[ \t]*$|\Z)", re.S | re.M)
_STARTS_BLOCK = re.compile(r"(?:[-*+•]|\d{1,3}[.)]|#{1,6}|>)\s+|\|")


def without_code(text: str) -> str:
    """Return `text` without fenced code blocks."""
    return _CODE.sub("\n", text)


def words(text: str) -> list[str]:
    """Return the words of a text, in order."""
    return WORD.findall(text)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text: items of lists, headings and lines of tables are sentences too.

    A line break inside a paragraph ends no sentence, nor does the full stop of a number or of a usual abbreviation.
    """
    found: list[str] = []
    for block in _blocks(text):
        start = ""
        for piece in _END.split(block):
            start = f"{start} {piece}".strip() if start else piece.strip()
            if start and not _ABBREVIATION.search(start[-12:]):
                found.append(start)
                start = ""
        if start:
            found.append(start)
    return [s for s in found if WORD.search(s)]


def _blocks(text: str) -> list[str]:
    """Return paragraphs, list items, headings and table rows, without their marks."""
    blocks: list[list[str]] = [[]]
    for line in map(str.strip, text.splitlines()):
        mark = _STARTS_BLOCK.match(line)
        if mark or not line:
            blocks.append([])
        if line:
            blocks[-1].append(line[mark.end() :].strip() if mark else line)
        if line.startswith(("#", "|")):
            blocks.append([])
    return [" ".join(b) for b in blocks if b]


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, parted by empty lines."""
    return [p for p in re.split(r"\n[ \t]*\n", text) if p.strip()]
