"""Landing files -> the staging tables of the lake, in as many processes as there are cores; nothing of Dagster.

A file is read in blocks, each block in one process, which writes what came of it as one part of `captured_traces`,
`feedback` and `rejects`. The file's row in `captured_files`, written last, marks it as read: a killed run reads
only the files that it had not finished.
"""

from __future__ import annotations

import gc
import hashlib
import json
import multiprocessing
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.home import HomeFile
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.adapters.landing import BlockLimits, read_blocks
from flywheel_pipeline.adapters.re2 import Re2Match
from flywheel_pipeline.errors import FlywheelError
from flywheel_pipeline.ports import Block
from flywheel_pipeline.records import CapturedFile, Json
from flywheel_pipeline.settings import CaptureSettings
from flywheel_pipeline.steps.capture import Rules, read_block

LONGEST_PART = 150
"""Characters of a landing file's name in the names of its parts; a digest distinguishes longer ones."""
STAGED = ("captured_traces", "feedback", "rejects")
INLINE_BYTES = 24_000_000
"""Files that are together smaller are read in this process: starting others takes about a second."""
CHANGED = "the file was changed or removed while it was being read: the next run reads it again, where it is there"
UNREAD = "unread"
"""Stands for the date of a file that could not be read to its end."""
_MATCH = Re2Match()
_Submit = Callable[["_Task"], "Future[Counts]"]


@dataclass
class Counts:
    """What a block came to, in numbers."""

    n_rows_in: int = 0
    n_repeated: int = 0
    n_dropped: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    redacted: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Add the numbers of another block of the same file."""
        self.n_rows_in += other.n_rows_in
        self.n_repeated += other.n_repeated
        self.n_dropped += other.n_dropped
        self.formats.update(other.formats)
        self.redacted.update(other.redacted)


@dataclass(frozen=True)
class _Task:
    """One block to read, and where what comes of it belongs.

    A block that stands in the file `path` as it is travels without its `n_bytes` of data: the process that reads it
    takes them from there, and they need not be copied from one process to the other.
    """

    root: str
    file: str
    part: str
    block: Block
    rules: Rules
    path: Path
    n_bytes: int


@dataclass
class _Reading:
    """A file that is being read: its blocks in order, as far as they were begun."""

    file: HomeFile
    digest: str
    rules: Rules
    n_blocks: int = 0
    counts: Counts = field(default_factory=Counts)
    n_seen: int = 0
    content: Any = field(default_factory=hashlib.sha256)

    def see(self, data: bytes) -> None:
        """Take note of the next bytes of the file, before anything is made of them."""
        self.n_seen += len(data)
        self.content.update(data)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the content that was read."""
        return str(self.content.hexdigest())

    @property
    def mark(self) -> str:
        """What tells whether the file was read as it is now; what was not read to its end is read again."""
        stamp = _stamp(self.file) if self.n_seen >= self.file.size else UNREAD
        return _mark(self.digest, stamp, self.fingerprint)


def read_new_files(
    lake: Lake, files: Iterable[HomeFile], capture: CaptureSettings, rules: Rules, processes: int | None = None
) -> list[str]:
    """Read the files whose content is not in the lake yet, or was read with other settings; returns their names.

    Raises:
        FlywheelError: a process that was reading died, usually for want of memory; what was read stays.
    """
    fresh = list(_fresh(lake, files, capture, rules))
    for reading in fresh:
        _make_way(lake, reading.file)
    packed = sum(r.file.size for r in fresh)
    processes = processes or (os.cpu_count() or 1)
    try:
        with _workers(1 if packed < INLINE_BYTES else processes) as submit:
            _read_all(lake, fresh, capture, submit, 2 * processes)
    except BrokenProcessPool:
        raise FlywheelError(
            "A process that was reading landing files died, most likely for want of memory. What was read is kept; "
            "run it again, with a smaller capture.max_document_mb if it happens again."
        ) from None
    return [r.file.name for r in fresh]


