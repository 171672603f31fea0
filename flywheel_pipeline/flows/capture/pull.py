"""New traces of observability tools -> landing files, source by source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from flywheel_pipeline.adapters.api import ApiClient
from flywheel_pipeline.adapters.landing.pulled import UNDATED, PulledFiles, State, read_state
from flywheel_pipeline.atomic_write import locked
from flywheel_pipeline.errors import FlywheelError, NotOfferedError, PullError, SettingsError
from flywheel_pipeline.flows.workbench import Workbench, utc_now
from flywheel_pipeline.ports import Fetch
from flywheel_pipeline.settings import PullSettings
from flywheel_pipeline.steps.capture.pull import TOOLS, Row, Target, Tool, Window

FIRST_DAYS = 7
"""How far the first pull reaches back where the settings do not say."""
SAVE_SECONDS = 1.0
"""What was fetched since the state was last saved is fetched again after a kill."""
RECENT = timedelta(hours=1)
"""A round that was begun longer ago, by a pull that was stopped, is followed by another one at once."""
Connect = Callable[[PullSettings], Fetch]


@dataclass
class Pulled:
    """What became of one source: `is_whole` says that nothing is left, `problem` why it ended early.

    `n_fetched` counts rows as often as they came, `rows` holds their keys.

    `absent` are the lists, such as scores, that its server does not offer; `since` is where counting began.
    """

    source: str
    n_fetched: int = 0
    rows: set[tuple[str, str, str]] = field(default_factory=set)
    traces: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    absent: list[str] = field(default_factory=list)
    is_whole: bool = False
    problem: str = ""
    since: datetime | None = None

    def __str__(self) -> str:
        if self.problem:
            return f"{self.source}: {self.problem} ({len(self.rows):,} rows were fetched and are kept)"
        rest = "" if self.is_whole else "; there is more, which the next pull fetches (max_rows)"
        files = f"{len(self.files)} file{'' if len(self.files) == 1 else 's'} changed"
        absent = f"; the server offers no {' and no '.join(self.absent)}" if self.absent else ""
        return f"{self.source}: {len(self.rows):,} rows of {len(self.traces):,} traces, {files}{rest}{absent}"


def connect(source: PullSettings) -> Fetch:
    """Return the API of a source, with the keys of the environment.

    Raises:
        SettingsError: a key is not set.
    """
    return ApiClient(source.url, source.headers())


def pull_sources(bench: Workbench, names: Sequence[str] = (), to: Connect = connect) -> Iterator[Pulled]:
    """Fetch what is new from the sources of `capture.pull`, or from those named; one that fails stops no other.

    Raises:
        SettingsError: there is no source of a name.
    """
    for source in _chosen(bench, names):
        pulled = Pulled(source.name)
        try:
            _pull(bench, source, to(source), pulled)
        except (FlywheelError, OSError) as error:  # OSError: the folder of this source, or the disk
            pulled.problem = str(error)
        yield pulled


def count_traces(bench: Workbench, names: Sequence[str] = (), to: Connect = connect) -> Iterator[Pulled]:
    """Count the traces that the next pulls would fetch, and fetch nothing; from `max_rows` on it is not whole."""
    for source in _chosen(bench, names):
        tool, counted = TOOLS[source.kind], Pulled(source.name)
        try:
            state, now = read_state(_folder(bench, source)), _now()
            is_begun = _is_begun(state, source)
            window = Window(_time(state.since), now) if is_begun else _next_window(state, source, now)
            target, read = replace(_target(source, tool), light=True), next(iter(tool.streams.values()))
            counted.is_whole, counted.since = True, window.since
            for page in read(to(source), target, window, ""):
                counted.n_fetched += len(page.rows)
                counted.traces |= {row.trace_id for row in page.rows}
                if counted.n_fetched >= source.max_rows and page.cursor is not None:
                    counted.is_whole = False
                    break
        except FlywheelError as error:
            counted.problem = str(error)
        yield counted


def _chosen(bench: Workbench, names: Sequence[str]) -> list[PullSettings]:
    known = {source.name: source for source in bench.settings.capture.pull}
    if unknown := [name for name in names if name not in known]:
        there = ", ".join(known) or "none; name one in flywheel.yaml"
        raise SettingsError(f"there is no source {unknown[0]!r} in capture.pull (there are: {there})")
    return [known[name] for name in names] if names else list(known.values())


def _folder(bench: Workbench, source: PullSettings) -> Path:
    return bench.settings.home / "traces" / "pulled" / source.name


def _target(source: PullSettings, tool: Tool) -> Target:
    return Target(source.project, min(source.page_size or tool.page_size, tool.page_size))


def _pull(bench: Workbench, source: PullSettings, fetch: Fetch, pulled: Pulled) -> None:
    """Finish the round that was begun, then fetch what is new since, as long as the run has not enough rows."""
    began = _now()
    with locked(folder := _folder(bench, source)):
        files = PulledFiles(folder, lambda record: TOOLS[source.kind].row_of(record).key)
        try:
            while _pull_round(source, fetch, files, pulled):
                if _time(files.state.until) >= began - RECENT:
                    pulled.is_whole = True
                    break
        finally:
            pulled.files |= set(files.put_in_place())
            files.close()


def _pull_round(source: PullSettings, fetch: Fetch, files: PulledFiles, pulled: Pulled) -> bool:
    """Fetch all lists to the end of the round, or until the run has enough rows; return whether they are at the end."""
    state, streams = files.state, TOOLS[source.kind].streams
    if not _is_begun(state, source):
        window = _next_window(state, source, _now())
        state.since, state.until, state.cursors = window.since.isoformat(), window.until.isoformat(), {}
        files.save()
    for name in streams:
        if state.cursors.get(name, "") is None:
            continue
        try:
            if not _pull_stream(name, source, fetch, files, pulled):
                return False
        except NotOfferedError as error:
            if name == next(iter(streams)) or state.cursors.get(name):
                raise PullError(str(error)) from None
            pulled.absent.append(name)
        state.cursors[name] = None
        files.save()
    return True


def _pull_stream(name: str, source: PullSettings, fetch: Fetch, files: PulledFiles, pulled: Pulled) -> bool:
    tool, state = TOOLS[source.kind], files.state
    window, cursor = Window(_time(state.since), _time(state.until)), state.cursors.get(name) or ""
    for page in tool.streams[name](fetch, _target(source, tool), window, cursor):
        files.append((_day(row), row.record) for row in page.rows)
        state.cursors[name] = page.cursor
        files.save(every=SAVE_SECONDS)
        pulled.n_fetched += len(page.rows)
        pulled.rows |= {row.key for row in page.rows}
        pulled.traces |= {row.trace_id for row in page.rows}
        if files.is_full:
            pulled.files |= set(files.put_in_place())
        if pulled.n_fetched >= source.max_rows and page.cursor is not None:
            return False
    return True


def _is_begun(state: State, source: PullSettings) -> bool:
    """Return whether there is a round that is not at its end."""
    return bool(state.until) and any(state.cursors.get(n, "") is not None for n in TOOLS[source.kind].streams)


def _next_window(state: State, source: PullSettings, now: datetime) -> Window:
    """Return what the next round fetches: what is new since the last one, and the hours before its end once more."""
    if state.until:
        return Window(_time(state.until) - timedelta(hours=source.overlap_hours), now)
    first = datetime.combine(source.since, datetime.min.time(), timezone.utc) if source.since else None
    return Window(first or now - timedelta(days=FIRST_DAYS), now)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _now() -> datetime:
    return utc_now().replace(tzinfo=timezone.utc)


def _day(row: Row) -> str:
    return f"{row.at:%Y-%m-%d}" if row.at else UNDATED
