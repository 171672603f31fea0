"""Filters of the list of traces: read from the names and values of a URL, written as SQL with bound parameters.

The SQL consists of literals of this module only; whatever a person typed is a parameter of the query.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

NONE = "(none)"
"""The value of a facet that a trace does not have."""
LONGEST_VALUE, MOST_VALUES, MOST_WORDS = 500, 50, 8

FACETS: Mapping[str, str] = {
    "feedback": """case when feedback_score < 0.5 then 'negative' when feedback_score >= 0.5 then 'positive'
        when feedback_comment is not null then 'comment only' else '(none)' end""",
    "error": "case when error is null then 'no' else 'yes' end",
    "app": "app",
    "model": "coalesce(model, '(none)')",
    "prompt": "coalesce(prompt_version, '(none)')",
    "language": """left(coalesce(tags->>'$.language', tags->>'$.lang', tags->>'$.locale', tags->>'$.metadata.language',
        '(none)'), 40)""",
}
"""{facet: its value of a trace, as an expression over the columns of `raw_traces`}."""

JOINED: Mapping[str, str] = {
    "verdict": "select trace_id, verdict as value from annotations where is_current",
    "mode": "select trace_id, mode_id as value from failure_assignments where mode_id is not null",
    "case": """select source_trace_id as trace_id, min(kind) as value from golden_set
        where source_trace_id is not null and status = 'active' group by source_trace_id""",
}
"""{facet: its value of a trace, as a query over other tables with at most one row per trace}."""

EVALUATOR = """select distinct trace_id, left(evaluator || ': ' || coalesce(label, score::varchar), 200) as value
    from evaluator_scores where label is not null or score is not null"""
"""The labels of evaluators, several per trace, as "correctness: fail"."""

BOUNDS: Mapping[str, str] = {
    "turns": "n_turns",
    "calls": "n_tool_calls",
    "tokens": "coalesce(input_tokens, 0) + coalesce(output_tokens, 0)",
    "cost": "cost_usd",
    "latency": "latency_ms / 1000",
}
"""{name: the number that is at least the bound}: user messages, tool calls, tokens, USD, seconds."""

TEXTS: Mapping[str, str] = {"question": "input", "answer": "output", "comment": "feedback_comment"}
"""{name: the column in which words are searched}."""

ONE = ("since", "until", "session", "trace", "like", "words", *BOUNDS)
SEVERAL = (*FACETS, *JOINED, "evaluator", "tag", "within")
NAMES = (*ONE, *SEVERAL)
"""All names that a URL may hold: the first have one value, the others any number."""

Params = dict[str, Any]


class FilterError(ValueError):
    """A filter is not known, or its value is not one; the message says why."""


@dataclass(frozen=True)
class Filters:
    """What traces must fulfil; all of it together. Of several values of one facet a trace has one."""

    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """{facet: values}."""
    bounds: Mapping[str, float] = field(default_factory=dict)
    since: date | None = None
    until: date | None = None
    session: str | None = None
    trace: str | None = None
    """The beginning of an id."""
    like: str | None = None
    """The id of a trace that the others are similar to."""
    among: Sequence[str] | None = None
    """The only ids that there may be, in the order in which they are listed: what `like` has found."""
    tags: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    within: tuple[str, ...] = tuple(TEXTS)
    """The texts of which each word must be in one."""


def read_filters(pairs: Sequence[tuple[str, str]]) -> Filters:
    """Return the filters that (name, value) pairs, such as those of a URL's query, ask for; empty values are none.

    Raises:
        FilterError: a name is not known, has two values and may have one, or a value is not of its kind.
    """
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in NAMES:
            raise FilterError(f"there is no filter {name[:40]!r}; there are: {', '.join(NAMES)}")
        if len(value) > LONGEST_VALUE:
            raise FilterError(f"{name} is longer than {LONGEST_VALUE} characters")
        if value.strip():
            given.setdefault(name, []).append(value.strip())
    for name, values in given.items():
        if len(values) > (1 if name in ONE else MOST_VALUES):
            raise FilterError(f"{name} has {len(values)} values; it may have {1 if name in ONE else MOST_VALUES}")
    one = {name: values[0] for name, values in given.items() if name in ONE}
    words = tuple(one.get("words", "").split())
    if len(words) > MOST_WORDS:
        raise FilterError(f"at most {MOST_WORDS} words are searched at once")
    return Filters(
        chosen={f: tuple(given[f]) for f in (*FACETS, *JOINED, "evaluator") if f in given},
        bounds={name: _number(name, one[name]) for name in BOUNDS if name in one},
        since=_day("since", one.get("since")), until=_day("until", one.get("until")),
        session=one.get("session"), trace=one.get("trace"), like=one.get("like"),
        tags=tuple(_tag(text) for text in given.get("tag", ())), words=words,
        within=_texts(given.get("within", ())),
    )  # fmt: skip


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise FilterError(f"{name} must be a number from 0, not {text[:40]!r}")
    return value


def _day(name: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise FilterError(f"{name} must be a day such as 2026-01-31, not {(text or '')[:40]!r}") from None


def _tag(text: str) -> tuple[str, str]:
    name, is_pair, value = text.partition("=")
    if not is_pair or not name.strip():
        raise FilterError(f"tag must be written as name=value, not {text[:40]!r}")
    return name.strip(), value.strip()


def _texts(names: Sequence[str]) -> tuple[str, ...]:
    if wrong := [n for n in names if n not in TEXTS]:
        raise FilterError(f"within must be one of {', '.join(TEXTS)}, not {wrong[0][:40]!r}")
    return tuple(dict.fromkeys(names)) or tuple(TEXTS)


def conditions(filters: Filters) -> tuple[str, Params]:
    """Return the condition on `raw_traces` that is no facet's, and its parameters."""
    return _joined(_plain(filters))


