"""What does not belong in a proposed prompt: lost variables, copies of cases, and text that came from elsewhere.

An improver reads failures, which strangers wrote. So its prompt is read for what the base prompt lacks: variables that
it dropped or invented and copies of golden cases are a rejection; addresses, keys, code, instructions to disregard
others and words of traces, comments or labels are shown to a person before the prompt may ship.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.leakage import RUN, asked, grams
from flywheel_pipeline.prompts import VARIABLE
from flywheel_pipeline.records import GoldenCase

SHOWN = 80
"""Characters of a foreign part that a reason shows."""
PATTERNS: Mapping[str, re.Pattern[str]] = {
    "an address on the web": re.compile(
        r"(?:https?|ftp)://[^\s<>\"')\]]+|\bwww\.[^\s<>\"')\]]+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|net|org|io|ai|dev|app|"
        r"co|info|biz|xyz|example|test|ru|cn|de|uk|eu|fr)\b(?:/[^\s<>\"')\]]*)?",
        re.I,
    ),
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "a code fence": re.compile(r"```|~~~"),
    "markup": re.compile(r"<\s*/?\s*(?:script|img|iframe|a|svg|style|object|embed|form)\b[^>]*>", re.I),
    "a chat template's mark": re.compile(r"<\|[\w ]{1,40}\|>|\[/?INST\]|<</?SYS>>", re.I),
    "an instruction to disregard others": re.compile(
        r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|all other|system)\b"
        r"[^.\n]{0,30}\b(?:instruction|prompt|rule|message)s?\b",
        re.I,
    ),
    "encoded text": re.compile(r"\b[A-Za-z0-9+/]{60,}={0,2}"),
}


@dataclass(frozen=True)
class Foreign:
    """A part of a prompt that its base lacks, and what it is."""

    what: str
    text: str

    def __str__(self) -> str:
        cut = self.text if len(self.text) <= SHOWN else self.text[: SHOWN - 1] + "…"
        return f"{self.what} ({cut!r})"


def lost_variables(text: str, base: str) -> str:
    """Return which `{{variables}}` of the base a prompt dropped or invented; empty if it has the same ones.

    A variable counts whatever the spaces in its braces; that it is used more often or less changes nothing.
    """
    old, new = ({m[1] for m in VARIABLE.finditer(t)} for t in (base, text))
    parts = [("drops", old - new), ("invents", new - old)]
    return " and ".join(f"{verb} {', '.join('{{' + v + '}}' for v in sorted(found))}" for verb, found in parts if found)


def copied_cases(text: str, base: str, cases: Iterable[GoldenCase]) -> list[str]:
    """Return the ids of the cases, of any split, of which `text` copies `RUN` words in a row that the base lacks.

    What a case's documents say may be in a prompt.
    """
    own = grams(text, RUN) - grams(base, RUN)
    return [c.case_id for c in cases if own & (_words_of(c) - grams(c.context, RUN))] if own else []


def _words_of(case: GoldenCase) -> set[tuple[str, ...]]:
    texts = (case.input, asked(case.messages), case.reference, case.observed_output, case.criteria)
    return set().union(*(grams(t or "", RUN) for t in texts))


def foreign_parts(
    text: str, base: str, heard: Sequence[str] = (), secrets: Callable[[str], Collection[str]] | None = None
) -> list[Foreign]:
    """Return what a person has to read in a prompt before it may ship.

    Args:
        text: the prompt.
        base: the prompt that it was made from; what that says already is not foreign.
        heard: texts of strangers and experts (traces, comments, labels): eight words of one in a row are foreign.
        secrets: returns the kinds of personal data and secrets that a text holds.
    """
    found = [Foreign(what, m) for what, m in _matches(text) if _plain(m) not in _plain(base)]
    if secrets is not None:
        found += [Foreign(f"what looks like a {kind}", "") for kind in sorted(set(secrets(text)) - set(secrets(base)))]
    copied = grams(text, RUN) - grams(base, RUN)
    for other in heard:
        if shared := sorted(copied & grams(other, RUN)):
            found.append(Foreign("words of a trace, a comment or a label", " ".join(shared[0])))
            copied -= set(shared)
    return list(dict.fromkeys(found))


def _matches(text: str) -> Iterator[tuple[str, str]]:
    for what, pattern in PATTERNS.items():
        yield from ((what, m.group()) for m in pattern.finditer(text))


def _plain(text: str) -> str:
    return text.casefold()
