"""Landing files -> blocks: decompressed, cut at row boundaries, bounded in memory whatever the file holds.

A file is recognised by its first bytes, never by its name: gzip and zstd (also the frames of the OpenTelemetry
Collector) are decompressed, UTF-16 and UTF-32 are read where a byte order mark names them, DuckDB reads Parquet, text
that is neither JSON nor binary is CSV. JSONL is cut into blocks of lines; any other JSON is one block. A file of
another kind is refused with the name of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flywheel_pipeline.adapters.landing.kinds import unknown_binary, unread_kind
from flywheel_pipeline.adapters.landing.lines import line_blocks
from flywheel_pipeline.adapters.landing.tables import csv_blocks, parquet_blocks
from flywheel_pipeline.adapters.landing.unpack import Stream, UnpackError, Watch, open_stream
from flywheel_pipeline.ports import Block

__all__ = ["BlockLimits", "read_blocks"]

HEAD = 1 << 16
LOOK = 20
"""Lines that are examined to distinguish JSONL from a document."""
KEPT = 1000
_FIELD_1 = b"\x0a"
"""How protobuf begins field 1 of a message that is itself a message or text."""
BOM = b"\xef\xbb\xbf"
_TEXT = set(range(0x20, 0x100)) | set(b"\t\n\r\f\b\x1b")


@dataclass(frozen=True)
class BlockLimits:
    """Bytes: the longest line, the largest file that must be read as one, the size of a block of lines."""

    line: int
    document: int
    block: int = 32_000_000


def read_blocks(
    path: Path, limits: BlockLimits, watch: Watch = lambda _: None, encoding: str | None = None
) -> Iterator[Block]:
    """Yield the blocks of a landing file in order; what cannot be read is a block with a problem.

    `encoding` is that of its text, where that is neither UTF-8 nor named by a byte order mark.
    `watch` is given every byte of the file in order, each before the block that holds it comes.
    """
    try:
        with open_stream(path, watch, encoding) as stream:
            yield from _blocks(path, stream, limits)
            stream.finish()
            yield from (Block("lines", n, problem=f"{why}: the others were read") for n, why in stream.lost)
    except UnpackError as error:
        yield Block("document", 0, b"", problem=str(error))
    except OSError as error:
        yield Block("document", 0, b"", problem=f"cannot be read: {error.strerror or error}")


def _blocks(path: Path, stream: Stream, limits: BlockLimits) -> Iterator[Block]:
    head = stream.peek(HEAD)
    start = head.removeprefix(BOM).lstrip()
    if not head.replace(BOM, b"").strip() and len(head) < HEAD:
        yield Block("document", 0, b"", problem="the file is empty: export it again")
    elif problem := unread_kind(head):
        stream.finish()
        yield Block("document", 0, head[:KEPT], problem=problem)
    elif head.startswith(b"PAR1"):
        stream.finish()  # DuckDB reads the file itself
        yield from parquet_blocks(path, stream, limits.document)
    elif start[:1] in (b"{", b"[") or _holds_objects(start):
        yield from _json_blocks(stream, head, limits)
    elif not _is_binary(head) and (start[:1] == b'"' or _has_header(start)):
        yield from csv_blocks(stream, limits.line)
    elif _is_binary(head):
        yield from _binary(stream, head, limits)
    else:
        yield from line_blocks(stream, limits.line, limits.block)


def _json_blocks(stream: Stream, head: bytes, limits: BlockLimits) -> Iterator[Block]:
    """Lines where one of the first lines is a whole object, or is too long to see; else the file is one document."""
    if b"\n" not in head.strip() and len(head) >= HEAD:
        head = stream.peek(limits.line + 2)
    lines = head.removeprefix(BOM).strip().split(b"\n")
    several = len(lines) > 1 and (head.removeprefix(BOM).lstrip()[:1] != b"[" or _closed(lines[0]))
    if several and any(_closed(line) for line in lines[:LOOK]):
        yield from line_blocks(stream, limits.line, limits.block)
    else:
        yield from _whole(stream, limits, "document")


def _holds_objects(start: bytes) -> bool:
    """Return whether JSON objects follow, one per line, after a first line that is none: torn, or part of a log."""
    return any(line[:2] in (b'{"', b"{}") and _closed(line) for line in start.split(b"\n")[1:LOOK])


def _closed(line: bytes) -> bool:
    """Return whether a line looks like a complete JSON value: it ends with the bracket that its first one asks for."""
    end = {b"{": b"}", b"[": b"]"}.get(line[:1])
    return end is not None and len(line.strip()) > 1 and line.rstrip().endswith(end)


def _whole(stream: Stream, limits: BlockLimits, kind: str) -> Iterator[Block]:
    data = stream.read(limits.document + 1)
    if len(data) > limits.document:
        reason = f"a {kind} larger than {limits.document} bytes: export it as JSONL, or raise capture.max_document_mb"
        yield Block(kind, 1, data[:KEPT], problem=reason)
    else:
        yield Block(kind, 1, data)


def _binary(stream: Stream, head: bytes, limits: BlockLimits) -> Iterator[Block]:
    """Yield protobuf where the data may be OTLP: a message begins with its field 1, several each with its length."""
    lengths = (head[4:5], head[1:2], head[2:3], head[3:4])
    if head[:1] == _FIELD_1 or (_FIELD_1 in lengths and not _is_text(head[:4])):
        yield from _whole(stream, limits, "protobuf")
    else:
        stream.finish()
        yield Block("document", 0, head[:KEPT], problem=unknown_binary(head))


def _is_text(data: bytes) -> bool:
    return all(b in _TEXT for b in data)


def _is_binary(head: bytes) -> bool:
    """Return whether the first bytes are no text; a few stray bytes in a text make no binary file."""
    sample = head[:4096]
    return sum(b not in _TEXT for b in sample) > 1 + len(sample) // 200 or head[:1] in (b"\n", b"\x00")


def _has_header(start: bytes) -> bool:
    first = start.partition(b"\n")[0]
    return any(d in first for d in (b",", b";", b"\t"))