def facet_conditions(filters: Filters, but: str = "") -> tuple[str, Params]:
    """Return the condition on columns named as the facets, and its parameters; that of the facet `but` is left out."""
    chosen = [(f, values) for f, values in filters.chosen.items() if f != but and f != "evaluator"]
    return _joined((f'"{f}" in (select unnest(${f}))', {f: list(values)}) for f, values in chosen)


def all_conditions(filters: Filters, but: str = "") -> tuple[str, Params]:
    """Return the whole condition on `raw_traces`, and its parameters; that of the facet `but` is left out."""
    return _joined([*_plain(filters), *_of_facets(filters, but)])


def evaluator_condition(filters: Filters) -> tuple[str, Params]:
    """Return the condition on `raw_traces` that the evaluators' labels must fulfil, and its parameters."""
    return _joined(
        [_one_of("evaluator", EVALUATOR, filters.chosen["evaluator"])] if "evaluator" in filters.chosen else []
    )


def _of_facets(filters: Filters, but: str) -> Iterator[tuple[str, Params]]:
    for name, values in filters.chosen.items():
        if name == but:
            continue
        if name in FACETS:
            yield f"{FACETS[name]} in (select unnest(${name}))", {name: list(values)}
        else:
            yield _one_of(name, JOINED.get(name, EVALUATOR), values)


def _one_of(name: str, query: str, values: Sequence[str]) -> tuple[str, Params]:
    """Return the condition that a trace has one of the values in a query, or none where that is among the values."""
    has = f"trace_id in (select trace_id from ({query}) where value in (select unnest(${name})))"
    if NONE in values:
        has = f"({has} or trace_id not in (select trace_id from ({query})))"
    return has, {name: list(values)}


def _plain(filters: Filters) -> Iterator[tuple[str, Params]]:
    if filters.since:
        yield "started_at >= $since::date", {"since": filters.since.isoformat()}
    if filters.until:
        yield "started_at < $until::date + interval 1 day", {"until": filters.until.isoformat()}
    if filters.session:
        yield "session_id = $session", {"session": filters.session}
    if filters.trace:
        yield "starts_with(trace_id, $trace)", {"trace": filters.trace}
    if filters.like and filters.among is None:
        raise FilterError("like must be resolved first (see `Neighbours.narrowed`)")
    if filters.among is not None:
        yield "trace_id in (select unnest($among::varchar[]))", {"among": list(filters.among)}
    for name, least in filters.bounds.items():
        yield f"{BOUNDS[name]} >= ${name}", {name: least}
    for n, (name, value) in enumerate(filters.tags):
        paths = [f'$."{part}"' for part in _quoted(name)]
        within = " or ".join(f"(tags->>$tag{n}_{k}) = $value{n}" for k in range(len(paths)))
        yield f"({within})", {f"value{n}": value, **{f"tag{n}_{k}": path for k, path in enumerate(paths)}}
    for n, word in enumerate(filters.words):
        texts = " or ".join(f"contains(lower({TEXTS[t]}), lower($word{n}))" for t in filters.within)
        yield f"({texts})", {f"word{n}": word}


def _quoted(name: str) -> list[str]:
    """Return the places of a tag: among all tags of the source, and among those that it groups under these names."""
    safe = name.replace("\\", "\\\\").replace('"', '\\"')
    return [safe, f'tags"."{safe}', f'metadata"."{safe}']


def _joined(parts: Iterator[tuple[str, Params]] | Sequence[tuple[str, Params]]) -> tuple[str, Params]:
    found = list(parts)
    params: Params = {}
    for _, own in found:
        params |= own
    return " and ".join(f"({sql})" for sql, _ in found) or "true", params
