"""Replies and calls on disk as they arrive: one SQLite file in WAL mode, one writer thread, group commit.

A reply is visible to this process at once, to others after the next commit, at most `GROUP_SECONDS` later. What is
committed survives the end of the process, also by `kill -9`; several processes may share the file.
"""

from __future__ import annotations

import json
import queue
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.records import LLMCall

GROUP_SECONDS = 0.05
"""How long the writer collects rows before it commits them together."""

MAX_GROUP = 2_000
BUSY_SECONDS = 60
"""How long a write waits for another process."""

SCHEMA = """
create table if not exists replies (key text primary key, value text not null) without rowid;
create table if not exists calls (
    id integer primary key, batch text not null, called_at text not null, role text not null, model text not null,
    input_tokens integer not null, output_tokens integer not null, cost_usd real, latency_ms real not null,
    cached integer not null, error text, attempt integer not null, finish_reason text,
    exported integer not null default 0
);
create index if not exists calls_batch on calls (batch);
create index if not exists calls_pending on calls (batch) where exported = 0;
"""

PUT = "insert or replace into replies (key, value) values (?, ?)"
Write = tuple[str, Sequence[Any]]
"""A statement and its values."""

CALL_COLUMNS = tuple(f.name for f in fields(LLMCall))
LOG = f"insert into calls (batch, {', '.join(CALL_COLUMNS)}) values ({', '.join('?' * (len(CALL_COLUMNS) + 1))})"


@dataclass(frozen=True)
class Usage:
    """Means over the requests of one role and model that were answered, for estimates."""

    n_calls: int
    input_tokens: float
    output_tokens: float
    cost_usd: float | None


class ReplyStore:
    """The store at `path`; its folder is made with the first write. The `Cells` port, and the log of calls.

    Raises:
        CorruptFileError: the file is no SQLite database; it is left as it is, since its replies were paid for.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending: dict[str, Mapping[str, Any]] = {}
        self._queue: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._reader: sqlite3.Connection | None = None
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._failure: BaseException | None = None

    def get(self, key: str) -> Mapping[str, Any] | None:
        """Return the value kept under `key`, or None; a damaged value counts as none."""
        if (found := self._pending.get(key)) is not None:
            return found
        rows = self._query("select value from replies where key = ?", [key])
        with suppress(ValueError, IndexError):
            value = json.loads(rows[0][0])
            return value if isinstance(value, dict) else None
        return None

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep `value` under `key`; it is on disk after the next commit."""
        self._pending[key] = value
        self._write(PUT, (key, json.dumps(value)))

    def log_call(self, batch: str, call: LLMCall) -> None:
        """Add a row to the log of calls."""
        values = [v.isoformat() if isinstance(v, datetime) else v for v in astuple(call)]
        values = [v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in values]
        self._write(LOG, (batch, *values))

    def close(self) -> None:
        """Write everything to disk and close the file; the store can be used again.

        Raises:
            OSError: it could not be written, for example because the disk is full.
        """
        with self._writing:
            writer, self._writer = self._writer, None
            if writer is not None:
                self._queue.put(None)
                writer.join()
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        failure, self._failure = self._failure, None
        if failure is not None:
            raise OSError(f"model replies could not be stored in {self.path}: {failure}") from failure

    def calls(self, batch: str) -> list[LLMCall]:
        """Return the calls logged under `batch`, in order of arrival."""
        rows = self._query(f"select {', '.join(CALL_COLUMNS)} from calls where batch = ? order by id", [batch])
        return [_call(row) for row in rows]

    def unexported(self) -> list[str]:
        """Return the batches whose calls were not all handed on: those of processes that were killed, or still run."""
        return [row[0] for row in self._query("select distinct batch from calls where exported = 0", [])]

    def mark_exported(self, batch: str) -> None:
        """Note that the calls of `batch` were handed on."""
        self._write("update calls set exported = 1 where batch = ? and exported = 0", (batch,))

    def usage(self, role: str, model: str, last: int = 1_000) -> Usage | None:
        """Return the means of the newest `last` answered requests of a role and model; None when there is none."""
        newest = (
            "select * from calls where role = ? and model = ? and error is null and cached = 0 order by id desc limit ?"
        )
        means = "select count(*), avg(input_tokens), avg(output_tokens), avg(cost_usd)"
        ((n, n_in, n_out, cost),) = self._query(f"{means} from ({newest})", [role, model, last]) or [(0, 0, 0, None)]
        return Usage(n, n_in, n_out, cost) if n else None

    def spent(self, since: datetime) -> tuple[float, int]:
        """Return the dollars and the number of requests logged since a moment (UTC), over all roles and processes."""
        sql = "select coalesce(sum(cost_usd), 0), count(*) from calls where cached = 0 and called_at >= ?"
        rows = self._query(sql, [since.isoformat()])
        return (float(rows[0][0]), int(rows[0][1])) if rows else (0.0, 0)

    def _query(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._reading:
            if self._reader is None:
                if not self.path.exists():
                    return []
                self._reader = self._connect()
            return self._reader.execute(sql, values).fetchall()

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        try:
            if connection.execute("pragma journal_mode").fetchone()[0] != "wal":
                connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            connection.executescript(SCHEMA)
        except sqlite3.OperationalError:
            connection.close()
            raise
        except sqlite3.DatabaseError as error:
            connection.close()
            what = "move it away to start with an empty cache, or restore it from a backup"
            raise CorruptFileError(f"{self.path} cannot be read ({error}); {what}") from None
        return connection

    def _write(self, sql: str, values: Sequence[Any]) -> None:
        if self._failure is not None:
            raise OSError(f"model replies cannot be stored in {self.path}: {self._failure}")
        with self._writing:
            if self._writer is None:
                self._writer = threading.Thread(target=self._work, args=(self._connect(),), daemon=True)
                self._writer.start()
            self._queue.put((sql, values))

    def _work(self, connection: sqlite3.Connection) -> None:
        ended = False
        while not ended:
            items = self._collect()
            ended = items[-1] is None
            try:
                self._commit(connection, [i for i in items if i is not None])
            except sqlite3.Error as error:
                self._failure = error
        connection.close()

    def _collect(self) -> list[Write | None]:
        """Wait for a row, then take what else arrives until the group is full, old enough, or the last."""
        items = [self._queue.get()]
        until = time.monotonic() + GROUP_SECONDS
        while len(items) < MAX_GROUP and items[-1] is not None:
            try:
                items.append(self._queue.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        return items

    def _commit(self, connection: sqlite3.Connection, rows: Sequence[Write]) -> None:
        connection.execute("begin immediate")
        try:
            for sql, values in rows:
                connection.execute(sql, values)
            connection.execute("commit")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                connection.execute("rollback")
            raise
        for sql, values in rows:
            if sql == PUT:
                self._pending.pop(values[0], None)


def _call(row: Sequence[Any]) -> LLMCall:
    values = dict(zip(CALL_COLUMNS, row, strict=True))
    return LLMCall(
        **{**values, "called_at": datetime.fromisoformat(values["called_at"]), "cached": bool(values["cached"])}
    )


__all__ = ["ReplyStore", "Usage"]
