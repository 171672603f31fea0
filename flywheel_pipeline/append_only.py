"""JSONL files that only ever grow, and that several programs append to at the same time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flywheel_pipeline.atomic_write import locked, version_of, write_all
from flywheel_pipeline.errors import ConflictError, CorruptFileError

Row = Mapping[str, Any]

TRIES = 100
"""How often `extend` starts again because another program has appended meanwhile."""


@dataclass(frozen=True)
class Lines:
    """The rows of a file, and the version of the file that holds exactly these."""

    rows: list[dict[str, Any]]
    version: str


class AppendOnlyFile:
    """One JSONL file. Its lines are never rewritten; what was appended is on the disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Lines:
        """Return the rows; none when the file is not there.

        Raises:
            CorruptFileError: a line is not a JSON object.
        """
        data = self._data()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CorruptFileError(f"{self.path} is not UTF-8: {error}. Restore it.") from None
        lines = enumerate(text.split("\n"), 1)
        return Lines([_row(self.path, number, line) for number, line in lines if line.strip()], version_of(data))

    def append(self, rows: Sequence[Row], seen: str) -> str:
        """Append `rows` if the file is still of the version `seen`; return the new version.

        Raises:
            ConflictError: the file has changed since it was read; nothing was appended.
        """
        if not rows:
            return seen
        with locked(self.path.parent) as folder:
            before = self._data()
            if version_of(before) != seen:
                raise ConflictError(
                    f"{self.path.name} has changed since it was read; nothing was appended: read it again"
                )
            break_line = b"\n" if before and not before.endswith(b"\n") else b""
            added = break_line + b"".join(_line(row) for row in rows)
            self._write(added, len(before))
            os.fsync(folder)
        return version_of(before + added)

    def extend(self, make: Callable[[list[dict[str, Any]]], Sequence[Row]]) -> list[dict[str, Any]]:
        """Append what `make` returns for the rows of the file; return all rows.

        `make` is called again with the newer rows where another program has appended meanwhile.

        Raises:
            ConflictError: the file keeps changing faster than `make` returns.
        """
        for attempt in range(TRIES):
            seen = self.read()
            added = list(make(seen.rows))
            try:
                self.append(added, seen.version)
            except ConflictError:
                if attempt == TRIES - 1:
                    raise
                continue
            return [*seen.rows, *(json.loads(_line(row)) for row in added)]
        raise AssertionError("unreachable")

    def _write(self, added: bytes, size: int) -> None:
        """Append to the file of this size; where the disk is full, nothing of it stays."""
        with self.path.open("ab", buffering=0) as file:
            try:
                write_all(file.fileno(), added)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise

    def _data(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""


def _line(row: Row) -> bytes:
    return (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise CorruptFileError(f"{path}, line {number} is not JSON: {error}. Restore it.") from None
    if not isinstance(row, dict):
        raise CorruptFileError(f"{path}, line {number} must be a JSON object. Restore it.")
    return row
