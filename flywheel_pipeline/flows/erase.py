"""One person's data out of a home: landing files, tables, batches, labels, failure modes, golden cases, caches."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flywheel_pipeline.adapters.home.files import (
    GOLDEN_FILE,
    KNOWN_FAILURES_FILE,
    PROPOSALS_FILE,
    TAXONOMY_FILE,
    WRITTEN_FILE,
)
from flywheel_pipeline.adapters.home.forget import forget, holding
from flywheel_pipeline.adapters.lake.damage import ASIDE
from flywheel_pipeline.atomic_write import locked, replacing
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.capture import already_read, capture_files, rewrite_days
from flywheel_pipeline.flows.capture.landing_files import part_of
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.records import TABLES
from flywheel_pipeline.steps.annotate import PICKED
from flywheel_pipeline.steps.capture.erase import CannotEditError, erase_from, without
from flywheel_pipeline.steps.capture.redact import Redactor
from flywheel_pipeline.steps.golden.ledger import erasure
from flywheel_pipeline.words import count

USER_TAGS = ("user_id", "user", "end_user", "userId", "user.id", "enduser.id")
"""Tags of a trace that name the user."""
PROBE = 60
"""Characters of the beginning of a text by which it is found in caches and logs; shorter texts are not looked for."""
CAPTURED = ("captured_files", "captured_traces", "feedback", "rejects", "llm_calls")
"""Tables that are not made anew from others."""
REVIEWED = (TAXONOMY_FILE, PROPOSALS_FILE, KNOWN_FAILURES_FILE)
PROBES_SQL = """
with said as (
    select trace_id, unnest([input, output, feedback_comment]) as text from raw_traces
    union all
    select trace_id, json_extract_string(m, '$.content') from (
        select trace_id, unnest(json_extract(messages, '$[*]')) as m from raw_traces
    ) where json_extract_string(m, '$.role') != 'system'
    union all select trace_id, unnest([comment, code]) from annotations
)
select distinct left(text, $n) from said where trace_id in (select unnest($ids)) and length(text) >= $n
except select left(text, $n) from said where trace_id not in (select unnest($ids))
"""
"""The beginnings of what was said in the traces, and of them, and nowhere else."""


@dataclass(frozen=True)
class Found:
    """The traces to erase, the golden cases made of them, the landing files with them, how their texts begin."""

    trace_ids: Sequence[str]
    case_ids: Sequence[str]
    landing: Sequence[str]
    probes: Sequence[str]


def find_person(
    bench: Workbench, traces: Sequence[str] = (), session: str | None = None, user: str | None = None
) -> Found:
    """Return what a home holds of traces, of a session, or of a user; new landing files are read first.

    Raises:
        HomeError: nothing is named, a user is stored as a placeholder, or nothing of them is there.
    """
    if not traces and not session and not user:
        raise HomeError("Name what to erase: --trace, --session or --user.")
    capture_files(bench)
    capture = bench.settings.capture
    redactor = Redactor(capture.redact, capture.redact_salt.get_secret_value())
    if user and redactor.redact_text(user) != user:
        raise HomeError(
            "Such a user id is stored as a placeholder that other users share, so that no trace can be found by it: "
            "name them with --trace or --session."
        )
    ids = {i for (i,) in bench.lake.rows(*_search(traces, session, user, redactor))}
    rows = bench.home.append_only(GOLDEN_FILE).read().rows
    cases = _cases(rows, ids)
    if not ids and not cases:
        raise HomeError("Nothing of them is in this home.")
    names = "select source_file from captured_traces where trace_id in (select unnest(?))"
    files = bench.lake.rows(f"{names} union {names.replace('captured_traces', 'feedback')} order by 1", [list(ids)] * 2)
    probes = bench.lake.rows(PROBES_SQL, {"ids": list(ids), "n": PROBE})
    return Found(sorted(ids), sorted(cases), [f for (f,) in files], sorted(t for (t,) in probes))


def _search(
    traces: Sequence[str], session: str | None, user: str | None, redactor: Redactor
) -> tuple[str, list[object]]:
    sessions = [session, redactor.redact_id(session)] if session else []
    tags = " or ".join(f"json_extract_string(tags, '$.\"{name}\"') = ?" for name in USER_TAGS)
    sql = (
        "select distinct trace_id from captured_traces where trace_id in (select unnest(?::varchar[]))"
        f" or session_id in (select unnest(?::varchar[])) or (? is not null and ({tags}))"
        " union select trace_id from feedback where trace_id in (select unnest(?::varchar[]))"
    )
    return sql, [list(traces), sessions, user, *[user] * len(USER_TAGS), list(traces)]


def _cases(rows: Sequence[dict[str, object]], ids: set[str]) -> set[str]:
    """Return the cases that were made of the traces, and those that were made of these cases."""
    own = {str(r["case_id"]) for r in rows if "entry" not in r and r.get("source_trace_id") in ids}
    while more := {str(r["case_id"]) for r in rows if "entry" not in r and r.get("parent_case_id") in own} - own:
        own |= more
    return own


def erase(bench: Workbench, found: Found) -> list[str]:
    """Erase what was found; return what was done, and what this could not reach, in lines.

    It can be repeated: what a kill has left is erased by the next one.

    Raises:
        HomeError: a landing file holds what was not read, and would go with it; nothing is erased.
    """
    _check_read(bench, found.landing)
    done = [*_files(bench, found), *_golden(bench, found), *_caches(bench, found)]
    tables = list(_tables(bench, found))  # the last: by them `find_person` finds what a kill has left
    return [*tables, *done, *_remains(bench, found)]


def _check_read(bench: Workbench, names: Sequence[str]) -> None:
    files = [file for file in bench.home.files("traces") if file.name in set(names)]
    if unread := sorted({file.name for file in files} - already_read(bench.lake, files)):
        raise HomeError(
            f"Nothing was erased: {', '.join(unread)} in traces/ changed since it was read, or cannot be read to its "
            "end, and what was not read would be lost with it. Stop what writes to it, or move it away, and try again."
        )


def _parts(bench: Workbench, name: str) -> list[str]:
    """Return the parts that may hold a landing file's rows; those that were set apart have a suffix to its name."""
    original, mark, suffix = name.rpartition("~")
    apart = f"{part_of(original)}{mark}{suffix}"
    return [part_of(name), *([apart] if mark and bench.lake.kept.has(apart) else [])]


