"""Chat JSONL a column at a time: what the strict reader makes of plain conversations, in half the time.

What is not plain (a repeated key, a number beyond 64 bits, a value of an unusual type, another format) is left to the
strict reader, which takes it or says what is wrong with it. A line that is read here becomes the row that
`formats.chat` makes of it; what is particular to the format is done by its own functions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import compress
from operator import attrgetter, le, lt
from types import NoneType
from typing import Any

import orjson

from flywheel_pipeline.records import CapturedTrace, columns
from flywheel_pipeline.steps.capture.byte_scan import bytes_of, count, holds_long_number, may_escape
from flywheel_pipeline.steps.capture.formats import chat
from flywheel_pipeline.steps.capture.formats.common import CANONICAL, UnreadableError, last_exchange, utc
from flywheel_pipeline.steps.capture.parse import ESCAPED_QUOTE, holds_huge_number, is_all_there, split_lines

Columns = dict[str, list[Any]]
"""The rows of a table by column, all of the same length."""
Line = tuple[int, bytes]
_Record = tuple[Line, dict[str, Any]]
_Row = tuple[Line, dict[str, Any], tuple[Any, ...]]

_CHUNK = 400_000
"""About the bytes whose records are held at once: few enough for the processor's cache, or each look at them waits for
memory. Where none of the first ones is plain, the others are not tried."""
_Types = frozenset[type]
_TEXT: _Types = frozenset((str, NoneType))
_NUMBER: _Types = frozenset((int, float, NoneType))
_WHOLE: _Types = frozenset((int, NoneType))
_TEXTS = ("session_id", "prompt_name", "prompt_version", "model", "error")
_NUMBERS = ("latency_ms", "cost_usd")
_WHOLES = ("input_tokens", "output_tokens")
_TYPES: Mapping[str, _Types] = {
    **dict.fromkeys(("trace_id", "id", "app", *_TEXTS), _TEXT),
    **dict.fromkeys(_NUMBERS, _NUMBER),
    **dict.fromkeys(_WHOLES, _WHOLE),
}
"""The types that a plain row may hold under each key."""
_EXACT = 2**53
"""Whole numbers below it are exact as a float, which the strict reader makes of them."""
_FAULTS = (UnreadableError, TypeError, ValueError, KeyError, AttributeError, RecursionError)


def read_plain(
    data: bytes, first_line: int, place: tuple[str, str], fits: tuple[datetime, datetime]
) -> tuple[Columns, list[Line]]:
    """Return the plain lines of `data` as columns of `CapturedTrace`, in their order, and the others.

    `place` is (file, app where a line names none); `fits` is the first and the last time at which a trace may
    have begun.
    """
    table: Columns = {name: [] for name in NAMES}
    rest: list[Line] = []
    number = first_line
    for chunk in _chunks(data):
        rows, others = _plain_rows(chunk, number, fits)
        if not rows and number == first_line:
            return table, split_lines(first_line, data)
        rest += others
        for name, values in _columns(rows, place).items():
            table[name].extend(values)
        number += count(bytes_of(chunk), b"\n")
    return table, rest


def _chunks(data: bytes) -> Iterator[bytes]:
    """Yield the data in pieces of whole lines."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + _CHUNK) + 1 or len(data)
        yield data[start:end]
        start = end


def _plain_rows(chunk: bytes, first_line: int, fits: tuple[datetime, datetime]) -> tuple[list[_Row], list[Line]]:
    """Return the plain lines, each with its record and what it says, and the others."""
    found, rest = _records(split_lines(first_line, chunk))
    escapes = may_escape(bytes_of(chunk))
    odd = _odd(found, escapes or holds_long_number(bytes_of(chunk)))
    rows: list[_Row] = []
    for at, (line, record) in enumerate(found):
        said = None if at in odd else _said(record, fits)
        if said is None:
            rest.append(line)
        else:
            rows.append((line, record, said))
    raw = chunk if not rest else b"\n".join([raw for (_, raw), _, _ in rows])
    if not _all_there(rows, raw, raw.count(ESCAPED_QUOTE) if escapes else 0):
        whole = [is_all_there(orjson.loads(line), line) for (_, line), _, _ in rows]
        rest += [line for (line, _, _), is_whole in zip(rows, whole, strict=True) if not is_whole]
        rows = list(compress(rows, whole))
    return rows, sorted(rest)


def _records(lines: Sequence[Line]) -> tuple[list[_Record], list[Line]]:
    """Return the lines that hold a conversation, each with it, and the others."""
    rows: list[_Record] = []
    rest: list[Line] = []
    for line in lines:
        try:
            record = orjson.loads(line[1])
        except ValueError:
            rest.append(line)
            continue
        if type(record) is dict and chat.recognises(record):
            rows.append((line, record))
        else:
            rest.append(line)
    return rows, rest


