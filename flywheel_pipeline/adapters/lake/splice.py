"""Parquet files made of row groups of others: their bytes are copied, no value is unpacked and packed again.

Source: the Parquet format, README.md (file layout) and parquet.thrift (`FileMetaData`, `RowGroup`, `ColumnMetaData`).
A row group stands on its own; only the footer tells where it lies, and it is written anew.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import IO

from flywheel_pipeline.adapters.lake import thrift
from flywheel_pipeline.adapters.lake.thrift import I64, LIST, STRUCT, Struct, ThriftError
from flywheel_pipeline.errors import ConflictError, CorruptFileError

_MAGIC = b"PAR1"
_SCHEMA, _N_ROWS, _GROUPS = 2, 3, 4
_NAME = 4
_COLUMNS, _SIZE, _ROWS, _OFFSET, _PACKED_SIZE, _ORDINAL = 1, 2, 3, 5, 6, 7
_META, _INDEXES = 3, (4, 5, 6, 7)
_PATH, _UNPACKED, _PACKED, _DATA_AT, _DICTIONARY_AT, _BLOOM = 3, 6, 7, 9, 11, (14, 15)
"""Numbers of the fields of FileMetaData, SchemaElement, RowGroup, ColumnChunk and ColumnMetaData."""
_STEP = 1 << 18


def _footer(file: IO[bytes]) -> Struct:
    try:
        file.seek(-8, os.SEEK_END)
        size, magic = struct.unpack("<I4s", file.read(8))
        file.seek(-8 - size, os.SEEK_END)
        if magic == _MAGIC:
            return thrift.loads(file.read(size))
    except (OSError, ThriftError):
        pass
    raise CorruptFileError(f"{file.name} is no whole Parquet file. The lake is computed: delete it and run again.")


def stamp_of(path: Path | int) -> str:
    """Return what is another when a file (or the one behind a descriptor) is replaced."""
    told = os.stat(path)  # noqa: PTH116 (a descriptor has no Path)
    return f"{told.st_ino}:{told.st_size}:{told.st_mtime_ns}"


class ParquetFile:
    """The footer of a Parquet file without nested columns; `stamp` tells which version of the file it is of.

    Raises:
        CorruptFileError: it is none, or only a part of one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self.stamp = stamp_of(file.fileno())
            self.footer = _footer(file)

    @property
    def groups(self) -> list[Group]:
        """The row groups, in order."""
        return [Group(self, number) for number in range(len(self.footer[_GROUPS][1][1]))]

    @cached_property
    def columns(self) -> dict[bytes, Struct]:
        """The columns by name, as they are declared."""
        return {element[_NAME][1]: element for element in self.footer[_SCHEMA][1][1][1:]}

    def holds(self, other: ParquetFile) -> bool:
        """Return whether the columns of the other file are here too, declared alike."""
        return all(self.columns.get(name) == element for name, element in other.columns.items())


@dataclass(frozen=True)
class Group:
    """A row group of a Parquet file, by its number in it."""

    file: ParquetFile
    number: int


def splice(target: Path, groups: Sequence[Group], like: ParquetFile) -> int:
    """Write the row groups to a file that else is `like` another one; returns the number of rows.

    The files of the groups hold the columns of `like`, declared alike (see `ParquetFile.holds`); what they hold beyond
    is left out.

    Raises:
        ConflictError: a file is not there any more as it was.
    """
    written: list[Struct] = []
    with target.open("wb") as out:
        out.write(_MAGIC)
        for file, held in groupby(groups, key=attrgetter("file")):
            if not file.holds(like):
                raise ValueError(f"{file.path} declares its columns otherwise than {like.path}")
            with _opened(file) as source:
                for group in held:
                    told = file.footer[_GROUPS][1][1][group.number]
                    written.append(_copy_group(source, out, told, list(like.columns), len(written)))
        n_rows: int = sum(group[_ROWS][1] for group in written)
        footer = thrift.dumps({**like.footer, _N_ROWS: (I64, n_rows), _GROUPS: (LIST, (STRUCT, written))})
        out.write(footer + struct.pack("<I", len(footer)) + _MAGIC)
    return n_rows


@contextmanager
def _opened(file: ParquetFile) -> Iterator[IO[bytes]]:
    """Open the file whose footer was read, and no other one that took its place."""
    try:
        with file.path.open("rb") as source:
            if stamp_of(source.fileno()) == file.stamp:
                yield source
                return
    except FileNotFoundError:
        pass
    raise ConflictError(f"{file.path} was replaced by another run meanwhile: run this one again.")


def _copy_group(source: IO[bytes], out: IO[bytes], group: Struct, names: Sequence[bytes], ordinal: int) -> Struct:
    """Copy the columns of one row group; returns what the new footer says of it."""
    chunks = {chunk[_META][1][_PATH][1][1][0]: chunk for chunk in group[_COLUMNS][1][1]}
    began = out.tell()
    placed = {}
    for start, size, held in _ranges([chunks[name] for name in names]):
        shift = out.tell() - start
        _copy_bytes(source, out, start, size)
        placed.update({name: _moved(chunks[name], shift) for name in held})
    moved = [placed[name] for name in names]
    unpacked, packed = (sum(chunk[_META][1][field][1] for chunk in moved) for field in (_UNPACKED, _PACKED))
    told = {_COLUMNS: (LIST, (STRUCT, moved)), _SIZE: (I64, unpacked), _ROWS: group[_ROWS], _OFFSET: (I64, began)}
    return {**told, _PACKED_SIZE: (I64, packed), _ORDINAL: (thrift.I16, ordinal)} if ordinal < 2**15 else told


def _ranges(chunks: Sequence[Struct]) -> Iterator[tuple[int, int, list[bytes]]]:
    """Yield (first byte, bytes, columns) of the stretches of the file in which the columns lie."""
    first, end, held = 0, -1, list[bytes]()
    for chunk in sorted(chunks, key=_start):
        start, size = _start(chunk), chunk[_META][1][_PACKED][1]
        if start != end:
            if held:
                yield first, end - first, held
            first, held = start, []
        end = start + size
        held.append(chunk[_META][1][_PATH][1][1][0])
    yield first, end - first, held


def _start(chunk: Struct) -> int:
    meta = chunk[_META][1]
    return int(min(meta[field][1] for field in (_DATA_AT, _DICTIONARY_AT) if field in meta))


def _moved(chunk: Struct, shift: int) -> Struct:
    """Return what is said of a column that lies `shift` bytes further; its indexes, which are optional, stay behind."""
    meta = {field: told for field, told in chunk[_META][1].items() if field not in _BLOOM}
    for field in (_DATA_AT, _DICTIONARY_AT):
        if field in meta:
            meta[field] = I64, meta[field][1] + shift
    return {field: told for field, told in chunk.items() if field not in _INDEXES} | {_META: (STRUCT, meta)}


def _copy_bytes(source: IO[bytes], out: IO[bytes], start: int, size: int) -> None:
    source.seek(start)
    while size:
        data = source.read(min(size, _STEP))
        if not data:
            raise ValueError(f"{source.name} breaks off")
        out.write(data)
        size -= len(data)
