"""What a score means: who gave it, whether high is good, and between which numbers it lies. One table for all formats.

**Who.** Only a person who used the app is a user; what an annotator, a model or a script said is kept under its name
and is never the user's opinion. Sources say `API` or `HUMAN` of several of these; then the name decides (`given_by`).

**Polarity.** Of a name such as `dislike` or `hallucination`, 1 is bad (`polarity`).

**Scale.** Words, booleans and scores whose export states their range are verdicts at once. A bare number is not: 1 is
praise on a scale from 0 to 1 and the worst of five stars. It is kept with its name, and judged when all values
of that name in the file are known (`scale_of`); where these leave it open, it stays a number with a name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from flywheel_pipeline.records import Feedback
from flywheel_pipeline.steps.capture.formats.common import Source, as_json, clean
from flywheel_pipeline.steps.capture.formats.polarity import is_adverse, words_of

USER, ANNOTATOR, MODEL, SCRIPT = "user", "annotator", "model", "script"

SOURCES: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("user", "end_user", "enduser"), (USER, USER)),
    **dict.fromkeys(("human", "ui", "custom", "person"), (USER, ANNOTATOR)),
    **dict.fromkeys(("annotation", "annotator", "app", "expert"), (ANNOTATOR, ANNOTATOR)),
    **dict.fromkeys(
        ("eval", "llm", "llm_judge", "ai_judge", "model", "auto", "auto_eval", "online_scoring", "evaluator"),
        (MODEL, MODEL),
    ),
    **dict.fromkeys(("api", "sdk", "code", "web", ""), (USER, SCRIPT)),
}  # fmt: skip
"""How sources are called, in lower case: who gave a score whose name is that of a user's opinion, and any other score.
What is called otherwise is read like `api`."""

_OPINIONS = frozenset(
    "feedback thumb thumbs thumbsup thumbsdown rating ratings rated stars star csat nps satisfaction satisfied "
    "dissatisfied dissatisfaction like liked likes dislike disliked dislikes upvote upvoted downvote downvoted "
    "vote votes reaction emoji helpful unhelpful".split()
)
_WITH_USER = frozenset(
    "score opinion verdict value evaluation sentiment frustration happiness happy mood effort reported report "
    "complaint complaints complained".split()
)
_USERS = frozenset("user users enduser customer human".split())
"""A name is that of a user's opinion where it has a word of `_OPINIONS`, or one of each of the others."""
_COUNTED = frozenset("likes dislikes votes ratings stars".split())
"""Words that may be how many users thought so."""
_ABOUT = (_OPINIONS - _COUNTED) | _USERS | frozenset(
    "score value end was is this the that it of your our answer response reply chat conversation bot assistant final "
    "overall positive negative not very explicit session experience with how to are were you".split()
)  # fmt: skip
"""The words of a column that holds a user's opinion of the app's answer."""
_OTHERS_SAID: Mapping[str, str] = {
    **dict.fromkeys(
        ("llm", "judge", "judged", "gpt", "auto", "automated", "automatic", "predicted", "estimated", "inferred",
         "evaluator", "classifier", "simulated", "synthetic", "ragas"), MODEL),
    **dict.fromkeys(
        ("expert", "annotator", "annotation", "reviewer", "labeler", "labeller", "sme", "grader", "supervisor"),
        ANNOTATOR),
}  # fmt: skip
"""Words of a name that say who gave the score, whatever else it is called: `judge_rating`, `expert_feedback`."""

GOOD = frozenset(
    "thumbs_up thumbsup thumb_up up upvote upvoted positive good great excellent love like liked helpful "
    "very_helpful correct pass passed satisfied very_satisfied happy accurate acceptable "
    "👍 👍🏻 👍🏼 👍🏽 👍🏾 👍🏿 ❤ ❤️ 😀 "
    "😃 😊 🙂 💯".split()
)
BAD = frozenset(
    "thumbs_down thumbsdown thumb_down down downvote downvoted negative bad poor terrible awful hate dislike "
    "disliked unhelpful not_helpful incorrect wrong fail failed unsatisfied dissatisfied very_dissatisfied "
    "unhappy angry inaccurate unacceptable 👎 👎🏻 👎🏼 👎🏽 👎🏾 👎🏿 😞 😠 😡 🙁 ☹ 😢".split()
)
"""Labels that mean the same whatever the score is called."""
YES, NO = frozenset(("yes", "true", "y", "t")), frozenset(("no", "false", "n", "f"))
"""Labels whose meaning is the name's: `yes` is bad of an adverse name."""