def _tables(bench: Workbench, found: Found) -> Iterator[str]:
    """Landing files go, with the rows of others kept as captured; raw traces are made anew, later tables by a run."""
    lake, folder = bench.lake, bench.settings.home / "traces"
    own, n, removed = lake.own_inputs("captured_files"), 0, []
    for table in TABLES:
        if table not in CAPTURED:
            lake.remove(table, lambda _: True)
    lake.remove("rejects", lambda part: "=" not in part)
    shutil.rmtree(lake.checks, ignore_errors=True)
    for name in found.landing:
        parts = _parts(bench, name)
        for part in parts:
            if part in own:
                lake.kept.keep(part)
            n += lake.kept.erase(part, found.trace_ids)
        if (folder / name).is_file():
            (folder / name).unlink()
            removed.append(name)
        for part in parts:
            lake.kept.release(part)
    rewrite_days(bench)
    gone = f"{count(len(found.trace_ids), 'trace')} ({count(n, 'row')})"
    yield f"Erased {gone}; `flywheel run` makes the tables after `raw_traces` anew."
    if removed:
        yield f"Removed from traces/, what else they held is kept as captured: {', '.join(removed)}."


def _files(bench: Workbench, found: Found) -> Iterator[str]:
    home, ids = bench.settings.home, _ids(found)
    for folder in ("samples", "labels", "golden", "prompts", "."):
        for path in sorted((home / folder).rglob("*") if folder != "." else home.glob("*.jsonl")):
            if path.is_file() and path != home / GOLDEN_FILE and path.suffix not in (".yaml", ".md"):
                yield from _edited(home, path, ids)
    for name in REVIEWED:
        file = bench.home.reviewed(name)
        read = file.read()
        value, n = without(read.value, ids)
        if n:
            file.replace(value, read.version)
            yield f"{name}: {count(n, 'entry', 'entries')}"
    written, n = without(bench.home.read_json(WRITTEN_FILE), ids)
    if n:
        bench.home.write_json(WRITTEN_FILE, written)


