"""How many objects a request makes when it is decoded, counted without making them.

A body of 15 MB can hold 7 million empty protobuf messages, and a gzip of 37 KB half a million JSON objects. Decoded, an
object takes a hundred times its bytes, so objects are counted first, in the bytes.
"""

from __future__ import annotations

import re
from collections.abc import MutableSequence
from itertools import islice
from typing import Any

from google.protobuf.message_factory import GetMessageClass  # type: ignore[import-untyped]

_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|([{\[,])', re.DOTALL)
_OPENS_OR_SEPARATES = (b"{", b"[", b",")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTH = {_FIXED64: 8, _FIXED32: 4}


class TooManyError(ValueError):
    """The request holds more objects than the limit; the message says so."""


def check_json(body: bytes, most: int) -> None:
    """Raise `TooManyError` if a JSON text holds more than `most` objects, lists and further members of them."""
    if sum(map(body.count, _OPENS_OR_SEPARATES)) <= most:  # an upper bound: texts may hold these characters as well
        return
    found = (match for match in _TOKENS.finditer(body) if match[1])
    if next(islice(found, most, None), None) is not None:
        raise _too_many(most)


def check_protobuf(body: bytes, kind: Any, most: int) -> None:
    """Raise `TooManyError` if `body`, a message of the descriptor `kind`, holds more than `most` messages and items.

    What is no protobuf is left to the parser to report.
    """
    if len(body) <= 2 * most:  # a message takes at least two bytes
        return
    n = 0
    waiting = [(0, len(body), kind)]
    while waiting:
        at, end, kind = waiting.pop()
        inner = _repeated_or_messages(kind)
        while at < end:
            try:
                number, wire, start, stop = _field(body, at)
            except (IndexError, KeyError):
                return
            at = stop
            if number in inner:
                n += 1
                if n > most:
                    raise _too_many(most)
                if wire == _BYTES and inner[number] is not None:
                    waiting.append((start, min(stop, end), inner[number]))


def _too_many(most: int) -> TooManyError:
    return TooManyError(
        f"the request holds more than {most:,} objects: send smaller batches, or raise serve.max_body_mb"
    )


_KNOWN: dict[Any, dict[int, Any]] = {}


def _repeated_or_messages(kind: Any) -> dict[int, Any]:
    """Return the fields of a message that become objects: {number: descriptor, None for a list of plain values}."""
    if kind not in _KNOWN:
        empty = GetMessageClass(kind)()
        _KNOWN[kind] = {
            f.number: f.message_type
            for f in kind.fields
            if f.message_type is not None or isinstance(getattr(empty, f.name), MutableSequence)
        }
    return _KNOWN[kind]


def _field(body: bytes, at: int) -> tuple[int, int, int, int]:
    """Return the number and the wire type of the field at `at`, and where its value begins and ends.

    Raises:
        IndexError: the body ends within it.
        KeyError: it is of no wire type that OTLP has.
    """
    tag, at = _read_varint(body, at)
    wire = tag & 7
    if wire == _VARINT:
        return tag >> 3, wire, at, _read_varint(body, at)[1]
    if wire == _BYTES:
        length, at = _read_varint(body, at)
        return tag >> 3, wire, at, at + length
    return tag >> 3, wire, at, at + _WIDTH[wire]


def _read_varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
