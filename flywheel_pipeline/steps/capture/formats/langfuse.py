"""Langfuse: exports and API answers (server v2 and v3): traces, observations and scores, together or alone.

A document is `{trace, observations, scores?}`, a trace with `observations` and `scores` within it, or one row of any
of the three; keys in camelCase or, as in blob storage exports, snake_case. `input`, `output` and `metadata` are values
or JSON text, encoded once or twice; at the trace they are often null, and are then taken from the generations.
Scores are read by their source (API, ANNOTATION, EVAL), their name and their data type; see `opinions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError, clean
from flywheel_pipeline.steps.capture.formats.lenient import (
    content,
    documents_in,
    first,
    get_count,
    get_list,
    get_number,
    get_object,
    get_text,
    get_time,
    scalars,
    tags_of,
)
from flywheel_pipeline.steps.capture.formats.opinions import Opinion, feedback_of
from flywheel_pipeline.steps.capture.formats.usage import tokens_in_buckets, tokens_of
from flywheel_pipeline.steps.capture.messages import loads, to_messages
from flywheel_pipeline.steps.capture.spans import Span, Unreadable

NAME = "langfuse"

KINDS: Mapping[str, str] = {
    "GENERATION": "llm", "TOOL": "tool", "RETRIEVER": "retriever", "AGENT": "agent", "CHAIN": "chain",
    "EMBEDDING": "embedding", "EVALUATOR": "evaluator", "GUARDRAIL": "evaluator",
}  # fmt: skip
"""Observation types; the others (SPAN, EVENT) do not say what was done."""
_UNCOUNTED = ("tool", "retriever", "embedding", "evaluator")
"""Kinds of steps whose tokens are not those of the conversation; a sum above the calls counts where they have none."""

_KNOWN = {
    "id", "traceid", "projectid", "type", "name", "starttime", "endtime", "completionstarttime", "timestamp", "input",
    "output", "metadata", "model", "providedmodelname", "modelparameters", "usage", "usagedetails", "costdetails",
    "level", "statusmessage", "parentobservationid", "promptname", "promptversion", "promptid", "sessionid", "userid",
    "tags", "release", "version", "environment", "observations", "scores", "latency", "totalcost",
    "calculatedtotalcost", "createdat", "updatedat", "trace", "isrootobservation", "prompttokens", "completiontokens",
    "totaltokens", "inputusage", "outputusage", "totalusage", "inputcost", "outputcost", "internalmodel",
    "internalmodelid", "timetofirsttoken", "bookmarked", "public", "htmlpath", "providedcostdetails",
    "usagepricingtierid", "usagepricingtiername", "toolcalls", "toolcallnames", "tooldefinitions", "corrections",
    "comments",
}  # fmt: skip


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is a document, a trace, an observation or a score of Langfuse."""
    if isinstance(record.get("trace"), dict) and isinstance(record.get("observations"), list):
        return True
    keys = {_plain(k) for k in record if isinstance(k, str)}
    return _is_observation(keys) or _is_score(keys) or _is_trace(keys)


@lru_cache(4096)
def _plain(key: str) -> str:
    return key.replace("_", "").lower()


def _is_observation(keys: set[str]) -> bool:
    return {"id", "traceid", "type", "starttime"} <= keys and bool(
        keys
        & {"parentobservationid", "level", "statusmessage", "usagedetails", "isrootobservation", "completionstarttime"}
    )


def _is_score(keys: set[str]) -> bool:
    return (
        {"traceid", "name"} <= keys and bool(keys & {"datatype", "stringvalue", "configid"}) and "starttime" not in keys
    )


def _is_trace(keys: set[str]) -> bool:
    """Return whether these are the keys of a trace: ids of user and session alone are those of anybody's table."""
    own = keys & {*_OWN, "sessionid", "userid", "environment"}
    is_one = {"id", "timestamp"} <= keys and len(own) >= 2 and "messages" not in keys and "traceid" not in keys
    if keys.isdisjoint({"input", "output", "observations", "htmlpath"}):
        return is_one and len(keys & _OWN) > 1
    return is_one and not keys.isdisjoint(_OWN)


