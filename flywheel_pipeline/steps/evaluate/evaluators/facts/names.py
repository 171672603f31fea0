"""The names in a text: capitalised words, codes, e-mail addresses, phone numbers and links."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from flywheel_pipeline.steps.evaluate.evaluators.facts.quantities import MONTHS, UNITS
from flywheel_pipeline.steps.evaluate.evaluators.links import links_in
from flywheel_pipeline.steps.evaluate.evaluators.sentences import sentences, without_code

_CODE = re.compile(r"(?<![\w@./-])(?=[\w-]*\d)(?=[\w-]*[^\W\d_])[^\W_]+(?:-[^\W_]+)*(?![\w@])")
_MAIL = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}\b", re.I)
_PHONE = re.compile(r"(?<![\w-])\+?\(?\d{2,}\)?(?:[ /.-]?\(?\d{2,}\)?){1,6}(?![\w-])")
_VERSION = re.compile(r"\b\d+(?:\.\d+){2,}\b")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ORDINARY = frozenset(
    "i i'm i'll i've i'd ok okay a an the this that these those it its it's we you your our they he she if when where "
    "what who how why yes no not please sorry thanks thank hello hi dear to for from in on at by with and or but so as "
    "is are was were be do does did can could will would should may must have has there here all any some every each "
    "after before once until while since because although however also first second then next finally note step click "
    "tap press open go select choose enter see visit contact ask call use make let just only most many more less both "
    "faq pdf url app mr mrs ms dr".split()
)
_GERMAN = frozenset(
    "der die das den dem des ein eine einen einem einer und oder ist sind wird werden nicht sie wir ihr ihre ihren "
    "im am zum zur mit auf von bei nach kann haben hat auch wenn bitte".split()
)
_GERMAN_SHARE, _TITLE_SHARE = 0.2, 0.5
"""Shares of a text's words from which capitals say nothing of names: of German function words, whose nouns are
capitalised, and of capitals inside sentences, as in titles."""


@dataclass(frozen=True)
class Names:
    """The names of a text: `exact` ones (codes, addresses, phone numbers and links), and capitalised words.

    `capitalised` are the words with a capital inside a sentence, {as folded: as it stands}; none where a text
    capitalises other words too. `words` are all words, folded.
    """

    exact: frozenset[str]
    capitalised: Mapping[str, str]
    words: frozenset[str]


def fold(word: str) -> str:
    """Return a word without case, accents, and the ending of a possessive or plural."""
    plain = unicodedata.normalize("NFKD", word.replace("ß", "ss").casefold().replace("’", "'"))
    bare = "".join(c for c in plain if not unicodedata.combining(c)).removesuffix("'s").removesuffix("'")
    return bare[:-1] if len(bare) > 4 and bare.endswith("s") and not bare.endswith("ss") else bare


def names_in(text: str) -> Names:
    """Return the names of a text; code blocks are left out."""
    prose = without_code(text)
    exact = {*links_in(prose), *(m.casefold() for m in _MAIL.findall(prose))}
    bare = re.sub(r"(?:[a-z]{1,10}://|www\.)\S+|[^\s@]{1,64}@\S+", " ", prose)
    exact |= {m[0].casefold() for m in _CODE.finditer(bare) if _is_code(m[0])}
    exact |= {_digits(m[0]) for m in _PHONE.finditer(bare) if _is_phone(m[0])}
    exact |= set(_VERSION.findall(bare))
    bare = _CODE.sub(" ", bare)
    inside: list[str] = []
    initial: list[str] = []
    for sentence in sentences(bare):
        found = _WORD.findall(sentence)
        initial += found[:1]
        inside += found[1:]
    capitals = [w for w in inside if w[0].isupper() and not _is_ordinary(w)]
    everything = frozenset(map(fold, [*initial, *inside]))
    german = sum(fold(w) in _GERMAN for w in [*initial, *inside])
    silent = german > _GERMAN_SHARE * (len(initial) + len(inside)) or len(capitals) > max(3, _TITLE_SHARE * len(inside))
    return Names(exact=frozenset(exact), capitalised={} if silent else {fold(w): w for w in capitals}, words=everything)


def _is_ordinary(word: str) -> bool:
    """Return whether a capitalised word is not a name: a usual word, a unit, or a month, which is a quantity."""
    return fold(word) in _ORDINARY or word.lower() in UNITS or word.lower() in MONTHS


def _is_code(word: str) -> bool:
    """Return whether a word with digits is the name of something, such as FW-12345, not a quantity, such as 30cm."""
    if re.fullmatch(r"\d+(?:st|nd|rd|th|am|pm|[a-z]{1,3})", word, re.I) or re.fullmatch(r"\d+(?:-[^\W\d_]+)+", word):
        return False
    return len(word) >= 3


def _is_phone(text: str) -> bool:
    """Return whether digits with separators are a phone number, not a date, a large number or a range."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{4}|[1-9]\d{0,2}(?:[ .]\d{3})+", text):
        return False
    return len(_digits(text)) >= 7 and (text[0] in "+(0" or len(re.findall(r"[ /.-]", text)) >= 2)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
