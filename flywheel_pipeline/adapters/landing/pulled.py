"""Landing files of pulled records: one per UTC day, in which every record stands once, in its newest version.

Pages are appended to a journal, which capture does not see, and the state is saved every second: a pull that is killed
goes on from there. From time to time the records of the journal take their places in the files of their
days, which are replaced in one step; a file in which nothing changed is left alone, so that capture does not read it
again. Its lines are in the order of their keys, so that all of a trace stands together.
"""

from __future__ import annotations

import heapq
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from flywheel_pipeline.atomic_write import replace_text, sync_folder
from flywheel_pipeline.errors import CorruptFileError

Key = tuple[str, ...]
STATE, JOURNAL = ".state.json", ".journal"
JOURNAL_BYTES = 64_000_000
"""A larger journal is put into the files before it grows further."""
UNDATED = "undated"


@dataclass
class State:
    """What is kept between pulls.

    A round fetches all lists from `since` until `until` (ISO 8601, "" before the first). `cursors` says where each list
    stands in it: None at its end, no entry before its first page. `days` has the file of each day, `journal` the bytes
    of whole pages in the journal.
    """

    since: str = ""
    until: str = ""
    cursors: dict[str, str | None] = field(default_factory=dict)
    days: dict[str, str] = field(default_factory=dict)
    journal: int = 0


def read_state(folder: Path) -> State:
    """Return the state of the source whose files are in `folder`; that of a first pull where there are none.

    Raises:
        CorruptFileError: the file cannot be read.
    """
    path = folder / STATE
    try:
        return State(**json.loads(path.read_text("utf-8"))) if path.exists() else State()
    except (ValueError, TypeError):
        raise CorruptFileError(f"{path} cannot be read: remove it, and everything is fetched again.") from None


class PulledFiles:
    """The landing files of one source, used by one process at a time; `key_of` identifies a record."""

    def __init__(self, folder: Path, key_of: Callable[[Mapping[str, Any]], Key]) -> None:
        self.folder, self.key_of = folder, key_of
        folder.mkdir(parents=True, exist_ok=True)
        self.state = read_state(folder)
        self._journal = (folder / JOURNAL).open("a+b")
        whole = min(self.state.journal, os.fstat(self._journal.fileno()).st_size)  # shorter: a kill in `put_in_place`
        self._journal.truncate(whole)  # what follows was appended after the state was saved
        self._saved = time.monotonic()

    def save(self, every: float = 0) -> None:
        """Make the state and what was appended durable; not if that was done less than `every` seconds ago."""
        if every and time.monotonic() - self._saved < every:
            return
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self.state.journal = os.fstat(self._journal.fileno()).st_size
        replace_text(self.folder / STATE, json.dumps(self.state.__dict__, indent=1))
        sync_folder(self.folder)
        self._saved = time.monotonic()

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def append(self, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Append (day, record) of one page; they count once the state is saved."""
        for day, record in records:
            self._journal.write(_line([day, self.key_of(record)]) + _line(record))

    @property
    def is_full(self) -> bool:
        """Whether the journal should be put into the files now."""
        return self._journal.tell() >= JOURNAL_BYTES

    def put_in_place(self) -> list[str]:
        """Put the records of the journal into the files of their days; return the names of those that changed."""
        by_day: dict[str, dict[Key, bytes]] = {}
        self.save()
        self._journal.seek(0)
        for place in self._journal:
            day, key = _read(place)
            by_day.setdefault(day, {})[tuple(key)] = next(self._journal)
        changed = [name for day, records in sorted(by_day.items()) if (name := self._put(day, records))]
        self._journal.seek(0)
        self._journal.truncate()
        self.save()
        return changed

    def _put(self, day: str, records: dict[Key, bytes]) -> str | None:
        path = self.folder / self._name(day)
        temporary = path.with_name(f".{path.name}")
        n_same = 0
        with temporary.open("wb") as file:
            for key, line, is_new in _merged(self._lines(path), records):
                n_same += not is_new and records.get(key) == line
                if is_new or key not in records:
                    file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if n_same == len(records):
            temporary.unlink()
            return None
        temporary.replace(path)
        sync_folder(self.folder)
        return path.name

    def _name(self, day: str) -> str:
        """Return the name of a day's file: another one where the file was read and removed (`retention_days`), since
        a file of the same name would replace all that was read from it."""
        name = self.state.days.get(day)
        if name is None or not (self.folder / name).exists():
            stem, _, n = (name or "").removesuffix(".jsonl").partition("_")
            name = f"{day}.jsonl" if not stem else f"{day}_{int(n or 1) + 1}.jsonl"
            self.state.days[day] = name
            self.save()
        return name

    def _lines(self, path: Path) -> Iterator[tuple[Key, bytes]]:
        if not path.exists():
            return
        with path.open("rb") as file:
            for line in file:
                whole = line if line.endswith(b"\n") else line + b"\n"
                yield self.key_of(_read(line)), whole


def _line(value: Any) -> bytes:
    """Return a value as a line of JSON: also half a character (a lone surrogate) and an integer of any size."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _read(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        return json.loads(line)


def _merged(old: Iterator[tuple[Key, bytes]], new: Mapping[Key, bytes]) -> Iterator[tuple[Key, bytes, bool]]:
    """Yield the lines of both in the order of their keys: (key, line, whether it is new)."""
    kept = ((key, line, False) for key, line in old)
    fresh = ((key, line, True) for key, line in sorted(new.items()))
    yield from heapq.merge(kept, fresh, key=lambda item: item[0])