def _fresh(lake: Lake, files: Iterable[HomeFile], capture: CaptureSettings, rules: Rules) -> Iterator[_Reading]:
    """Yield what is to be read; a file that was only touched is not, but its new date is noted."""
    known = lake.own_inputs("captured_files")
    for file in files:
        own = _rules_of(file.name, capture, rules)
        before = known.get(part_of(file.name), "").split("+")
        digest, stamp = _digest(own, capture), _stamp(file)
        if before[:2] == [digest, stamp]:
            continue
        if before[0] == digest and before[1] != UNREAD and before[2] == (content := file.fingerprint()):
            row = lake.read("captured_files", CapturedFile, "source_file = ?", [file.name])
            lake.write("captured_files", row, part_of(file.name), _mark(digest, stamp, content))
            continue
        yield _Reading(file, digest, own)


def already_read(lake: Lake, files: Iterable[HomeFile]) -> set[str]:
    """Return the names of the files whose content, as it is now, was read to its end, whatever the settings were."""
    known = lake.own_inputs("captured_files")
    marks = {file.name: (file, known.get(part_of(file.name), "").split("+")) for file in files}
    return {
        name
        for name, (file, mark) in marks.items()
        if len(mark) == 3 and mark[1] != UNREAD and (mark[1] == _stamp(file) or mark[2] == file.fingerprint())
    }


def _mark(digest: str, stamp: str, content: str) -> str:
    """Return what tells whether a file was read as it is now: how it is read, its date, its content."""
    return f"{digest}+{stamp}+{content}"


def _stamp(file: HomeFile) -> str:
    return file.stamp.replace(":", "-")


def _digest(rules: Rules, capture: CaptureSettings) -> str:
    """Return what beside its content decides how a file is read, so that a changed setting reads it again."""
    lasting = (replace(rules, now=datetime.min), capture.max_line_mb, capture.max_document_mb)
    return hashlib.sha256(repr(lasting).encode()).hexdigest()[:16]


def _rules_of(name: str, capture: CaptureSettings, rules: Rules) -> Rules:
    """Return the rules with the format, the field map and the encoding that the settings name for this file."""
    source = next((s for s in capture.sources if fnmatch(name, s.files)), None)
    if source is None:
        return rules
    fixed = source.format or ("table" if source.fields else None)
    return replace(rules, format=fixed, fields=dict(source.fields), encoding=source.encoding)


def _read_all(lake: Lake, fresh: Sequence[_Reading], capture: CaptureSettings, submit: _Submit, ahead: int) -> None:
    limits = BlockLimits(int(capture.max_line_mb * 1_000_000), int(capture.max_document_mb * 1_000_000))
    waiting: deque[tuple[_Reading, Future[Counts], bool]] = deque()
    for reading in fresh:
        last: Block | None = None
        for block in read_blocks(reading.file.path, limits, reading.see, reading.rules.encoding):
            if last is not None:
                waiting.append((reading, submit(_task(lake, reading, last)), False))
            last = block
            while len(waiting) >= ahead:
                _collect(lake, *waiting.popleft())
        if last is not None:
            waiting.append((reading, submit(_task(lake, reading, last)), True))
    while waiting:
        _collect(lake, *waiting.popleft())


def _task(lake: Lake, reading: _Reading, block: Block) -> _Task:
    part = f"{part_of(reading.file.name)}={reading.n_blocks:05}"
    reading.n_blocks += 1
    light = block if block.offset is None else replace(block, data=b"")
    return _Task(str(lake.root), reading.file.name, part, light, reading.rules, reading.file.path, len(block.data))


def _collect(lake: Lake, reading: _Reading, done: Future[Counts], is_last: bool) -> None:
    reading.counts.add(done.result())
    if is_last:
        _finish(lake, reading)


