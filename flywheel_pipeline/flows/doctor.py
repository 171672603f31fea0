"""Whether a home is in order: its files, tables, storage and models, and what to do where it is not."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flywheel_pipeline.adapters.home.files import PARTS, SETTINGS_FILE
from flywheel_pipeline.adapters.lake.damage import explain, set_aside
from flywheel_pipeline.errors import CorruptFileError, FlywheelError, HomeError
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.ports import Ask
from flywheel_pipeline.records import ROLES, TABLES

LOW_DISK_GB = 2
"""Free space below which a run is likely to end in the middle."""
QUESTION = "Reply with the word: ready"
"""What each model is asked: a call of a few tokens."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is in order, and in words what was found and what to do."""

    area: str
    ok: bool
    text: str


def examine(bench: Workbench, ask_models: bool = True, repair: bool = False) -> list[Finding]:
    """Look at everything that a run of the home needs; `repair` sets damaged tables aside, to be computed again.

    `ask_models` asks the model of each role one question, which is a call to pay for.
    """
    checks: list[Callable[[Workbench], Iterator[Finding]]] = [_storage, _files, _repaired if repair else _tables]
    return [finding for check in (*checks, *([_models] if ask_models else [])) for finding in check(bench)]


def _storage(bench: Workbench) -> Iterator[Finding]:
    home = bench.settings.home
    try:
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"x")
        yield Finding("storage", True, f"{home} can be written to")
    except OSError as error:
        reason = f"{home} cannot be written to ({error.strerror}): change its owner or mode, or free space"
        yield Finding("storage", False, reason)
    free = shutil.disk_usage(home).free / 1e9
    yield Finding(
        "storage", free >= LOW_DISK_GB, f"{free:.1f} GB free" + ("" if free >= LOW_DISK_GB else ": free some")
    )


def _files(bench: Workbench) -> Iterator[Finding]:
    """Read every file that people write or review, as far as it is there."""
    broken = 0
    for path in _written(bench.settings.home):
        try:
            _read(bench, path)
        except (FlywheelError, OSError) as error:
            broken += 1
            yield Finding("files", False, str(error))
    if not broken:
        yield Finding("files", True, "every file that people write or review can be read")


def _written(home: Path) -> Iterator[Path]:
    for part in PARTS:
        path = home / part.path
        if part.kind in ("computed", "landing", "kept") or part.path == SETTINGS_FILE:
            continue
        found = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path] * path.is_file()
        yield from (p for p in found if p.suffix in (".yaml", ".jsonl", ".json") and p.name[0] != ".")


def _read(bench: Workbench, path: Path) -> None:
    name = path.relative_to(bench.settings.home).as_posix()
    if path.suffix == ".jsonl":
        bench.home.append_only(name).read()
    elif path.suffix == ".yaml":
        bench.home.read_yaml(name)
    else:
        try:
            json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise CorruptFileError(f"{path} is not valid JSON: {error}. Restore it from version control.") from None


def _tables(bench: Workbench) -> Iterator[Finding]:
    try:
        damaged = bench.lake.damaged()
    except HomeError as error:
        yield Finding("tables", False, str(error))
        return
    yield from (Finding("tables", False, explain(*each)) for each in damaged)
    if not damaged:
        yield Finding("tables", True, f"all {len(TABLES)} tables can be read")


def _repaired(bench: Workbench) -> Iterator[Finding]:
    try:
        damaged = bench.lake.damaged()
    except HomeError as error:
        yield Finding("tables", False, str(error))
        return
    for path, reason in damaged:
        if bench.lake.kept.holds(path):
            yield Finding("tables", False, explain(path, reason))
        else:
            aside = set_aside(bench.lake.root, path)
            yield Finding("tables", True, f"{path.name} of {path.parent.name} was damaged and is now {aside}")
    if damaged:
        yield Finding("tables", True, "`flywheel run` computes again what was set aside")
    else:
        yield Finding("tables", True, f"all {len(TABLES)} tables can be read; nothing to repair")


def _models(bench: Workbench) -> Iterator[Finding]:
    """Ask each role's model one question; a reply of an earlier day would prove nothing, so that none is cached."""
    llm, models = bench.llm(), bench.settings.models
    for role in ROLES:
        model = getattr(models, role, None)
        if model is None:
            continue
        if model.model == "none" or model.model.startswith("offline/"):
            yield Finding(
                "models", True, f"{role}: {model.model}, which needs no model; see `models:` in {SETTINGS_FILE}"
            )
            continue
        try:
            (reply,) = llm.ask([Ask(role, ({"role": "user", "content": QUESTION},), repeat=time.time_ns() // 1000)])
        except FlywheelError as error:
            yield Finding("models", False, f"{role}: {error}")
            continue
        said = reply.error or f"{model.model} replied in {reply.latency_ms:.0f} ms"
        yield Finding("models", reply.error is None, f"{role}: {said}")
