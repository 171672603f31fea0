"""The rows of one landing file -> traces and rejects."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from flywheel_pipeline.records import RawTrace, Reject
from flywheel_pipeline.steps.capture.formats import FORMATS, Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.common import clean, finite

EXCERPT = 200
TOO_DEEP = "nested too deeply"
MAX_SKEW = timedelta(days=1)
"""How far ahead of our clock a trace may lie: the producer's clock may differ, not by more."""


@dataclass(frozen=True)
class Bounds:
    """What a row may be like to count as a trace."""

    app: str
    first_day: date
    now: datetime
    max_bytes: int


@dataclass
class Captured:
    """What came of one file: `n_rows_in` is always the number of traces plus the number of rejects."""

    n_rows_in: int = 0
    traces: list[RawTrace] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def days(self) -> dict[str, int]:
        """Return {event day: traces}."""
        return dict(sorted(Counter(t.started_at.date().isoformat() for t in self.traces).items()))


def read_traces(file: str, lines: Iterable[tuple[int, bytes]], bounds: Bounds) -> Captured:
    """Read the lines of one landing file: JSONL, or one JSON array of traces.

    `file` is its name for provenance; `lines` are (number from 1, bytes), a line longer than
    `bounds.max_bytes` may come cut. A row that can not be read is a reject; nothing is raised for one.
    """
    captured = Captured()
    for number, raw, problem in _rows(lines, bounds.max_bytes):
        captured.n_rows_in += 1
        try:
            if problem:
                raise UnreadableError(problem)
            captured.traces.append(_trace(_parse(raw), Source(file, number, bounds.app), bounds))
        except RecursionError:
            captured.rejects.append(Reject("traces", file, number, TOO_DEEP, _excerpt(raw)))
        except UnreadableError as error:
            captured.rejects.append(Reject("traces", file, number, clean(str(error)), _excerpt(raw)))
    if not captured.n_rows_in:
        captured.n_rows_in = 1
        captured.rejects.append(Reject("traces", file, 0, "the file is empty: export it again", ""))
    return captured


def _rows(lines: Iterable[tuple[int, bytes]], max_bytes: int) -> Iterator[tuple[int, bytes, str]]:
    """Yield (number, bytes, problem) of every row, taking a file that is one JSON array apart."""
    iterator = ((n, line) for n, line in lines if line.strip())
    first = next(iterator, None)
    if first is None:
        return
    if first[1].lstrip(b"\xef\xbb\xbf \t").startswith(b"["):
        yield from _array_rows([first, *iterator], max_bytes)
        return
    for number, line in (first, *iterator):
        too_long = (
            f"longer than {max_bytes} bytes: raise capture.max_line_mb to take it" if len(line) > max_bytes else ""
        )
        yield number, line.removeprefix(b"\xef\xbb\xbf"), too_long


def _array_rows(lines: list[tuple[int, bytes]], max_bytes: int) -> Iterator[tuple[int, bytes, str]]:
    text = b"\n".join(line for _, line in lines).removeprefix(b"\xef\xbb\xbf")
    if len(text) > max_bytes:
        yield 1, text, f"a JSON array longer than {max_bytes} bytes: export it as JSONL, one trace a line"
        return
    try:
        rows = [json.dumps(item).encode() for item in _parse(text)]
    except (UnreadableError, RecursionError) as error:
        yield 1, text, str(error) if isinstance(error, UnreadableError) else TOO_DEEP
        return
    yield from ((number, row, "") for number, row in enumerate(rows, 1))


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_constant, parse_float=finite)
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not valid UTF-8 at byte {error.start}: export the file as UTF-8") from None
    except RecursionError:
        raise UnreadableError(TOO_DEEP) from None
    except ValueError as error:
        raise UnreadableError(f"not valid JSON: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _trace(record: Any, source: Source, bounds: Bounds) -> RawTrace:
    for format_ in FORMATS:
        if isinstance(record, dict) and format_.recognises(record):
            trace: RawTrace = format_.read(record, source)
            break
    else:
        keys = f"keys {', '.join(sorted(record)[:8])}" if isinstance(record, dict) else f"a {type(record).__name__}"
        raise UnreadableError(f"unknown format ({keys}); known: {', '.join(f.NAME for f in FORMATS)}")
    if trace.started_at.date() < bounds.first_day:
        raise UnreadableError(f"started_at {trace.started_at:%Y-%m-%d} is before capture.start_date {bounds.first_day}")
    if trace.started_at > bounds.now + MAX_SKEW:
        raise UnreadableError(
            f"started_at {trace.started_at:%Y-%m-%d %H:%M} is in the future: check the producer's clock"
        )
    return trace


def _excerpt(raw: bytes) -> str:
    return raw[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT]
