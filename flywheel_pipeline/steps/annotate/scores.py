"""Scores of traces, as tracing tools export them -> verdicts of people with their comments, and scores of evaluators.

One judgement may be several scores: a pass or fail, and beside it a text by the same person on the same trace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.steps.annotate.columns import LabelRules, matches
from flywheel_pipeline.steps.annotate.entries import Cells, Entries, Entry, text_of
from flywheel_pipeline.steps.annotate.rows import Row
from flywheel_pipeline.steps.annotate.sources import HUMAN, kind_of
from flywheel_pipeline.steps.annotate.words import is_blank, number_of, tidy, verdict_of

ROLES = ("verdict", "comment", "code", "category", "severity", "first_failure_step")
"""What a person's score may be, by its name."""


@dataclass(frozen=True)
class Score:
    """One score of a trace; `source` is what the export says of who gave it, None where it has no such field."""

    row: Row
    trace_id: Any
    name: str
    label: Any
    """The value that counts: a category, a text, a truth value, else the number."""
    score: Any
    """The number, where there is one."""
    comment: Any
    annotator: str | None
    at: Any
    source: Any
    source_id: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def read_scores(scores: Sequence[Score], rules: LabelRules) -> Entries:
    """Return an entry for each verdict of a person, with the texts that belong to it, and for each other score."""
    people: list[tuple[Score, str | None]] = []
    entries: list[Entry] = []
    for score in scores:
        kind = _kind(score, rules)
        if kind == HUMAN:
            people.append((score, role_of(score.name, rules)))
        elif kind is None:
            entries.append(Entry(score.row, {}, problem=_unreadable(score)))
        else:
            entries.append(Entry(score.row, _evaluated(score), kind))
    joined, columns = _join(people)
    nameless = [Entry(s.row, {}, HUMAN, _nameless(s)) for s, role in people if role is None]
    return Entries([*entries, *nameless, *joined], _notes(columns), {k: " and ".join(v) for k, v in columns.items()})


def role_of(name: str, rules: LabelRules) -> str | None:
    """Return which part of a judgement a score with this name is, None where its name does not say."""
    for role in ROLES:
        if role in rules.columns and tidy(rules.columns[role] or "") == tidy(name):
            return role
    return next((role for role in ROLES if matches(role, name) is not None), None)


def _kind(score: Score, rules: LabelRules) -> str | None:
    if score.source is None:
        return HUMAN if score.annotator else None
    return kind_of(score.source, rules.people)


def _unreadable(score: Score) -> str:
    if score.source is None or is_blank(score.source):
        return f"the score {score.name[:80]!r} does not say who gave it: only people's verdicts are labels"
    return (
        f"who gave the score {score.name[:80]!r} cannot be read from {text_of(score.source)[:80]!r}: "
        "only people's verdicts are labels"
    )


def _nameless(score: Score) -> str:
    return (
        f"the score {score.name[:80]!r} is not named as a verdict or a comment: leave it out, or name it in "
        "flywheel.yaml, for example labels: {columns: {verdict: " + score.name[:80] + "}}"
    )


def _evaluated(score: Score) -> Cells:
    return {
        "trace_id": score.trace_id, "evaluator": score.name, "label": text_of(score.label), "score": score.score,
        "comment": text_of(score.comment), "labelled_at": score.at, "source_id": score.source_id,
    }  # fmt: skip


def _join(people: Sequence[tuple[Score, str | None]]) -> tuple[list[Entry], dict[str, list[str]]]:
    """Return the entries of people's scores, and {what they are: the names of the scores}."""
    verdicts: dict[tuple[str, str], list[Score]] = defaultdict(list)
    parts: dict[tuple[str, str], list[tuple[str, Score]]] = defaultdict(list)
    columns: dict[str, list[str]] = {}
    for score, role in people:
        if role is None:
            continue
        if score.name not in columns.setdefault(role, []):
            columns[role].append(score.name)
        place = (text_of(score.trace_id), score.annotator or "")
        if role == "verdict":
            verdicts[place].append(score)
        else:
            parts[place].append((role, score))
    entries: list[Entry] = []
    for place, given in verdicts.items():
        used, others = _one_measure(given)
        entries += others
        latest = max(used, key=lambda s: str(s.at or ""))
        own = parts.pop(place, []) + _unsigned(place, verdicts, parts)
        entries += [_entry(s, own if s is latest else []) for s in used]
    alone = [(role, s) for found in parts.values() for role, s in found]
    return entries + [
        Entry(s.row, {}, HUMAN, f"a {role} ({s.name[:80]!r}) without a verdict of the same person") for role, s in alone
    ], columns


def _unsigned(
    place: tuple[str, str],
    verdicts: Mapping[tuple[str, str], list[Score]],
    parts: dict[tuple[str, str], list[tuple[str, Score]]],
) -> list[tuple[str, Score]]:
    """Return the texts on a trace without an author, where only one person judged it."""
    trace = place[0]
    return parts.pop((trace, ""), []) if sum(t == trace for t, _ in verdicts) == 1 else []


def _one_measure(given: Sequence[Score]) -> tuple[list[Score], list[Entry]]:
    """Return the scores that are the verdict by the most telling name, and the others as entries with a problem."""
    ranks = {s.name: matches("verdict", s.name) for s in given}
    best = min(ranks, key=lambda name: -1 if ranks[name] is None else ranks[name] or 0)
    why = f"is not the verdict: the same person gave {best[:80]!r}, too, which is used"
    others = [Entry(s.row, {}, HUMAN, f"the score {s.name[:80]!r} {why}") for s in given if s.name != best]
    return [s for s in given if s.name == best], others


def _entry(verdict: Score, parts: Sequence[tuple[str, Score]]) -> Entry:
    texts: dict[str, list[str]] = defaultdict(list)
    if not is_blank(verdict.comment):
        texts["comment"].append(text_of(verdict.comment))
    for role, part in parts:
        values = [part.label, part.comment] if number_of(part.label) is None or role != "comment" else [part.comment]
        texts[role] += [text_of(v) for v in values if not is_blank(text_of(v))]
    extra = {"score": verdict.name, **verdict.extra}
    cells = {
        "trace_id": verdict.trace_id, "verdict": verdict.label, "annotator": verdict.annotator,
        "labelled_at": verdict.at, "extra": extra, **{role: "\n".join(dict.fromkeys(t)) for role, t in texts.items()},
    }  # fmt: skip
    return Entry(verdict.row, cells, HUMAN, None, 1 + len(parts), verdict.name)


def _notes(columns: Mapping[str, Sequence[str]]) -> list[str]:
    return [
        f"the scores {', '.join(map(repr, names[:5]))} are all read as the {role}"
        for role, names in columns.items()
        if len(names) > 1
    ]


def label_or_number(label: Any, number: Any) -> Any:
    """Return the label of a score where it has one, else its number."""
    return number if is_blank(label) else label


def numeric(value: Any) -> float | None:
    """Return the number of a score, that of a truth value being 0 or 1."""
    return float(value) if isinstance(value, bool) else number_of(value)


def stated_verdict(first: Any, second: Any) -> Any:
    """Return the first of two values that is a verdict, else the first that is filled in."""
    return next((v for v in (first, second) if verdict_of(v)), label_or_number(first, second))