_OWN = frozenset(("public", "bookmarked", "htmlpath", "observations", "scores", "release", "projectid"))
"""Keys of a trace that few others have."""


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the trace as a span, its observations and its scores."""
    document = _camel(record)
    inner = document.get("trace")
    trace: dict[str, Any] = document
    if isinstance(inner, dict):
        trace = {**_camel(inner), **{k: document[k] for k in ("observations", "scores") if document.get(k)}}
    keys = {_plain(k) for k in document}
    if _is_observation(keys):
        yield _observation(document, of := get_text(document, "traceId"))
        yield from _columns_of(of or "", _score_columns(record), source)
    elif _is_score(keys):
        yield from _score(document, get_text(document, "traceId"), source)
    else:
        columns = _score_columns(record if trace is document else {})
        yield from _trace(trace, columns, source)


def _camel(record: Mapping[str, Any]) -> dict[str, Any]:
    return {_camel_key(k): v for k, v in record.items()}


@lru_cache(4096)
def _camel_key(key: str) -> str:
    return re.sub(r"_([a-z])", lambda m: m.group(1).upper(), str(key))


def _trace(trace: Mapping[str, Any], columns: Sequence[tuple[str, Any]], source: Source) -> Iterator[Item]:
    trace_id = get_text(trace, "id")
    if not trace_id:
        raise UnreadableError("the trace has no id")
    observations = [o for o in get_list(trace, "observations") if isinstance(o, dict)]
    started = get_time(trace, "timestamp", "createdAt")
    if started is None and not observations:
        raise UnreadableError("the trace has no timestamp and no observations")
    yield Span(
        trace_id=clean(trace_id),
        span_id=clean(trace_id),
        name=get_text(trace, "name") or "",
        kind="trace",
        started_at=started,
        input=content(trace.get("input")),
        output=content(trace.get("output")),
        session_id=get_text(trace, "sessionId"),
        cost_usd=None if observations else get_number(trace, "totalCost"),
        tags=_tags(trace, {"userId": "user_id", "release": "release", "version": "version", "tags": "tags"}),
        n_dropped=_dropped(trace),
    )
    for observation in get_list(trace, "observations"):
        yield _safe_observation(observation, trace_id)
    for score in get_list(trace, "scores"):
        yield from _score(_camel(score), trace_id, source) if isinstance(score, dict) else ()
    yield from _columns_of(trace_id, columns, source)


def _columns_of(trace_id: str, columns: Sequence[tuple[str, Any]], source: Source) -> Iterator[Item]:
    for name, value in columns:
        yield from feedback_of(Opinion(trace_id, name, value, alone=False), source)


def _score_columns(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return (name, value) of the scores in a row that was exported from Langfuse's page: a column of lists per name.

    The row does not say who gave them, so that the name decides.
    """
    listed = ((name, loads(row[name])) for name in _unknown(tuple(row)) if not name.startswith("trace"))
    return [
        (n, v) for n, values in listed if isinstance(values, list) for v in values if isinstance(v, str | int | float)
    ]


def _safe_observation(value: Any, trace_id: str) -> Item:
    if not isinstance(value, dict):
        return Unreadable(
            "an observation is given by its id only, or is no object: export it with its content", str(value)
        )
    return _observation(_camel(value), trace_id)


