"""Tables and JSONL with one row per turn: a conversation's id, who speaks, what is said, when, and perhaps its number.

Rows with one id are one trace, whatever block or file they stand in (`turn_rows`). Needed are a time, and a speaker
whose role is known; the number of the turn is used where every row of a conversation has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError, clean, content_id, utc
from flywheel_pipeline.steps.capture.formats.lenient import get_cost, get_count, get_text, scalars
from flywheel_pipeline.steps.capture.formats.ratings import is_rating, ratings_in
from flywheel_pipeline.steps.capture.formats.table import OBVIOUS, plain_column
from flywheel_pipeline.steps.capture.formats.turn_rows import TURN, order_of
from flywheel_pipeline.steps.capture.messages import loads, message, role_of
from flywheel_pipeline.steps.capture.spans import Span

NAME = "turns"

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "conversation": (
        "conversation_id", "conv_id", "chat_id", "thread_id", "dialogue_id", "dialog_id", "session_id", "ticket_id",
        "conversation", "trace_id",
    ),
    "speaker": (
        "role", "speaker", "sender", "sender_type", "sender_role", "author_type", "author_role", "author", "from",
        "participant", "participant_role", "message_type", "direction",
    ),
    "said": ("content", "text", "message", "body", "utterance", "message_text", "message_content", "value"),
    "at": (
        "timestamp", "created_at", "sent_at", "time", "datetime", "date", "ts", "created", "started_at",
        "created_time",
    ),
    "turn": (
        "turn", "turn_index", "turn_number", "turn_id", "turn_no", "message_index", "message_number", "msg_index",
        "index", "idx", "position", "order", "seq", "sequence", "sequence_number", "step",
    ),
}  # fmt: skip
"""What a row must have, or may have, and the names of columns under which it is found."""
_EXCHANGE = frozenset(
    ("question", "answer", "query", "prompt", "response", "completion", "input", "output", "messages")
)
"""Columns of tables with a whole exchange per row."""
_SIDES: Mapping[str, str] = {
    "inbound": "user", "incoming": "user", "in": "user", "outbound": "assistant", "outgoing": "assistant",
    "out": "assistant", "gpt": "assistant", "chatgpt": "assistant", "virtual_agent": "assistant",
    "operator": "assistant", "support": "assistant", "tool_result": "tool",
}  # fmt: skip


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is one turn: of a conversation, by somebody, with what was said."""
    record = _flat(record)
    columns = _columns(record)
    if not {"conversation", "speaker", "said"} <= columns.keys():
        return False
    held = [record[columns[k]] for k in ("conversation", "speaker", "said")]
    if not (
        isinstance(held[0], str | int)
        and isinstance(held[1], str)
        and (held[2] is None or held[2] == "" or isinstance(held[2], str | list))
    ):
        return False
    return _EXCHANGE.isdisjoint(plain_column(k) for k in record)


def _flat(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row whose message is an object of its own with that object's keys beside the others."""
    inner = loads(record.get("message"))
    if not isinstance(inner, dict) or "role" not in inner:
        return record
    return {**{k: v for k, v in record.items() if k != "message"}, **{k: v for k, v in inner.items() if k != "id"}}


def _columns(record: Mapping[str, Any]) -> dict[str, str]:
    named = {plain_column(k): str(k) for k in record}
    found = {ours: next((named[n] for n in names if n in named), None) for ours, names in _COLUMNS.items()}
    return {ours: theirs for ours, theirs in found.items() if theirs is not None}


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the turn as a step of its conversation, and what the user thought of it."""
    record = _flat(record)
    columns = _columns(record)
    if missing := [k for k in ("conversation", "speaker", "said") if k not in columns]:
        names = "; ".join(f"{k}: {', '.join(_COLUMNS[k][:5])}" for k in missing)
        raise UnreadableError(f"a turn without a column for what it needs ({names})")
    conversation = get_text(record, columns["conversation"])
    if not conversation:
        raise UnreadableError(f"a turn without a conversation: column {columns['conversation']!r} is empty")
    speaker = str(record[columns["speaker"]])
    role = role_of(speaker) or _SIDES.get(plain_column(speaker))
    if role is None:
        raise UnreadableError(
            f"who spoke is unclear: {columns['speaker']} is {speaker[:40]!r}; write user, assistant, system or tool"
        )
    if "at" not in columns or record[columns["at"]] in (None, ""):
        raise UnreadableError("a turn of a conversation without a time: add a column `timestamp`")
    at, number = utc(record[columns["at"]]), _number(record.get(columns.get("turn", "")))
    calls = loads(record.get("tool_calls"))
    said = message({"role": role, "content": record[columns["said"]] or "", **({"tool_calls": calls} if calls else {})})
    known = {*columns.values(), *(k for k in record if plain_column(k) in _MEANT)}
    yield Span(
        trace_id=clean(conversation),
        span_id=content_id([conversation, speaker, record[columns["said"]], number, str(at)]),
        kind=TURN,
        started_at=at,
        messages=said,
        error=get_text(record, "error", "error_message"),
        model=get_text(record, *OBVIOUS["model"]),
        app=get_text(record, *OBVIOUS["app"]),
        session_id=clean(conversation),
        input_tokens=get_count(record, *OBVIOUS["input_tokens"]),
        output_tokens=get_count(record, *OBVIOUS["output_tokens"]),
        cost_usd=get_cost(record, *OBVIOUS["cost_usd"]),
        tags=scalars({str(k): v for k, v in record.items() if k and k not in known and not is_rating(str(k), v)}),
        order=order_of(number, source.file, source.line),
    )
    yield from ratings_in(record, known, clean(conversation), source)


_MEANT = frozenset(
    n for ours in ("model", "app", "input_tokens", "output_tokens", "cost_usd", "error") for n in OBVIOUS[ours]
) | {"tool_calls", "message_id", "msg_id", "id", "uuid"}


def _number(value: Any) -> int | None:
    """Return the number of a turn, also where it is text; None where it is something else."""
    try:
        found = float(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        return None
    return int(found) if found is not None and abs(found) < 2**53 and found.is_integer() else None