def _edited(home: Path, path: Path, ids: Sequence[str]) -> Iterator[str]:
    name, data = path.relative_to(home).as_posix(), path.read_bytes()
    try:
        left, n = erase_from(path.name, data, ids)
    except CannotEditError as error:
        yield f"NOT erased from {name}: {error}. Edit it by hand."
        return
    if n:
        with replacing(_renamed(path, data, left)) as temporary:
            temporary.write_bytes(left)
        if _renamed(path, data, left) != path:
            path.unlink()
        yield f"{name}: {count(n, 'row')}"


def _renamed(path: Path, before: bytes, after: bytes) -> Path:
    """Return the path of a version of a label file, whose name ends with the digest of its content."""
    old, new = (hashlib.sha256(data).hexdigest()[:16] for data in (before, after))
    return path.with_name(re.sub(rf"-{old}(?=\.|$)", f"-{new}", path.name)) if ".history" in path.parts else path


def _golden(bench: Workbench, found: Found) -> Iterator[str]:
    """Blank the cases in the ledger, which else only grows: of each line its hash stays."""
    path = bench.settings.home / GOLDEN_FILE
    if not found.case_ids:
        return
    with locked(path.parent):  # a case that is added meanwhile waits, and follows
        rows = erasure(bench.home.append_only(GOLDEN_FILE).read().rows, set(found.case_ids), timestamp())
        with replacing(path) as temporary:
            temporary.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    yield f"{GOLDEN_FILE}: {count(len(found.case_ids), 'case')} erased; versions with them cannot be reproduced."


def _caches(bench: Workbench, found: Found) -> Iterator[str]:
    """Replies of models that quote them, and the events and logs of Dagster's own storage in the home."""
    home, texts = bench.settings.home, _forms(found)
    if n := forget(home / "llm_cache" / "replies.sqlite", "replies", "value", texts):
        yield f"llm_cache/: {count(n, 'reply', 'replies')} with their texts"
    history = home / "dagster" / "history"
    events = sum(forget(path, *place) for path in sorted(history.rglob("*.db")) for place in _events(texts))
    if events:
        yield f"dagster/: {count(events, 'event')}"
    logs = home / "dagster" / "logs"
    for path in list(holding(logs, texts)) if logs.is_dir() else []:
        path.unlink()
        yield f"dagster/: the log {path.name}"


def _events(texts: Sequence[str]) -> list[tuple[str, str, Sequence[str], bool]]:
    """Return where Dagster's storage holds what assets and checks have shown."""
    return [
        ("event_logs", "event", texts, False),
        ("asset_check_executions", "evaluation_event", texts, False),
        ("asset_keys", "last_materialization", texts, True),
    ]


def _forms(found: Found) -> list[str]:
    """Return ids and beginnings as they may stand in a file: as they are, in JSON, in JSON of ASCII."""
    forms = [p for probe in found.probes for p in (probe, _in_json(probe, False), _in_json(probe, True))]
    return [*found.trace_ids, *dict.fromkeys(forms)]


def _in_json(text: str, ascii_only: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def _ids(found: Found) -> list[str]:
    return [*found.trace_ids, *(f"{i}{PICKED}" for i in found.trace_ids), *found.case_ids]


def _remains(bench: Workbench, found: Found) -> Iterator[str]:
    """Say where an id or the beginning of a text still stands, and what no command can reach."""
    home = bench.settings.home
    for path in holding(home, _forms(found)):
        yield f"STILL in {path.relative_to(home).as_posix()}: look at it, and edit it by hand."
    if names := ", ".join(source.name for source in bench.settings.capture.pull):
        yield f"Erase them at {names} as well: `flywheel pull` fetches the hours before the last pull again."
    if (bench.lake.root / ASIDE).is_dir():
        yield f"NOT looked into: lake/{ASIDE}/, damaged tables that were set aside. Remove them."
    yield (
        "Not reached: backups, version control, exports, other tools' copies, a DAGSTER_HOME outside the home, and "
        "replies of models about them that quote nothing of theirs (deleting llm_cache/ forgets these, and all others)."
    )
