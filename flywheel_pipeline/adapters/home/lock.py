"""A lock on a folder, which programs and threads of one machine take before they change a file in it."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold the folder's lock; yield its file descriptor, for syncing the folder's names."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def version_of(data: bytes) -> str:
    """Return the version that a file with this content is of."""
    return hashlib.sha256(data).hexdigest()[:16]
