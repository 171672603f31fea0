"""Thrift's compact protocol, as far as the footer of a Parquet file asks for it: a struct is its fields by number.

Source: Apache Thrift, doc/specs/thrift-compact-protocol.md. What a field means is not known here, so that whatever a
newer writer adds is carried along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
Struct = dict[int, tuple[int, Any]]
"""{field number: (type, value)}; a list is (type of its items, items)."""


class ThriftError(ValueError):
    """The bytes are no struct of the compact protocol."""


def loads(data: bytes) -> Struct:
    """Return the struct that `data` begins with.

    Raises:
        ThriftError: it does not begin with one.
    """
    try:
        return _Reader(data).struct()
    except (IndexError, KeyError, RecursionError):
        raise ThriftError("not a struct of Thrift's compact protocol") from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.readers: dict[int, Callable[[], Any]] = {
            TRUE: lambda: True, FALSE: lambda: False, BYTE: self.byte, I16: self.whole, I32: self.whole,
            I64: self.whole, DOUBLE: lambda: self.take(8), BINARY: lambda: self.take(self.varint()),
            LIST: self.items, SET: self.items, STRUCT: self.struct,
        }  # fmt: skip

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def take(self, n: int) -> bytes:
        self.at += n
        if self.at > len(self.data):
            raise IndexError
        return self.data[self.at - n : self.at]

    def varint(self) -> int:
        byte = self.data[self.at]
        self.at += 1
        value, shift = byte & 0x7F, 7
        while byte >= 0x80:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
        return value

    def whole(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def items(self) -> tuple[int, list[Any]]:
        head = self.byte()
        kind, n = head & 0x0F, head >> 4
        n = self.varint() if n == 15 else n
        if n > len(self.data):
            raise IndexError
        if kind in (TRUE, FALSE):
            return kind, [self.byte() == TRUE for _ in range(n)]
        read = self.readers[kind]
        return kind, [read() for _ in range(n)]

    def struct(self) -> Struct:
        fields: Struct = {}
        number, data, readers = 0, self.data, self.readers
        while head := data[self.at]:
            self.at += 1
            kind, step = head & 0x0F, head >> 4
            number = number + step if step else self.whole()
            fields[number] = kind, readers[kind]()
        self.at += 1
        return fields


def dumps(struct: Struct) -> bytes:
    """Return the struct in the compact protocol."""
    out = bytearray()
    _write_struct(out, struct)
    return bytes(out)


def _write_struct(out: bytearray, struct: Struct) -> None:
    before = 0
    for number in sorted(struct):
        kind, value = struct[number]
        if kind in (TRUE, FALSE):
            kind = TRUE if value else FALSE
        step = number - before
        if 0 < step <= 15:
            out.append(step << 4 | kind)
        else:
            out.append(kind)
            _write_whole(out, number)
        _write(out, kind, value)
        before = number
    out.append(0)


def _write(out: bytearray, kind: int, value: Any) -> None:
    if kind in (I16, I32, I64):
        _write_whole(out, value)
    elif kind == STRUCT:
        _write_struct(out, value)
    elif kind in (LIST, SET):
        _write_items(out, *value)
    elif kind == BINARY:
        _write_varint(out, len(value))
        out += value
    elif kind == DOUBLE:
        out += value
    elif kind == BYTE:
        out.append(value)


def _write_items(out: bytearray, kind: int, items: list[Any]) -> None:
    out.append(min(len(items), 15) << 4 | kind)
    if len(items) >= 15:
        _write_varint(out, len(items))
    for item in items:
        if kind in (TRUE, FALSE):
            out.append(TRUE if item else FALSE)
        else:
            _write(out, kind, item)


def _write_whole(out: bytearray, value: int) -> None:
    _write_varint(out, value << 1 if value >= 0 else (-value << 1) - 1)


def _write_varint(out: bytearray, value: int) -> None:
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