def _odd(rows: Sequence[_Record], look: bool) -> set[int]:
    """Return the places of the rows that are not plain as their keys tell and, with `look`, their bytes."""
    records = [record for _, record in rows]
    odd: set[int] = set()
    for key, types in _TYPES.items():
        values = [r.get(key) for r in records]
        if not types.issuperset(map(type, values)):
            odd |= {i for i, v in enumerate(values) if type(v) not in types}
        elif types is not _TEXT:
            most = _EXACT - 1 if types is _WHOLE else sys.float_info.max
            odd |= {i for i, v in enumerate(values) if v is not None and not 0 <= v <= most}
    if look:
        odd |= {i for i, ((_, raw), _) in enumerate(rows) if b"\\u0000" in raw or holds_huge_number(raw)}
    return odd


def _all_there(rows: Sequence[_Row], raw: bytes, n_escaped: int) -> bool:
    """Return whether no key was repeated in `raw`, from which the rows were read: the question of `is_all_there`, asked
    of all at once. Their messages are written already, and are not in the records any more."""
    try:
        others = orjson.dumps([record for _, record, _ in rows])
    except TypeError:  # nested deeper than this writer goes
        return False
    messages = b"".join([said[_MESSAGES] for _, _, said in rows])
    written = sum(count(bytes_of(told), b'"') for told in (others, messages)) + len(rows) * len('""')
    return written == count(bytes_of(raw), b'"') + n_escaped


@lru_cache(maxsize=256)
def _tags(keys: tuple[str, ...]) -> list[str]:
    """Return which of a record's keys are tags."""
    return [key for key in keys if key not in chat.KNOWN]


def _said(record: dict[str, Any], fits: tuple[datetime, datetime]) -> tuple[Any, ...] | None:
    """Return what takes more than a look at a key, in the order of `_SAID`; None where it is not plain.

    The messages, as bytes, are taken out of the record.
    """
    trace_id = record.get("trace_id") or record.get("id")
    if not trace_id:
        return None
    try:
        started = utc(chat.time_of(record))
        if not fits[0] <= started <= fits[1]:
            return None
        messages, n_turns, n_tool_calls = chat.conversation(record.pop("messages"))
        asked, answered = last_exchange(messages)
        retrieved = record.get("retrieved")
        documents = "[]" if retrieved is None else _json(chat.documents(retrieved))
        tags = _json({key: record[key] for key in _tags(tuple(record))})
        opinion = chat.opinion(record.get("feedback"))
        told = orjson.dumps(messages, option=CANONICAL)
        return (trace_id, started, asked, answered, told, documents, n_turns, n_tool_calls, *opinion, tags)
    except _FAULTS:
        return None


def _json(value: Any) -> str:
    """Return what `as_json` does of a value that holds no NUL, as no plain row does."""
    return orjson.dumps(value, option=CANONICAL).decode()


_SAID = (
    "trace_id", "started_at", "input", "output", "messages", "retrieved", "n_turns", "n_tool_calls",
    "feedback_score", "feedback_comment", "tags",
)  # fmt: skip
_MESSAGES = _SAID.index("messages")


def _columns(rows: Sequence[_Row], place: tuple[str, str]) -> Mapping[str, Sequence[Any]]:
    """Return the columns by name."""
    file, app = place
    records, n = [record for _, record, _ in rows], len(rows)
    said = zip(*(said for _, _, said in rows), strict=True) if rows else [()] * len(_SAID)
    made: dict[str, Sequence[Any]] = dict(zip(_SAID, said, strict=True))
    made["messages"] = [told.decode() for told in made["messages"]]
    made |= {key: [r.get(key) or None for r in records] for key in _TEXTS}
    made |= {key: [r.get(key) for r in records] for key in _WHOLES}
    made |= {key: [None if (v := r.get(key)) is None else float(v) for r in records] for key in _NUMBERS}
    made |= {"app": [r.get("app") or app for r in records], "source_line": [line for (line, _), _, _ in rows]}
    made |= {"source_format": [chat.NAME] * n, "source_file": [file] * n, "n_rows": [1] * n, "spans": [None] * n}
    return made


NAMES = tuple(spec.name for spec in columns(CapturedTrace))
_ORDER = ("started_at", "trace_id", "source_line")


def with_traces(table: Columns, traces: Sequence[CapturedTrace]) -> Columns:
    """Return the columns with the traces behind their rows."""
    values = zip(*map(attrgetter(*NAMES), traces), strict=True) if traces else [()] * len(NAMES)
    for name, column in zip(NAMES, values, strict=True):
        table.setdefault(name, []).extend(column)
    return table


def in_order(table: Columns) -> Columns:
    """Return the rows in the order of time, then of trace id and line."""
    started = table[_ORDER[0]]
    if all(map(lt, started, started[1:])):
        return table
    keys = list(zip(*(table[name] for name in _ORDER), strict=True))
    if all(map(le, keys, keys[1:])):
        return table
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return {name: [column[at] for at in order] for name, column in table.items()}
