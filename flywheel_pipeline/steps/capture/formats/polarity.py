"""Whether more is worse: of a score called `dislike`, `hallucination` or `customer_effort`, 1 is bad.

A name is read word by word. A word is adverse if it is one of `WORDS` or begins like one of `STEMS`, unless it ends in
`-free` or `-less` (`errorfree`, `harmless`), or is one of `HARMLESS`, which only look alike. A name with an adverse
word is adverse. A negation turns it round (`no_hallucination`, `not_helpful`), and so does a word which says that the
harm was dealt with or was rightly found (`issue_resolved`, `refusal_appropriateness`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

STEMS = (
    # what the user felt
    "dislik", "negativ", "frustrat", "annoy", "angr", "anger", "distress", "disappoint", "regret", "dissatisf",
    "unsatisf", "unhappy", "irritat", "confus", "unhelpful", "complain", "distrust", "mistrust", "boring", "hostil",
    # what the user did
    "downvot", "abandon", "escalat", "churn", "regenerat", "bounc", "refund", "cancel", "unsubscri", "reopen",
    "rephras", "reask", "disput", "chargeback", "dropout", "dropoff", "handoff", "handover", "detractor", "unfollow",
    # what was wrong with the answer
    "hallucinat", "error", "erroneous", "fail", "issue", "problem", "wrong", "incorrect", "inaccura", "irrelevan",
    "incomplet", "inappropriat", "unfaithful", "unground", "unresolv", "unsolv", "fabricat", "contradict", "misinform",
    "mislead", "disagree", "broken", "repetit", "mistake", "nonsens", "gibberish", "unclear", "outdated", "missing",
    "untru", "undesir", "inadequat", "unaccept", "unreli", "unnecess", "unnatural", "unusable", "unanswer", "verbos",
    "vague", "garbage", "inconsisten", "incoheren", "ambigu", "redundan", "truncat", "misunder", "misinterp",
    "misclass", "misquot", "mishandl", "misalign", "unsupport", "unverif", "unsubstant", "unjustif", "imprecis",
    "invalid", "overconfiden", "overrefus", "overclaim", "sycophan", "perplexi", "uncertain", "degrad", "offtopic",
    "deflect", "timeout", "crash", "exception", "latenes", "flaw", "defect", "omission", "clutter", "nois",
    # what harms
    "toxic", "harm", "bias", "refus", "leak", "unsafe", "risk", "severe", "severit", "violat", "jailbreak", "injection",
    "abus", "offens", "insult", "profan", "hateful", "hatred", "nsfw", "spam", "dishonest", "malicious", "insecure",
    "unprofession", "harass", "threat", "violen", "sexis", "sexual", "racis", "discriminat", "stereotyp", "prejudic",
    "obscen", "vulgar", "impolite", "disrespect", "condescend", "aggressi", "rude", "danger", "illegal", "illicit",
    "unethical", "unfair", "unlawful", "manipulat", "decept", "deceiv", "plagiar", "copyright", "fraud", "scam",
    "phish", "malware", "exploit", "attack", "vulnerab", "breach", "misus", "thumbsdown", "userreport", "toolong",
    "tooshort", "needsimprov", "falseinfo", "protectedmaterial", "effortful", "noncompli", "unauthori",
)  # fmt: skip
"""How words begin of which more is worse."""
WORDS = frozenset(
    "bad badly badness poor poorly down downs downgraded downtime flag flags flagged flagging hate hates hated bug "
    "bugs buggy slow slowly slowness worse worst useless pointless worthless meaningless careless baseless "
    "groundless lies lie lied pii effort efforts reported friction difficulty difficult hard lazy laziness timeouts "
    "blocked banned muted retry retries retried repeats fallback interrupted lost loss sad upset".split()
)
"""Words of which more is worse, whole: other words begin like them (`download`, `budget`, `hardware`, `report`)."""
HARMLESS = re.compile(
    r"harmon|failsafe|issuer|issuance|issued|riskless|attackless|biaxial|noise(?:canc|reduc)|cancellab"
)
_FREE = re.compile(r".{3,}(?:free|less|lessly|lessness|proof)")
NEGATIONS = frozenset(
    "no not non without free lack absence avoid avoids avoided avoidance never isnt isn didnt didn doesnt doesn "
    "dont don wasnt wasn cannot zero low lower less reduced few fewer minimal anti".split()
)
DEALT_WITH = frozenset(
    "resolved resolution resolving solved solving fixed fixing handled handling prevented prevention mitigated "
    "mitigation recovered recovery resistance resistant robustness robust defense defence defended removed redacted "
    "masked appropriate appropriately appropriateness correct correctly correctness proper properly justified "
    "warranted accuracy accurate safety safe protection compliance compliant precision recall".split()
)
"""Words which say that a harm was dealt with, or was rightly found: they turn an adverse name round."""


@lru_cache(4096)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name, in lower case: of `userFeedback-v2`, user, feedback and v."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return tuple(w.lower() for w in re.findall(r"[^\W\d_]+", parted))


@lru_cache(4096)
def is_adverse(name: str) -> bool:
    """Return whether a high value of a score of this name is bad."""
    words = words_of(name)
    found = any(map(_is_bad, words)) or any((a + b).startswith(STEMS) and not _is_bad(a) for a, b in pairwise(words))
    turned = any(w in NEGATIONS for w in words)
    dealt_with = found and any(w in DEALT_WITH for w in words)
    return found != (turned != dealt_with)


def _is_bad(word: str) -> bool:
    if word in WORDS:
        return True
    return word.startswith(STEMS) and not HARMLESS.match(word) and not _FREE.fullmatch(word)
