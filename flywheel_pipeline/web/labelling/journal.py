"""What annotators do, on the disk before it is acknowledged: one file of events each, hidden until it is handed in."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flywheel_pipeline.atomic_write import replace_text
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.web.landing import sync_folder, write_all

FOLDER = ".drafts"
"""Below `labels/`; the sensor does not look into hidden folders."""


class Journal:
    """The events of one annotator."""

    def __init__(self, labels: Path, annotator: str) -> None:
        self.labels, self.annotator = labels, annotator
        safe = re.sub(r"[^A-Za-z0-9_-]", "_", annotator)[:60]
        digest = hashlib.sha256(annotator.encode()).hexdigest()[:8]
        self.name = safe if safe == annotator else f"{safe}-{digest}"
        self.path = labels / FOLDER / f"{self.name}.jsonl"

    def events(self) -> list[dict[str, Any]]:
        """Return all events; a line that a crash cut off was never acknowledged and is left out.

        Raises:
            CorruptFileError: a whole line is no event.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b"\n")[:-1]
        return [self._event(number, line) for number, line in enumerate(lines, 1)]

    def _event(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            event = json.loads(line)
        except ValueError as error:
            raise CorruptFileError(f"{self.path}, line {number} is not JSON: {error}. Restore the file.") from None
        if not isinstance(event, dict) or "event" not in event:
            raise CorruptFileError(f"{self.path}, line {number} is no event. Restore the file.")
        return event

    def append(self, event: Mapping[str, Any]) -> None:
        """Add an event; it is on the disk when this returns.

        Raises:
            OSError: it can not be written.
        """
        with self._locked() as fd:
            size = os.fstat(fd).st_size
            torn = size and os.pread(fd, 1, size - 1) != b"\n"
            line = json.dumps(event).encode() + b"\n"
            if torn:  # what was never acknowledged goes, so that the next event begins a line
                os.ftruncate(fd, self._end_of_lines())
            write_all(fd, line)
            os.fsync(fd)

    def hand_in(self, name: str, rows: Sequence[Mapping[str, Any]], event: Mapping[str, Any]) -> None:
        """Write a label file for the sensor, then note that it was handed in."""
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        replace_text(self.labels / name, text.encode("utf-8", "replace").decode())
        self.append(event)

    def _end_of_lines(self) -> int:
        return self.path.read_bytes().rfind(b"\n") + 1

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if is_new:
                sync_folder(self.path.parent)
                sync_folder(self.labels)
            yield fd
        finally:
            os.close(fd)