def _finish(lake: Lake, reading: _Reading) -> None:
    """Remove what an earlier, longer version of the file left, and mark the file as read."""
    part, counts = part_of(reading.file.name), reading.counts
    for table in STAGED:
        lake.remove(table, lambda name: _block_of(name, part) >= reading.n_blocks)
    row = CapturedFile(
        source_file=reading.file.name,
        fingerprint=f"{reading.fingerprint}-{reading.digest}",
        source_format=", ".join(name for name, _ in counts.formats.most_common()) or "unknown",
        n_bytes=reading.file.size,
        n_rows_in=counts.n_rows_in,
        n_repeated=counts.n_repeated,
        n_fields_dropped=counts.n_dropped,
        redacted=Json(json.dumps(dict(sorted(counts.redacted.items())))),
    )
    lake.write("captured_files", [row], part, reading.mark)


def _block_of(name: str, part: str) -> int:
    """Return the number of the block that a part of the file holds, -1 for a part of another file."""
    before, _, number = name.rpartition("=")
    return int(number) if before == part else -1


def capture_block(task: _Task) -> Counts:
    """Read one block and write what came of it; runs in a process of its own."""
    with _uncollected():
        return _capture_block(task)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep Python from looking for cycles among the millions of objects that JSON becomes: it takes half the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _with_data(task: _Task) -> Block:
    if task.block.offset is None:
        return task.block
    try:
        with task.path.open("rb") as file:
            file.seek(task.block.offset)
            data = file.read(task.n_bytes)
    except OSError:
        data = b""
    return replace(task.block, data=data, problem=CHANGED if len(data) < task.n_bytes else "")


def _capture_block(task: _Task) -> Counts:
    captured = read_block(task.file, _with_data(task), task.rules, _MATCH)
    lake = _lake_of(task.root)
    staged: tuple[Sequence[Any], ...] = (captured.traces, captured.feedback, captured.rejects)
    for table, rows in zip(STAGED, staged, strict=True):
        if rows:
            lake.write(table, rows, task.part)
        else:
            lake.remove(table, lambda name: name == task.part)
    return Counts(captured.n_rows_in, captured.n_repeated, captured.n_dropped, captured.formats, captured.redacted)


@lru_cache(maxsize=1)
def _lake_of(root: str) -> Lake:
    return Lake(Path(root), threads=1)


def _inline(task: _Task) -> Future[Counts]:
    done: Future[Counts] = Future()
    done.set_result(capture_block(task))
    return done


@contextmanager
def _workers(n: int) -> Iterator[_Submit]:
    """Yield how a block is given to a process; with one process it is this one.

    The processes are spawned: forking would copy the locks of the threads that Dagster and DuckDB run here.
    """
    if n < 2:
        yield _inline
        return
    with ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield lambda task: pool.submit(capture_block, task)


def part_of(name: str) -> str:
    """Return the partition that holds a landing file's rows: a changed file replaces its own."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return (
        safe
        if safe == name and len(name) <= LONGEST_PART
        else f"{safe[:LONGEST_PART]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    )


def expire_originals(files: Iterable[HomeFile], lake: Lake, now: float, days: int) -> list[str]:
    """Remove the landing files that were read and not written to for `days`; returns their names."""
    marks: Mapping[str, str] = lake.own_inputs("captured_files")
    gone = []
    for file in files:
        part = part_of(file.name)
        read = marks.get(part, "").split("+")[1:2] == [_stamp(file)]
        if read and now - file.modified_ns / 1e9 > days * 86_400:
            lake.kept.keep(part)
            file.path.unlink(missing_ok=True)
            gone.append(file.name)
    return gone


def keep_only_copies(files: Iterable[HomeFile], lake: Lake) -> None:
    """Keep the rows of landing files that are gone outside the lake, which may be deleted as computed."""
    there = {part_of(file.name) for file in files}
    for part in lake.own_inputs("captured_files"):
        if part not in there:
            lake.kept.keep(part)
            lake.kept.release(part)


def _make_way(lake: Lake, file: HomeFile) -> None:
    """Forget the kept rows of a landing file that is there again; those of another under its name are renamed."""
    part = part_of(file.name)
    kept = lake.inputs("captured_files").get(part, "").split("+")[2:3] if lake.kept.has(part) else []
    if not kept:
        return
    if kept == [file.fingerprint()]:
        lake.kept.drop(part)
    else:
        lake.kept.set_apart(part, f"~{kept[0][:8]}")
