"""What the golden set is made of, what it lacks, and how it grew."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.leakage import normalised, telling_words
from flywheel_pipeline.records import KINDS, SPLITS, GoldenCase
from flywheel_pipeline.steps.golden.ledger import Version, active

FEW = 3
"""Failures of a mode, and cases of it in a split, below which a gap is reported."""

MIN_TRAFFIC, MIN_SHARE, MAX_SHARE, TOPICS = 5, 0.01, 0.3, 8
"""A topic is a word of at least so many questions, and of such a share of them; at most so many gaps are reported."""


_SMALL_TALK = frozenset(
    "hello morning afternoon evening good okay really think know want wanted looking look question questions says said "
    "help thank sorry wonder wondering currently possible right today".split()
)


@dataclass(frozen=True)
class Question:
    """What a user asked, and whether the expert failed the answer."""

    text: str
    failed: bool = False


def compose(cases: Sequence[GoldenCase], modes: Mapping[str, str]) -> list[tuple[str, str, int, int, int, int]]:
    """Return (mode, kind, train, dev, test, all) of the active cases; `modes` is {mode_id: name}."""
    counts = Counter((c.kind, c.mode_id, c.split) for c in active(cases))
    groups = sorted({(k, m) for k, m, _ in counts}, key=lambda g: (KINDS.index(g[0]), modes.get(g[1] or "", "")))
    rows = []
    for kind, mode in groups:
        train, dev, test = (counts[kind, mode, s] for s in SPLITS)
        rows.append((modes.get(mode or "", "no mode"), kind, train, dev, test, train + dev + test))
    return rows


def find_gaps(cases: Sequence[GoldenCase], modes: Mapping[str, str], questions: Iterable[Question]) -> list[str]:
    """Return what the golden set lacks, in sentences: modes with too few cases, and topics without a happy path.

    A topic is a word, without its ending, that stands in many of the `questions` but not in most (of traffic, and of
    the failures that the expert described); no model is needed, and a person sees at once whether it matters.
    """
    live = active(cases)
    return [*_mode_gaps(live, modes), *_topic_gaps(live, list(questions))]


def _mode_gaps(live: Sequence[GoldenCase], modes: Mapping[str, str]) -> list[str]:
    gaps = []
    for mode, name in modes.items():
        failures = [c for c in live if c.mode_id == mode and c.kind == "failure"]
        splits = Counter(c.split for c in live if c.mode_id == mode)
        if len(failures) < FEW:
            gaps.append(f"“{name}” has {len(failures)} failures; {FEW} or more represent a mode")
        gaps += [f"no {s} case guards “{name}”" for s in ("dev", "test") if not splits[s]]
    n_failures, n_happy = (sum(c.kind == k for c in live) for k in ("failure", "happy_path"))
    if n_happy < n_failures:
        gaps.append(
            f"{n_happy} happy paths for {n_failures} failures: label {n_failures - n_happy} more passing traces"
        )
    return gaps


def _topic_gaps(live: Sequence[GoldenCase], questions: Sequence[Question]) -> list[str]:
    unique = list({normalised(q.text): q for q in sorted(questions, key=lambda q: q.failed)}.values())
    asked: dict[str, set[int]] = defaultdict(set)
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for i, question in enumerate(unique):
        for word, stem in _topics(question.text):
            asked[stem].add(i)
            spelled[stem][word] += 1
    happy = {stem for c in live if c.kind == "happy_path" for _, stem in _topics(c.input)}
    least, most = max(MIN_TRAFFIC, MIN_SHARE * len(unique)), MAX_SHARE * len(unique)
    failed = {i for i, q in enumerate(unique) if q.failed}
    lacking = [s for s, who in asked.items() if least <= len(who) <= most and s not in happy]
    lacking.sort(key=lambda s: (-len(asked[s] & failed), -len(asked[s]), s))
    gaps: list[str] = []
    covered: set[int] = set()
    for stem in lacking:
        who = asked[stem]
        if len(who - covered) * 2 <= len(who) or len(gaps) == TOPICS:  # the same questions, by another of their words
            continue
        covered |= who
        also = f", {len(who & failed)} of them failed" if who & failed else ""
        gaps.append(
            f"no happy path asks about “{spelled[stem].most_common(1)[0][0]}”: {len(who)} of {len(unique)} questions "
            f"do{also}"
        )
    return gaps


def _topics(text: str) -> list[tuple[str, str]]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return [(word, stem) for word, stem in telling_words(text) if word not in ENGLISH_STOP_WORDS | _SMALL_TALK]


def growth_table(versions: Sequence[Version]) -> list[tuple[str, str, int, int, int, int]]:
    """Return (version, added under, added, retired, graduated, active then) of every version, oldest first."""
    return [(v.version, v.added_in, v.n_added, v.n_retired, v.n_graduated, v.n_active) for v in versions]
