"""Vectors on disk, by the content of the text: what was embedded once is not embedded again."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.ports import Embed

log = logging.getLogger(__name__)

LOOKED_UP = 500
"""Keys of one query."""

Floats = NDArray[np.float32]


class CachedEmbed:
    """An `Embed` in front of another whose vectors are comparable between calls; `name` distinguishes models.

    The file is SQLite, so that several processes may use it. One that is damaged or cannot be written is
    ignored: vectors are then only computed.
    """

    def __init__(self, inner: Embed, name: str, path: Path) -> None:
        self.inner = inner
        self.name = name
        self.path = path

    def embed(self, texts: Sequence[str]) -> Any:
        """Return the rows of `inner`, computed for new texts only."""
        keys = [hashlib.sha256(f"{self.name}\n{t}".encode("utf-8", "replace")).hexdigest() for t in texts]
        found = dict(self._read(list(dict.fromkeys(keys))))
        missing = {k: t for k, t in zip(keys, texts, strict=True) if k not in found}
        if missing:
            rows = np.asarray(self.inner.embed(list(missing.values())), dtype=np.float32)
            fresh = dict(zip(missing, rows, strict=True))
            found |= fresh
            self._write(fresh)
        return np.array([found[k] for k in keys]) if keys else np.zeros((0, 1), dtype=np.float32)

    def _read(self, keys: Sequence[str]) -> Iterator[tuple[str, Floats]]:
        if not self.path.exists():
            return
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as connection:
                for start in range(0, len(keys), LOOKED_UP):
                    some = keys[start : start + LOOKED_UP]
                    query = f"select key, vector from vectors where key in ({','.join('?' * len(some))})"
                    for key, vector in connection.execute(query, some):
                        yield key, np.frombuffer(vector, dtype="<f4")
        except sqlite3.Error as error:
            log.warning("%s cannot be read, vectors are computed again: %s", self.path, error)

    def _write(self, rows: Mapping[str, Floats]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
                connection.execute("create table if not exists vectors (key text primary key, vector blob not null)")
                blobs = [(k, np.asarray(v, dtype="<f4").tobytes()) for k, v in rows.items()]
                connection.executemany("insert or replace into vectors values (?, ?)", blobs)
        except sqlite3.Error as error:
            log.warning("%s cannot be written, vectors are not kept: %s", self.path, error)
