"""What a text denies: its negations with the words that they cover."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from flywheel_pipeline.leakage import readable

_NEGATORS = frozenset(
    "not never no none neither nor without cannot unable nobody nothing nicht kein keine keinen keinem keiner nie "
    "niemals ohne".split()
)
_NO_NEGATION = re.compile(
    r"\b(?:no|not) (?:later|earlier|more|less|fewer) than\b|\bnot (?:only|just)\b|\bno (?:problem|worries|matter)\b"
    r"|\bno doubt\b|\bwhy not\b|\bif not\b|\bor not\b"
)
_ENDS = re.compile(r"[.,;:!?()\n–—]|\b(?:but|however|although|because|unless|if|aber|sondern|wenn)\b")
SILENT = frozenset(
    "a an the is are was were be been being am do does did have has had can could will would shall should may might "
    "must to of in on at by for with from as it its this that these those there here you your we our us they their "
    "them he she him her i me my and or any some all so very also yet still just be get got it's that's der die das "
    "ein eine ist sind wird werden kann es sie wir und oder zu im in am".split()
)
_LIMITS = frozenset(
    "after beyond unless only until before within except outside once more less fewer most least up till by since "
    "otherwise instead nach innerhalb bis nur ausser".split()
)
_EXCLUSIVE = frozenset("only unless except nur ausser".split())
_PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis")
_WHOLE = frozenset("poss allow permit abl option".split())
"""Stems of predicates whose negation denies the whole clause: "an exchange is not possible"."""
COVERED = 2
"""Telling words after a negation that it denies."""


@dataclass(frozen=True)
class Denials:
    """What a text denies and what it states, as stems of words; `count` is the number of its negations."""

    denied: frozenset[str]
    heads: frozenset[str]
    """The first word that each negation denies; all of the clause after "is not possible"."""
    stated: frozenset[str]
    limits: frozenset[str]
    count: int
    reply: str
    """`yes` or `no` where the text begins with it."""


def stem(word: str) -> str:
    """Return an English word without plural, past, -ing, -able and -ly, others as they are."""
    if len(word) <= 3:
        return word
    cut = re.sub(r"(?:ies|ied)$", "y", word)
    cut = re.sub(r"(?<=\w{3})(?:ability|able|ible|ingly|edly|ation|ment|ing|ed|es|ly|s)$", "", cut)
    cut = re.sub(r"(?<=\w{3})(?:e|y)$", "", cut)
    return cut[:-1] if len(cut) > 4 and cut[-1] == cut[-2] and cut[-1] not in "ls" else cut


def written_out(text: str) -> str:
    """Return a text in lower case with its negative contractions written out."""
    plain = re.sub(r"\bcan(?:not|'t)\b", "not", readable(text).replace("’", "'"))
    plain = re.sub(r"n['`]t\b", " not", re.sub(r"\bwon't\b", "will not", plain))
    return re.sub(r"\bnon-(?=\w)", "non", plain).replace("free of charge", "free")


def telling_stems(text: str) -> frozenset[str]:
    """Return the stems of the words of a text that say what it is about, numbers among them, negations not."""
    found = re.findall(r"[^\W_]+", written_out(text).replace("'s ", " "))
    return frozenset(stem(w) for w in found if w not in SILENT and w not in _NEGATORS)


def denials(text: str) -> Denials:
    """Return what a text denies, by the `COVERED` telling words after each negation in its clause."""
    plain = _NO_NEGATION.sub(" ", written_out(text))
    reply = re.match(r"\W*(yes|no)\b\s*[,.!–—:;-]", plain)
    if reply:
        plain = plain[reply.end() :]
    denied: set[str] = set()
    heads: set[str] = set()
    stated: set[str] = set()
    count = 0
    for clause in _ENDS.split(plain):
        covered, first, others, n = _clause(clause)
        denied |= covered | (others if first & _WHOLE else set())
        stated |= set() if first & _WHOLE else others
        heads |= covered | others if first & _WHOLE else first
        count += n
    limits = frozenset(w for w in re.findall(r"[^\W\d_]+", plain) if w in _LIMITS)
    reply_word = reply[1] if reply else ""
    return Denials(frozenset(denied), frozenset(heads), frozenset(stated - denied), limits, count, reply_word)


def _clause(clause: str) -> tuple[set[str], set[str], set[str], int]:
    """Return (stems that are denied, the first of each negation, the other stems, the number of negations)."""
    covered: set[str] = set()
    first: set[str] = set()
    others: set[str] = set()
    count = left = 0
    for word in re.findall(r"[^\W_]+(?:'[^\W_]+)?", clause):
        if word in _NEGATORS:
            count, left = count + 1, COVERED
        elif word not in SILENT and not word.isdigit():
            (covered if left else others).add(stem(word))
            first |= {stem(word)} if left == COVERED else set()
            left = max(0, left - 1)
    return covered, first, others, count


def with_prefixes(mine: Denials, other: Denials) -> Denials:
    """Return what a text denies, "unavailable" among it where the other text has "available"."""
    known = other.denied | other.stated
    opposite = {s: bare for s in mine.stated for p in _PREFIXES if (bare := s.removeprefix(p)) != s and bare in known}
    if not opposite:
        return mine
    undone = set(opposite.values())
    stated = mine.stated - opposite.keys() - undone
    return replace(
        mine, denied=mine.denied | undone, heads=mine.heads | undone, stated=stated, count=mine.count + len(opposite)
    )


def contradiction(mine: str, other: str) -> tuple[str, bool]:
    """Return (what one text denies and the other states, whether that is certain); empty if there is nothing.

    It is certain if the first word that is denied is stated by the other text, which has fewer negations or denies what
    this one states, and both limit what they say in the same words: "not after 30 days" may well mean "within 30 days",
    and "not open" means "closed".
    """
    a, b = denials(mine), denials(other)
    a, b = with_prefixes(a, b), with_prefixes(b, a)
    if a.reply and b.reply and a.reply != b.reply:
        return f'"{a.reply}" against "{b.reply}"', True
    opposed = [(a.denied & b.stated, a.heads & b.stated), (b.denied & a.stated, b.heads & a.stated)]
    if any(denied for denied, _ in opposed):
        first = min((heads or denied for denied, heads in opposed if denied), key=len)
        what = f'only one of them denies "{min(first)}"'
        both = all(heads for _, heads in opposed) and not a.denied & b.denied
        if both or (a.count != b.count and any(heads for _, heads in opposed)):
            return what, a.limits == b.limits
        return ("", False) if a.heads & b.heads and a.count == b.count else (what, False)
    if a.count != b.count:
        return "one of them has a negation more", False
    exclusive = (a.limits ^ b.limits) & _EXCLUSIVE
    return (f'only one of them says "{min(exclusive)}"', False) if exclusive else ("", False)
