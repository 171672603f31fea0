"""Landing files: an appended line is on the disk, and survives a crash, before it is acknowledged.

Lines go into `<prefix>-<UTC start>-<pid>-<random>.jsonl.part`, which capture ignores. The file gets its final name when
it is full or old enough, or when the endpoint stops. Its writer holds a lock on it (`flock`), which the kernel releases
however the writer dies: an open file without a lock is a leftover. The next writer removes the torn line that it may
end with and gives it its final name.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from flywheel_pipeline.atomic_write import sync_folder, write_all

log = logging.getLogger(__name__)

OPEN = ".part"
_LEFTOVER = re.compile(r"[a-z]+-\d{8}T\d{6}Z-\d+-[0-9a-f]{8}\.jsonl\.part")
_BLOCK = 1 << 16
_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC


class LandingFile:
    """A writer of one landing file after another, used by one thread at a time."""

    def __init__(self, folder: Path, prefix: str, max_bytes: int, max_seconds: float) -> None:
        self.folder, self.prefix = folder, prefix
        self.max_bytes, self.max_seconds = max_bytes, max_seconds
        self._path: Path | None = None
        self._fd = -1
        self._size = 0
        self._opened = 0.0

    def write(self, data: bytes) -> None:
        """Append whole lines: all are on the disk when this returns, none of them counts when it raises.

        Raises:
            OSError: they cannot be written.
        """
        if self._path is None:
            self._open()
        try:
            write_all(self._fd, data)
            os.fsync(self._fd)
        except OSError:
            self._give_up()
            raise
        self._size += len(data)
        self.rotate_if_due()

    def seconds_left(self) -> float | None:
        """Return in how many seconds the file is due, None if no file is open."""
        return None if self._path is None else max(0.0, self._opened + self.max_seconds - time.monotonic())

    def rotate_if_due(self) -> None:
        """Close the file when it is large or old enough."""
        if self._size >= self.max_bytes or self.seconds_left() == 0:
            self.close()

    def close(self) -> None:
        """Give the file its final name. If that fails its lines are safe, and the next writer does it."""
        if self._path is None:
            return
        fd, path, self._path = self._fd, self._path, None
        with _logged(path), _closing(fd):
            _finish(fd, path)

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        recover(self.folder)
        while True:
            started = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
            name = f"{self.prefix}-{started}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl{OPEN}"
            fd = os.open(self.folder / name, _OPEN_FLAGS, 0o600)
            if _lock(fd, self.folder / name):
                break
            os.close(fd)  # another process took it for a leftover between these two lines
        self._fd, self._path, self._size, self._opened = fd, self.folder / name, 0, time.monotonic()
        try:
            sync_folder(self.folder)
        except OSError:
            self._give_up()
            raise

    def _give_up(self) -> None:
        """Remove what was not acknowledged, and continue with another file."""
        with suppress(OSError):
            os.ftruncate(self._fd, self._size)
        self.close()


def recover(folder: Path) -> None:
    """Give the files that dead writers left open their final names, each up to its last whole line."""
    for path in sorted(p for p in folder.iterdir() if _LEFTOVER.fullmatch(p.name)):
        with _logged(path):
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            with _closing(fd):
                if _lock(fd, path):
                    _finish(fd, path)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        pass  # another process was faster
    except OSError as error:
        log.warning("%s stays open for now: %s", path, error)


@contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)


def _lock(fd: int, path: Path) -> bool:
    """Lock the file; return whether it is ours now and still has this name."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(fd), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _finish(fd: int, path: Path) -> None:
    """Cut off a torn last line and give the file its final name; remove an empty file."""
    size, whole = os.fstat(fd).st_size, _whole_lines(fd)
    if whole < size:
        os.ftruncate(fd, whole)
    os.fsync(fd)
    if whole:
        path.rename(path.with_name(path.name.removesuffix(OPEN)))
    else:
        path.unlink()
    sync_folder(path.parent)


def _whole_lines(fd: int) -> int:
    """Return how many bytes the whole lines take."""
    end = os.fstat(fd).st_size
    while end:
        start = max(0, end - _BLOCK)
        at = os.pread(fd, end - start, start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0
