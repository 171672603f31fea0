"""What does not belong in a proposed prompt: lost variables, copies of cases, and text that came from elsewhere.

An improver reads failures, which strangers wrote. So its prompt is read for what the base prompt lacks: variables that
it dropped or invented and copies of golden cases are a rejection; addresses, keys, code, instructions to disregard
others and words of traces, comments or labels are shown to a person before the prompt may ship.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.leakage import RUN, asked, grams
from flywheel_pipeline.prompts import VARIABLE
from flywheel_pipeline.records import GoldenCase

Secret = tuple[str, str]
"""The kind and the value of what looks like personal data or a secret."""
SHOWN = 80
"""Characters of a foreign part that a reason shows."""
_LABEL, _END = r"[\w-]{1,63}", r"[^\W\d_]{2,24}\b"
PATTERNS: Mapping[str, re.Pattern[str]] = {
    "an address on the web": re.compile(
        rf"\b[a-z][a-z0-9+]{{1,15}}://[^\s<>\"')\]]+|\b(?:data|javascript|vbscript|mailto|tel|sms|whatsapp):[^\s]+|"
        rf"(?<![\w.-]){_LABEL}(?:\.{_LABEL}){{0,8}}\.{_END}(?:[/:?#][^\s<>\"')\]]*)?|"
        rf"\b{_LABEL}\s*(?:[\[({{]\s*(?:\.|dot|punkt|point)\s*[\])}}]|\s(?:dot|punkt)\s)\s*{_END}|"
        rf"\b{_LABEL}(?:\s+\.\s*|\.\s+)(?:com|net|org|io|xyz|ru|cn|biz)\b|\[[0-9a-f:]{{3,40}}\]",
        re.I,
    ),
    "an e-mail address": re.compile(rf"[\w.+-]{{1,64}}@{_LABEL}(?:\.{_LABEL}){{1,8}}"),
    "a long number": re.compile(r"\+?\d(?:[ ()/.-]{0,2}\d){6,30}"),
    "a link": re.compile(r"!?\[[^\]\n]{0,200}\]\([^)\n]{1,500}\)"),
    "a code fence": re.compile(r"```|~~~"),
    "markup": re.compile(
        r"<\s*/?\s*(?:script|img|iframe|a|svg|style|object|embed|form|link|meta|base|video|audio|math|button|input)\b"
        r"[^>]{0,500}>|<[a-z][^<>]{0,200}=[^<>]{0,500}>|<!--|&#?\w{2,20};",
        re.I,
    ),
    "a chat template's mark": re.compile(
        r"<\|[\w ]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?(?:system|user|assistant|human)>|"
        r"^[#*\s]{0,8}\[?(?:system|user|assistant|human)\]?[*\s]{0,4}:",
        re.I | re.M,
    ),
    "an instruction to disregard others": re.compile(
        r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|all other|system)\b"
        r"[^.\n]{0,30}\b(?:instruction|prompt|rule|message)s?\b",
        re.I,
    ),
    "encoded text": re.compile(
        r"\b(?=[A-Za-z+/_-]{0,60}\d)(?=[A-Z0-9+/_-]{0,60}[a-z])(?=[a-z0-9+/_-]{0,60}[A-Z])[A-Za-z0-9+/_-]{20,}={0,2}|"
        r"\b[A-Za-z0-9+/]{40,}={0,2}|\b[0-9a-f]{32,}\b"
    ),
    "a word of mixed alphabets": re.compile(
        r"\b(?=\w{0,60}[A-Za-z])(?=\w{0,60}[\u0370-\u03ff\u0400-\u058f\u13a0-\u13ff])\w+"
    ),
}
"""What is looked for, in the text as a reader sees it: Unicode NFKC without invisible characters.

A false alarm costs a person a look; what is missed may ship unread.
"""


@dataclass(frozen=True)
class Foreign:
    """A part of a prompt that its base lacks, and what it is."""

    what: str
    text: str

    def __str__(self) -> str:
        cut = self.text if len(self.text) <= SHOWN else self.text[: SHOWN - 1] + "…"
        return f"{self.what} ({cut!r})" if cut else self.what


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
    text: str, base: str, heard: Sequence[str] = (), secrets: Callable[[str], Collection[Secret]] | None = None
) -> list[Foreign]:
    """Return what a person has to read in a prompt before it may ship.

    Args:
        text: the prompt.
        base: the prompt that it was made from; what that says already is not foreign.
        heard: texts of strangers and experts (traces, comments, labels): eight words of one in a row are foreign.
        secrets: returns the personal data and secrets that a text holds.
    """
    known = {_same(m) for _, m in _matches(base)}
    found = [Foreign(what, m) for what, m in _matches(text) if _same(m) not in known]
    found += [Foreign("an invisible character", f"U+{ord(c):04X}") for c in sorted(_invisible(text) - _invisible(base))]
    if secrets is not None:
        new = set(secrets(_seen(text))) - set(secrets(_seen(base)))
        found += [Foreign(f"what looks like a {kind}", "") for kind in sorted({kind for kind, _ in new})]
    copied = grams(text, RUN) - grams(base, RUN)
    for other in heard:
        if shared := sorted(copied & grams(other, RUN)):
            found.append(Foreign("words of a trace, a comment or a label", " ".join(shared[0])))
            copied -= set(shared)
    return list(dict.fromkeys(found))


def _matches(text: str) -> Iterator[tuple[str, str]]:
    seen = _seen(text)
    for what, pattern in PATTERNS.items():
        yield from ((what, m.group()) for m in pattern.finditer(seen))


def _seen(text: str) -> str:
    """Return a text as it looks: compatible characters as one (NFKC), invisible ones left out."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if not _is_invisible(c))


def _invisible(text: str) -> set[str]:
    return {c for c in text if _is_invisible(c)}


def _is_invisible(c: str) -> bool:
    hidden = unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn") or "\U000e0000" <= c <= "\U000e0fff"
    return hidden and c not in "\n\r\t"


def _same(part: str) -> str:
    """Return what two mentions of the same part have in common: case, scheme and punctuation after it do not count."""
    return re.sub(r"^[a-z]{1,15}://", "", part.casefold().strip()).rstrip(".,;:!?")
