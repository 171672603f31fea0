"""The fence between what is seen and what must stay unseen: text of held-out cases in prompts.

Which cases are near-duplicates, and therefore in one split, is decided in `steps/golden/near_duplicates`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.records import GoldenCase

QUOTE, RUN = 5, 8
"""Words in a row of a held-out question, and of its answer or remark, that make a text of ours a leak."""

_EMPTY_WORDS = frozenset(
    "a about after all am an and any are as at be been but by can could did do does for from get got had has have he "
    "her him his how i if in into is it its just let like may me more must my need no not of on one or our out please "
    "she should so some tell than thank thanks that the their them then there these they this those to up us want was "
    "we were what when where which who why will with would you your".split()
)
Gram = tuple[str, ...]


_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝᴀвнкмтԍցοαερτυχιѵɡ",
    "aeopcyxijsdhqwabhkmtgqoaeptuxivg",
)
"""Letters of other alphabets, after `casefold`, that look like Latin ones (a part of Unicode's confusables, UTS 39)."""


def readable(text: str) -> str:
    """Return `text` as a reader sees it: compatible forms (NFKC) made one, without case and invisible characters.

    Lookalike letters become Latin ones in words that have a Latin letter, and in a text that is mostly Latin.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    if plain.isascii():  # no invisible character is ASCII
        return plain
    seen = "".join(c for c in plain if unicodedata.category(c) != "Cf" or c == "\n")
    if seen.isascii():
        return seen
    latin = sum("a" <= c <= "z" for c in seen) * 2 > sum(map(str.isalpha, seen))
    return re.sub(r"\w+", lambda m: _latin(m[0], latin), seen)


def _latin(word: str, among_latin: bool) -> str:
    if word.isascii():
        return word
    made = word.translate(_LOOKALIKES)
    mixed = re.search("[a-z]", word) is not None
    return made if mixed or (among_latin and made.isascii()) else word


def words(text: str) -> list[str]:
    """Return the words and numbers of `text` in order, without case and punctuation, as a reader sees them."""
    return re.findall(r"\w+", readable(text))


def normalised(text: str) -> str:
    """Return what two texts must share to be the same: their words."""
    return " ".join(words(text))


def grams(text: str, n: int) -> set[Gram]:
    """Return the n-grams of the words of `text`."""
    found = words(text)
    return {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}


def asked(messages: str | Sequence[Mapping[str, Any]]) -> str:
    """Return what the user says in a conversation (messages, or their JSON): by it two cases are compared.

    Not by the last message alone: "Yes." is the last of many conversations that have nothing in common.
    """
    turns = json.loads(messages) if isinstance(messages, str) else messages
    return "\n".join(text_of(m.get("content")) for m in turns if m.get("role") == "user")


def telling_words(text: str) -> list[tuple[str, str]]:
    """Return the words of `text` that say what it is about, each with its stem: no plural, past or -ing."""
    found = [w for w in words(text) if len(w) > 3 and w.isalpha() and w not in _EMPTY_WORDS]
    return [(w, re.sub(r"(?:ies|ing|ed|es|s|e|y)$", "", w) if len(w) > 4 else w) for w in found]


def leaks(text: str, cases: Sequence[GoldenCase], base: str = "", splits: Sequence[str] = ("dev", "test")) -> list[str]:
    """Return the ids of the active cases of `splits` that `text`, a prompt of ours, gives away.

    It does so with `QUOTE` words in a row of what the user asks, or `RUN` of its answers or the expert's remark, or by
    quoting a shorter question whole. What says nothing of this one case is no leak: what the prompt `base` or the
    case's documents say already, what has fewer than two telling words, and what several families, or cases that may
    be seen, say as well; retired ones count among those, since a prompt may still show them.
    """
    quoted, long = grams(text, QUOTE) - grams(base, QUOTE), grams(text, RUN) - grams(base, RUN)
    cited = _quotations(text) - _quotations(base)
    if not (quoted or long or cited):
        return []
    usual = _usual(cases, splits)
    held_out = [c for c in cases if c.split in splits and c.status == "active"]
    return [c.case_id for c in held_out if _given_away(c, (quoted, long, cited), usual)]


def _given_away(case: GoldenCase, mine: tuple[set[Gram], set[Gram], set[str]], usual: set[Gram]) -> bool:
    quoted, long, cited = mine
    repeated = _asked(case, QUOTE) & quoted - usual
    telling = {g for g in repeated if sum(w not in _EMPTY_WORDS for w in g) >= 2}
    if telling and telling - grams(case.context, QUOTE):
        return True
    answered = _answers(case) & long - usual
    if answered and answered - grams(case.context, RUN):
        return True
    found = words(case.input)
    return 3 <= len(found) < QUOTE and tuple(found) not in usual and " ".join(found) in cited


def _usual(cases: Sequence[GoldenCase], splits: Sequence[str]) -> set[Gram]:
    """Return the n-grams that several families have in common, or that a case which may be seen holds."""
    runs = [(c, {*_asked(c, QUOTE), *_answers(c), tuple(words(c.input))}) for c in cases]
    spread = Counter(g for g, _ in {(g, c.family) for c, found in runs for g in found})
    seen = {g for c, found in runs if c.split not in splits for g in found}
    return seen | {g for g, n in spread.items() if n > 1}


def _asked(case: GoldenCase, n: int) -> set[Gram]:
    return grams(asked(case.messages), n) | grams(case.input, n)


def _answers(case: GoldenCase) -> set[Gram]:
    answers = (case.reference, case.observed_output, case.criteria, case.reference_alternatives)
    return set().union(*(grams(t or "", RUN) for t in answers))


_QUOTED = re.compile(
    r'"((?:[^"\\\n]|\\.)*)"|[“„]([^“”„\n]*)[”“]|«([^«»\n]*)»|‘([^‘’\n]*)’|‚([^‚‘\n]*)‘|「([^「」\n]*)」'
)


def _quotations(text: str) -> set[str]:
    """Return what stands between quotation marks in `text`, as few-shot examples do, and its lines, normalised."""
    quoted = ("".join(groups) for groups in _QUOTED.findall(text))
    return {normalised(q) for q in (*quoted, *text.splitlines())}
