"""What annotators do, on the disk before it is acknowledged: one append-only file of events per annotator."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flywheel_pipeline.atomic_write import sync_folder, write_all
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.steps.annotate import Event, Session

FOLDER = ".drafts"
"""Below `labels/`; the sensor does not look into hidden folders."""


def file_name_of(annotator: str) -> str:
    """Return a file name, without an ending, that no other annotator has."""
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", annotator)[:60]
    digest = hashlib.sha256(annotator.encode()).hexdigest()[:8]
    return safe if safe == annotator else f"{safe}-{digest}"


class Journal:
    """The events of one annotator and the session that they lead to.

    Only what was appended since the last look is read, also where another process appended it, so that an event costs
    the same however many there were before.
    """

    def __init__(self, labels: Path, annotator: str) -> None:
        self.labels, self.annotator = labels, annotator
        self.name = file_name_of(annotator)
        self.path = labels / FOLDER / f"{self.name}.jsonl"
        self._alone = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._session, self._inode, self._end, self._n_lines = Session(), 0, 0, 0

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield the session as the file has it; no other thread changes it until the end of the block.

        Raises:
            CorruptFileError: a whole line is not an event.
        """
        with self._alone:
            if self.path.exists():
                fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    self._follow(fd)
                finally:
                    os.close(fd)
            else:
                self._forget()
            yield self._session

    def append(self, event: Mapping[str, Any]) -> None:
        """Add an event; it is on the disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        with self._locked() as fd:
            self._append(fd, event)

    def undo(self, event: Mapping[str, Any]) -> Event | None:
        """Add the event of an undo; return the label that it withdraws, None (and nothing is added) if there is none.

        Raises:
            OSError: it cannot be written.
        """
        with self._locked() as fd:
            latest = self._session.latest
            if latest is not None:
                self._append(fd, event)
            return latest

    def submit(self, write: Callable[[Sequence[Event]], None], event: Mapping[str, Any]) -> int:
        """Have `write` put what is pending where it belongs; return the number of labels, 0 where nothing is pending.

        `write` must have put them on the disk when it returns; after a crash in between they are written once more.

        Raises:
            OSError: it cannot be written.
        """
        with self._locked() as fd:
            pending = list(self._session.pending.values())
            if pending:
                write(pending)
                self._append(fd, event)
            return len(pending)

    def _append(self, fd: int, event: Mapping[str, Any]) -> None:
        line = json.dumps(event).encode() + b"\n"
        try:
            write_all(fd, line)
            os.fsync(fd)
        except OSError:
            os.ftruncate(fd, self._end)  # so that an event that was refused does not count later
            raise
        self._end, self._n_lines = self._end + len(line), self._n_lines + 1
        self._session.add(event)

    def _follow(self, fd: int) -> None:
        """Take in the lines since the last look; a line that a crash cut off was never acknowledged and is left out."""
        status = os.fstat(fd)
        if status.st_ino != self._inode or status.st_size < self._end:
            self._forget()
            self._inode = status.st_ino
        data = os.pread(fd, status.st_size - self._end, self._end)
        whole = data.rfind(b"\n") + 1
        events = [self._event(self._n_lines + n, line) for n, line in enumerate(data[:whole].split(b"\n")[:-1], 1)]
        for event in events:
            self._session.add(event)
        self._end, self._n_lines = self._end + whole, self._n_lines + len(events)

    def _event(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            event = json.loads(line)
        except ValueError as error:
            raise CorruptFileError(f"{self.path}, line {number} is not JSON: {error}. Restore the file.") from None
        if not isinstance(event, dict) or "event" not in event:
            raise CorruptFileError(f"{self.path}, line {number} is not an event. Restore the file.")
        return event

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Yield the open file with its session up to date; no other thread or process changes it meanwhile."""
        with self._alone:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self.path.exists()
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if is_new:
                    sync_folder(self.path.parent)
                    sync_folder(self.labels)
                self._follow(fd)
                if os.fstat(fd).st_size > self._end:
                    os.ftruncate(
                        fd, self._end
                    )  # what was never acknowledged goes, so that the next event begins a line
                yield fd
            finally:
                os.close(fd)