STATED: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("star", "stars", "csat"), (1, 5)), "nps": (0, 10),
    **dict.fromkeys(("percent", "percentage", "pct"), (0, 100)),
}  # fmt: skip
"""Words of a name that state its scale."""
_GRADES = frozenset("rating ratings rated rate grade points level stars star csat nps rank mark marks".split())
"""Words of names that are given on any scale, so that 1 alone says nothing."""
KNOWN: tuple[tuple[float, float], ...] = ((1, 5), (1, 10), (0, 10), (0, 100))
"""Scales beyond 0 to 1 and -1 to 1 that are recognised by their ends."""
ENOUGH = 20
"""With so many values, the smallest scale that holds them counts although one end was never given."""


@dataclass(frozen=True)
class Opinion:
    """One score as its source has it.

    `value` is a number, a boolean, a word or None; `source` is what the export calls the source, `scale` the ends of
    its scale where the export states them; `alone` is whether it is a row of its own; `author` is a name or an id;
    `step_id` is the step of the trace that was judged, where the export names one.
    """

    trace_id: str
    name: str
    value: Any
    source: str = ""
    comment: str | None = None
    at: datetime | None = None
    label: Any = None
    scale: tuple[float, float] | None = None
    alone: bool = True
    author: str | None = None
    step_id: str | None = None


def feedback_of(opinion: Opinion, source: Source) -> Iterator[Feedback]:
    """Yield the row of `feedback` that a score is; none where it holds neither value, label nor comment."""
    name = clean(opinion.name.strip() or "score")[:200]
    number, read_from = _graded(opinion.value)
    word = _word(opinion.label) or (_word(opinion.value) if number is None or isinstance(opinion.value, bool) else None)
    comment = clean(opinion.comment) if isinstance(opinion.comment, str) and opinion.comment.strip() else None
    if number is None and word is None and comment is None:
        return
    adverse = is_adverse(name)
    score = _verdict(word, adverse) if word else None
    scale = opinion.scale or read_from or source.scales.get(name)
    if score is None and number is not None and scale is not None:
        score = scaled(number, scale, adverse)
    by = given_by(opinion.source, name)
    yield Feedback(
        trace_id=clean(opinion.trace_id), score=score, comment=comment, given_at=opinion.at, source_file=source.file,
        source_line=source.line, name=name, given_by=by, value=number, label=word, is_adverse=adverse,
        n_rows=int(opinion.alone), author=clean(opinion.author)[:200] if opinion.author and by == ANNOTATOR else None,
        step_id=clean(opinion.step_id)[:200] if opinion.step_id else None,
    )  # fmt: skip


_GRADE = re.compile(
    r"\s*(\d+(?:[.,]\d+)?)\s*(?:/|of|out of)\s*(5|10|100)\s*(?:stars?)?\s*|\s*(\d+(?:[.,]\d+)?)\s*(%|stars?)\s*"
)
_STARS = re.compile(r"\s*([★⭐]{1,5})([☆✩]{0,4})\s*")


def _graded(value: Any) -> tuple[float | None, tuple[float, float] | None]:
    """Return (the number that a value is, the scale that it states): of `4/5`, `80 %`, `3 stars` and `★★★☆☆`."""
    number = _number(value)
    if number is not None or not isinstance(value, str):
        return number, None
    if stars := _STARS.fullmatch(value):
        return float(len(stars[1])), (1, 5)
    if not (found := _GRADE.fullmatch(value)):
        return None, None
    best = 100 if found[4] == "%" else 5 if found[4] else int(found[2])
    return float((found[1] or found[3]).replace(",", ".")), (1 if best == 5 else 0, best)