def _observation(value: Mapping[str, Any], trace_id: str | None) -> Item:
    own, of = get_text(value, "id"), get_text(value, "traceId") or trace_id
    if not own or not of:
        return Unreadable("the observation has no id or no traceId")
    type_ = str(value.get("type") or "").upper()
    kind = KINDS.get(type_, "other")
    is_error = value.get("level") == "ERROR"
    metadata = get_object(value, "metadata")
    span = Span(
        trace_id=clean(of),
        span_id=clean(own),
        parent_id=get_text(value, "parentObservationId") or clean(of),
        name=get_text(value, "name") or "",
        kind=kind,
        started_at=get_time(value, "startTime", "createdAt"),
        ended_at=get_time(value, "endTime"),
        error=(get_text(value, "statusMessage") or "ERROR") if is_error else None,
        input=content(value.get("input")),
        output=content(value.get("output")),
        session_id=get_text(value, "sessionId"),
        tags=_tags(value, {"version": "version", "release": "release", "userId": "user_id"}) if kind == "llm" else {},
        n_dropped=_dropped(value) + (0 if kind == "llm" else len(metadata)),
    )
    if kind not in _UNCOUNTED:
        span.input_tokens, span.output_tokens = _tokens(value)
        span.cost_usd = _cost(value)
    if kind == "llm":
        _fill_generation(span, value)
    elif kind == "embedding":
        span.cost_usd = _cost(value)
    elif kind == "retriever":
        span.documents = documents_in(value.get("output"))
    return span


def _fill_generation(span: Span, value: Mapping[str, Any]) -> None:
    """Add what only model calls have: conversation, model and prompt."""
    asked = loads(value.get("input"))
    span.messages = to_messages(asked, "user")
    span.reply = to_messages(loads(value.get("output")), "assistant")
    span.model = get_text(value, "model", "providedModelName", "internalModel")
    span.prompt_name, span.prompt_version = get_text(value, "promptName"), get_text(value, "promptVersion")


def _cost(value: Mapping[str, Any]) -> float | None:
    cost = get_number(get_object(value, "costDetails"), "total")
    return get_number(value, "calculatedTotalCost", "totalCost") if cost is None else cost


def _tokens(value: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return (input, output) tokens: the buckets of `usageDetails`, else the older `usage`, else flat columns."""
    details = tokens_in_buckets(get_object(value, "usageDetails"))
    if details == (None, None):
        details = tokens_of(get_object(value, "usage"))
    if details == (None, None):
        return get_count(value, "promptTokens", "inputUsage"), get_count(value, "completionTokens", "outputUsage")
    return details


def _score(score: Mapping[str, Any], trace_id: str | None, source: Source) -> Iterator[Item]:
    """Yield a score; a category's number is its index, so that its word counts."""
    of = get_text(score, "traceId") or trace_id
    if not of:
        yield Unreadable("the score has no traceId: scores of sessions and datasets are not read")
        return
    type_, value = str(score.get("dataType") or "").upper(), score.get("value")
    label = score.get("stringValue")
    if type_ == "BOOLEAN" and value in (0, 1, "0", "1"):
        value = bool(int(value))
    elif type_ in ("CATEGORICAL", "TEXT"):
        value, label = None, first(score, "stringValue", "value")
    opinion = Opinion(
        of, get_text(score, "name") or "score", value, str(score.get("source") or ""), get_text(score, "comment"),
        get_time(score, "updatedAt", "timestamp", "createdAt"), label, _scale(get_object(score, "config")),
        author=get_text(score, "authorUserName", "authorUserEmail", "authorUserId"),
        step_id=get_text(score, "observationId"),
    )  # fmt: skip
    yield from feedback_of(opinion, source)


def _scale(config: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return (worst, best) as the score's configuration states them."""
    worst, best = config.get("minValue"), config.get("maxValue")
    return (float(worst), float(best)) if isinstance(worst, int | float) and isinstance(best, int | float) else None


def _tags(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    metadata = get_object(value, "metadata")
    own = {k: v for k, v in metadata.items() if k not in ("attributes", "resourceAttributes", "scope")}
    environment = value.get("environment")
    named = {"environment": environment} if environment not in (None, "", "default") else {}
    return {**tags_of(value, names), **named, **scalars(own)}


def _dropped(value: Mapping[str, Any]) -> int:
    unknown = _unknown(tuple(value))
    return sum(value[k] not in (None, "", [], {}, False) for k in unknown) if unknown else 0


@lru_cache(4096)
def _unknown(keys: tuple[str, ...]) -> list[str]:
    """Return the keys that are kept nowhere; exports have a few sets of keys, over and over."""
    return [k for k in keys if _plain(k) not in _KNOWN]
