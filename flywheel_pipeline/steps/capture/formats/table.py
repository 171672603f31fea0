"""Any table of traces: JSONL, CSV or Parquet rows whose columns are named in `flywheel.yaml`, or have obvious names.

The field map says under which of their columns ours are found, with dots into nested objects: `{input: question,
output: payload.reply, started_at: ts}`. Ours are `trace_id, session_id, started_at, latency_ms, app, prompt_name,
prompt_version, model, input, output, messages, retrieved, feedback_score, feedback_comment, error, input_tokens,
output_tokens, cost_usd`. Needed are a time, and `input` or `messages`; what is not mapped is kept in `tags`. Numbers
may be text (`$0.0012`, `1,234`, `350 ms`); a cell that holds no such number is reported, and its trace kept without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flywheel_pipeline.records import Feedback
from flywheel_pipeline.steps.capture.formats.amounts import UnknownUnitError, cost_in, count_in, milliseconds_in
from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError, utc
from flywheel_pipeline.steps.capture.formats.lenient import (
    content,
    documents_in,
    get_text,
    scalars,
)
from flywheel_pipeline.steps.capture.formats.opinions import Opinion, clicked, feedback_of, is_verdict
from flywheel_pipeline.steps.capture.formats.ratings import is_rating
from flywheel_pipeline.steps.capture.formats.row import make_trace, with_system
from flywheel_pipeline.steps.capture.messages import loads, of_python, to_messages
from flywheel_pipeline.steps.capture.spans import Unreadable

NAME = "table"

OBVIOUS: Mapping[str, tuple[str, ...]] = {
    "trace_id": ("trace_id", "id", "request_id", "uuid"),
    "session_id": ("session_id", "conversation_id", "thread_id", "chat_id"),
    "started_at": ("started_at", "start_time", "timestamp", "created_at", "time", "datetime", "date", "ts", "created"),
    "latency_ms": (
        "latency_ms", "duration_ms", "response_time_ms", "latency_s", "latency_seconds", "duration_s",
        "duration_seconds", "latency", "duration", "response_time",
    ),
    "app": ("app", "application", "service"),
    "prompt_name": ("prompt_name",),
    "prompt_version": ("prompt_version",),
    "model": ("model", "model_name"),
    "messages": ("messages", "conversation", "chat_history", "history", "transcript"),
    "input": ("input", "question", "query", "prompt", "user_input", "user_query", "user_message", "request"),
    "output": ("output", "answer", "response", "completion", "reply", "assistant_message", "bot_response"),
    "retrieved": ("retrieved", "documents", "docs", "contexts", "context", "retrieved_contexts", "sources"),
    "feedback_score": (
        "feedback_score", "user_feedback", "feedback", "thumbs", "thumb", "thumbs_up", "thumbs_down", "rating",
        "user_rating", "star_rating", "stars", "csat", "nps", "like", "liked", "dislike", "disliked", "score",
    ),
    "feedback_comment": ("feedback_comment", "comment", "user_comment"),
    "error": ("error", "error_message"),
    "input_tokens": ("input_tokens", "prompt_tokens", "tokens_in"),
    "output_tokens": ("output_tokens", "completion_tokens", "tokens_out"),
    "cost_usd": ("cost_usd", "cost", "total_cost"),
}  # fmt: skip
"""Our fields and the columns, whatever their case, in which they are found without a field map."""


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the columns have names that leave no doubt: a question, an answer and a time."""
    columns = obvious_fields(record)
    if "started_at" not in columns or isinstance(record[columns["started_at"]], dict | list):
        return False
    return "messages" in columns or {"input", "output"} <= columns.keys()


def obvious_fields(record: Mapping[str, Any]) -> dict[str, str]:
    """Return {our field: their column} as far as the names of the columns show."""
    named = {plain_column(k): str(k) for k in record}
    found = {ours: next((named[n] for n in names if n in named), None) for ours, names in OBVIOUS.items()}
    return {ours: theirs for ours, theirs in found.items() if theirs is not None}


def plain_column(column: Any) -> str:
    """Return the name of a column in lower case, its words joined by `_`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(column).strip())
    return re.sub(r"[\s_-]+", "_", parted).lower()


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the row as a trace."""
    fields = {**({} if source.fields else obvious_fields(record)), **source.fields}
    unknown = sorted(set(fields) - OBVIOUS.keys())
    if unknown:
        raise UnreadableError(
            f"capture.sources maps {', '.join(unknown)}, which no trace has; known: {', '.join(OBVIOUS)}"
        )
    values = {ours: _at(record, theirs) for ours, theirs in fields.items()}
    _require(values, fields, "started_at")
    if not values.get("messages"):
        _require(values, fields, "input")
    mapped = {theirs.split(".")[0] for theirs in fields.values()}
    rest = scalars({str(k): v for k, v in record.items() if k and k not in mapped}, limit=50)
    numbers, cells, problems = _amounts(values, fields)
    trace = make_trace(
        NAME,
        source,
        with_system(_conversation(values), None if source.fields else _system(record)),
        {
            **{
                k: get_text(values, k)
                for k in ("trace_id", "session_id", "app", "prompt_name", "prompt_version", "model")
            },
            "started_at": utc(values["started_at"]),
            "retrieved": documents_in(values.get("retrieved")),
            "error": get_text(values, "error"),
            **numbers,
            "tags": {**rest, **scalars(cells)},
        },
    )
    yield trace
    yield from _opinions(record, fields, get_text(values, "feedback_comment"), trace.trace_id, source)
    yield from (Unreadable(reason, str(record)[:200]) for reason in problems)