def clicked(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return scores by name without the buttons that were not clicked, where one for good and one for bad are there.

    Of `thumbs_up` alone 0 is a thumb down; beside `thumbs_down` it says nothing.
    """
    buttons = [n for n, value in scores.items() if _BUTTON.search(n) and value not in (None, "")]
    if len({is_adverse(n) for n in buttons}) < 2:
        return dict(scores)
    return {n: v for n, v in scores.items() if n not in buttons or (_word(v) not in NO and _number(v) != 0)}


_BUTTON = re.compile(r"(?i)thumbs?[ _-]?(up|down)|likes?d?$|vote")


def _number(value: Any) -> float | None:
    """Return the number that a value or its text is."""
    if isinstance(value, bool | int | float | str):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            return None
        return found if math.isfinite(found) else None
    return None


def _word(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.strip() and _number(value) is None:
        return clean(value.strip())[:500]
    return as_json(value)[:500] if isinstance(value, list | dict) and value else None


def is_verdict(word: str) -> bool:
    """Return whether a word, or the number that it is, is a verdict."""
    return _graded(word)[0] is not None or _plain(word) in GOOD | BAD | YES | NO


def _plain(word: str) -> str:
    return re.sub(r"[\s\-]+", "_", word.strip().lower())


def _verdict(word: str, adverse: bool) -> float | None:
    """Return what a word says by itself."""
    plain = _plain(word)
    if plain in GOOD or plain in BAD:
        return float(plain in GOOD)
    if plain in YES or plain in NO:
        return float((plain in YES) != adverse)
    return None


def scaled(value: float, scale: tuple[float, float], adverse: bool) -> float | None:
    """Return a value as 0 (bad) to 1 (good); None where it lies outside its scale.

    A scale that is written downwards, such as (10, 0), states itself that low is good, whatever the name.
    """
    worst, best = scale
    if worst == best or not min(scale) <= value <= max(scale):
        return None
    share = (value - worst) / (best - worst)
    return 1 - share if adverse and worst < best else share


@lru_cache(4096)
def given_by(source: str, name: str) -> str:
    """Return who gave a score: `user`, `annotator`, `model` or `script`."""
    called = source.strip().lower().replace("-", "_").replace(" ", "_")
    as_user, otherwise = SOURCES.get(called, SOURCES["api"])
    words = words_of(name)
    if as_user == USER and (named := next((_OTHERS_SAID[w] for w in words if w in _OTHERS_SAID), None)):
        return named
    return as_user if _of_user(name, frozenset(words)) else otherwise


def _of_user(name: str, words: frozenset[str]) -> bool:
    """Return whether a name is that of a user's opinion: by its words, or a sign such as a thumb."""
    by_words = bool(words & _OPINIONS) or bool(words & _USERS and (words & _WITH_USER or words <= _USERS))
    return by_words or (not words and _plain(name) in GOOD | BAD)


@lru_cache(4096)
def is_opinion(name: str) -> bool:
    """Return whether a column or key of this name holds what a user thought, if it holds a verdict or a number.

    All of its words must be about that: `feedback_count`, `has_feedback` and `product_rating` are something else.
    """
    words = frozenset(words_of(name))
    return words <= _ABOUT and bool(words & _OPINIONS) and given_by("", name) == USER


def scale_of(name: str, n: int, low: float, high: float) -> tuple[float, float] | None:
    """Return (worst, best) of the scale of the `n` values of one name in a file, which lie from `low` to `high`.

    Before polarity: of an adverse name the best is the worst. None where the values may mean several things.
    """
    words = set(words_of(name))
    stated = _stated(name) or next((STATED[w] for w in words if w in STATED), None)
    if stated and stated[0] <= low and high <= stated[1]:
        return stated
    if low >= 0 and high <= 1:
        return None if low == 1 and words & _GRADES else (0, 1)
    if -1 <= low < 0 and high <= 1:
        return (-1, 1)
    if (low, high) in KNOWN:
        return (low, high)
    fits = ((a, b) for a, b in ((1, 5), (0, 10), (0, 100)) if a <= low and (a + b) / 2 < high <= b)
    return next(fits, None) if n >= ENOUGH else None


_RANGE = re.compile(r"(?<![\d.])(-?\d{1,3})\s*(?:-|–|to|bis)\s*(\d{1,3})(?![\d.])")


def _stated(name: str) -> tuple[float, float] | None:
    """Return the scale that a heading such as `Rating (1-5)` states."""
    found = _RANGE.search(name)
    low, high = (float(found[1]), float(found[2])) if found else (0.0, 0.0)
    return (low, high) if low < high else None