def _opinions(
    record: Mapping[str, Any], fields: Mapping[str, str], comment: str | None, trace_id: str, source: Source
) -> Iterator[Feedback]:
    """Yield what the user thought: the mapped column or, without a map, all whose names are those of opinions."""
    columns = [fields["feedback_score"]] if "feedback_score" in fields else []
    if not source.fields:
        columns = [c for c in record if plain_column(c) in OBVIOUS["feedback_score"] or _is_rating(str(c), record[c])]
    scores = {c.rpartition(".")[2]: _at(record, c) for c in columns}
    for name, value in scores.items():
        if isinstance(value, str) and value.strip() and not comment and not is_verdict(value):
            comment, scores = value, {k: v for k, v in scores.items() if k != name}  # what users write
    for name, value in (clicked(scores) or {"feedback": None}).items():
        yield from feedback_of(Opinion(trace_id, name, value, "user", comment, alone=False), source)


def _is_rating(column: str, value: Any) -> bool:
    """Return whether a column of a name of its own holds what a user thought."""
    return plain_column(column) not in _TAKEN and is_rating(column, value)


_TAKEN = frozenset(n for names in OBVIOUS.values() for n in names)


def _amounts(values: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Return (numbers by field, cells by column that hold none, why they do not).

    A duration is in the unit that the cell or the column's name states; a number without one is kept as a tag.
    """
    found: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    problems: list[str] = []
    for ours, read_ in _NUMBERS.items():
        column, value = fields.get(ours, ours), values.get(ours)
        try:
            found[ours] = read_(value) if ours != "latency_ms" else milliseconds_in(value, _unit(column))
        except UnknownUnitError:
            kept[column] = value
        except UnreadableError as error:
            kept[column] = value
            problems.append(f"column {column!r}: {error}; the trace is kept without it, the text is among its tags")
    return found, kept, problems


_NUMBERS: Mapping[str, Callable[[Any], float | None]] = {
    "latency_ms": milliseconds_in, "input_tokens": count_in, "output_tokens": count_in, "cost_usd": cost_in,
}  # fmt: skip
_NO_UNIT = ("latency", "duration", "response_time")


def _unit(column: str) -> float | None:
    """Return the milliseconds that a number in a column of durations means; None where its name says nothing."""
    name = column.lower().replace(" ", "_")
    return None if name in _NO_UNIT else 1000 if name.endswith(("_s", "_sec", "_seconds")) else 1


def _require(values: Mapping[str, Any], fields: Mapping[str, str], name: str) -> None:
    if values.get(name) in (None, ""):
        where = f"column {fields[name]!r} is missing or empty" if name in fields else "no column is mapped to it"
        raise UnreadableError(f"no {name}: {where}; name the column in capture.sources of flywheel.yaml")


def _at(record: Mapping[str, Any], path: str) -> Any:
    """Return the value at a column, or at a dotted path into it."""
    if path in record:
        return record[path]
    value: Any = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


_SYSTEM = ("system", "system_prompt", "system_message", "system_instruction", "instructions")


def _system(record: Mapping[str, Any]) -> str | None:
    """Return the system prompt that has a column of its own."""
    named = {plain_column(k): v for k, v in record.items()}
    return next((v for n in _SYSTEM if isinstance(v := named.get(n), str) and v.strip()), None)


_PRINTED = re.compile(r"\[\s*\{\s*['\"](?:role|content|from|type)['\"]\s*:")


def _printed(value: Any) -> Any:
    """Return a conversation that a spreadsheet or pandas keeps as Python prints it; all else as it is.

    Raises:
        UnreadableError: it is how numpy prints it, which does not separate the messages.
    """
    if not isinstance(value, str) or not _PRINTED.match(value.strip()) or isinstance(loads(value), list):
        return value
    found = of_python(value)
    if isinstance(found, str):
        raise UnreadableError("the conversation is printed by Python or numpy, and cut or torn: export it as JSON")
    return found


def _conversation(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages, and question and answer behind them where they are not among them: a history ends before."""
    messages = to_messages(_printed(values.get("messages")))
    asked, answered = content(values.get("input")), content(values.get("output"))
    question = to_messages(asked) if asked else []
    if question and not any(m["role"] == "user" for m in question):
        question = [{"role": "user", "content": asked}]
    answer = to_messages(answered, "assistant")
    if not any(m["role"] == "user" for m in messages):
        return [*messages, *question, *answer]
    known = {str(m.get("content")).strip() for m in messages}
    is_new = bool(question) and str(question[-1].get("content")).strip() not in known
    answer = [m for m in answer if is_new or str(m.get("content")).strip() not in known]
    return [*messages, *(question if is_new else []), *answer]
