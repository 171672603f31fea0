"""`golden_set.jsonl`, to which lines are only ever added: cases, what became of them, and the versions of the set.

A line without `entry` is a case as it was added. The others say what happened later:

=============== ================================================================================================
``retired``     the case is evaluated no more: `case_id`, `reason`, `at`
``graduated``   the case always passes and only guards from now on: `case_id`, `reason`
``critical``    a prompt must pass the case, or (`critical` is false) must no more: `case_id`, `critical`, `at`
``variables``   the values of the prompt's variables in the case, found later: `case_id`, `variables`
``erased``      a case, or a line about it, whose texts were erased: `case_id`, `hash` of the line, `at`
``version``     all lines up to here are the version `version`, which has `n_cases` active cases
=============== ================================================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any

from flywheel_pipeline.errors import CorruptFileError, HomeError
from flywheel_pipeline.records import GoldenCase

Row = Mapping[str, Any]

_JSON = ("messages", "context", "expected_doc_ids", "reference_alternatives", "variables", "expected_tool_calls")
_STATE = ("stage", "status")
"""What follows from later lines and is no part of a case's own."""

_NAMES = {f.name for f in fields(GoldenCase)}
_REQUIRED = {f.name for f in fields(GoldenCase) if f.default is MISSING}
_DEFAULTS = {f.name: f.default for f in fields(GoldenCase) if f.default is not MISSING}


@dataclass(frozen=True)
class Version:
    """A version of the golden set: the first `n_lines` lines of the file, and what they added to the one before."""

    version: str
    n_lines: int
    n_active: int
    n_added: int
    n_retired: int
    n_graduated: int
    added_in: str
    intact: bool
    """Whether the lines still are what they were when the version was written down."""


def dump_case(case: GoldenCase) -> dict[str, Any]:
    """Return the line of a case; conversations and documents are kept as JSON, to be diffable."""
    row = {k: v for k, v in asdict(case).items() if k not in _STATE}
    return {**row, **{k: json.loads(row[k]) for k in _JSON if row[k] is not None}}


def load_cases(rows: Sequence[Row], version: str | None = None) -> list[GoldenCase]:
    """Return the cases of the file, retired ones too, as they stand after the last line.

    With `version`, or the beginning of one, exactly the active cases of that version, as they stood then.

    Raises:
        CorruptFileError: a row lacks a field or has one too many, two rows share an id, an entry is of no known
            kind or about no known case, or the lines of the wanted version are not what they were.
        HomeError: there is no such version, or several begin like that.
    """
    if version is None:
        return _state(rows)
    listed = list_versions(rows)
    found = {v.version: v for v in listed if v.version.startswith(version)}
    if len(found) != 1:
        known = ", ".join(dict.fromkeys(v.version for v in listed)) or "none yet"
        what = f"Several versions begin with {version!r}" if found else f"There is no version {version!r}"
        raise HomeError(f"{what} of the golden set; there are: {known}")
    (one,) = found.values()
    if not one.intact and any(row.get("entry") == "erased" for row in rows):
        raise HomeError(f"Version {one.version} of the golden set held cases that were erased since: it is gone.")
    if not one.intact:
        raise CorruptFileError(
            f"golden_set.jsonl: the first {one.n_lines} lines are not what they were as version {one.version}. "
            "Restore them from version control."
        )
    return active(_state(rows[: one.n_lines]))


def active(cases: Sequence[GoldenCase]) -> list[GoldenCase]:
    """Return the cases that are evaluated."""
    return [c for c in cases if c.status == "active"]


def version_of(cases: Sequence[GoldenCase]) -> str:
    """Return the version that the active ones of `cases` are: a hash of their sorted hashes.

    A case's hash covers all that its evaluation depends on, but not its mode, which the taxonomy may move. A column
    that is added to `GoldenCase` later changes no version as long as it holds its default.
    """
    hashes = sorted(_case_hash(c) for c in active(cases))
    return "gv-" + hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:10]


@lru_cache(maxsize=50_000)
def _case_hash(case: GoldenCase) -> str:
    row = {k: v for k, v in asdict(case).items() if k not in ("mode_id", "added_in", "status")}
    plain = {k: json.loads(v) if k in _JSON and v is not None else v for k, v in row.items()}
    kept = {k: v for k, v in plain.items() if k not in _DEFAULTS or v != _DEFAULTS[k]}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def addition(rows: Sequence[Row], lines: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what to add to the file `rows` so that it holds `lines`: them, and the version that they make.

    A file that does not end with its version, as older ones do not, gets that entry first, so that it is not lost.
    """
    if not lines:
        return []
    before = [_version_entry(rows)] if rows and rows[-1].get("entry") != "version" else []
    return [*before, *map(dict, lines), _version_entry([*rows, *lines])]


def _version_entry(rows: Sequence[Row]) -> dict[str, Any]:
    cases = load_cases(rows)
    return {"entry": "version", "version": version_of(cases), "n_cases": len(active(cases))}


def retirement(rows: Sequence[Row], case_id: str, reason: str, at: str) -> list[dict[str, Any]]:
    """Return the lines that retire a case, named by its id or the beginning of it.

    Raises:
        HomeError: there is no such case, or no reason, or the case is retired already.
    """
    found = _named(load_cases(rows), case_id)
    if found.status == "retired":
        raise HomeError(f"{found.case_id} is retired already.")
    if not reason.strip():
        raise HomeError("Say why it is retired: --reason.")
    entry = {"entry": "retired", "case_id": found.case_id, "reason": reason.strip(), "at": at}
    return addition(rows, [entry])


def erasure(rows: Sequence[Row], case_ids: Collection[str], at: str) -> list[dict[str, Any]]:
    """Return the whole file without the cases and all that was said of them; of each line its hash is kept.

    Versions that held one of the cases can no longer be reproduced, which `load_cases` says.
    """
    kept: list[dict[str, Any]] = []
    for row in rows:
        if row.get("case_id") in case_ids and row.get("entry") != "erased":
            digest = hashlib.sha256(json.dumps(row, sort_keys=True).encode("utf-8", "replace")).hexdigest()
            kept.append({"entry": "erased", "case_id": row["case_id"], "hash": digest, "at": at})
        else:
            kept.append(dict(row))
    return [*kept, _version_entry(kept)]


def criticality(rows: Sequence[Row], case_ids: Sequence[str], critical: bool, at: str) -> list[dict[str, Any]]:
    """Return the lines that make cases critical, or no more; cases that are so already get none.

    Cases are named by their ids or the beginnings of them.

    Raises:
        HomeError: there is no such case, or several begin like that, or it is retired.
    """
    cases = load_cases(rows)
    found = {c.case_id: c for c in (_named(cases, name) for name in case_ids)}
    retired = [c.case_id for c in found.values() if c.status == "retired"]
    if retired:
        raise HomeError(f"{retired[0]} is retired: no prompt meets it any more.")
    changed = [c.case_id for c in found.values() if c.critical != critical]
    return addition(rows, [{"entry": "critical", "case_id": c, "critical": critical, "at": at} for c in changed])


def _named(cases: Sequence[GoldenCase], name: str) -> GoldenCase:
    found = [c for c in cases if c.case_id.startswith(name)]
    if len(found) != 1:
        begins = f"{len(found)} golden cases begin with {name!r}; name one of them."
        raise HomeError(begins if found else f"No golden case begins with {name!r}.")
    return found[0]


def variable_entries(cases: Sequence[GoldenCase], values: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return an entry for every active case that lacks the values of its trace, or of its parent's trace.

    `values` are {trace_id: {variable: value}}. A case keeps its values where the trace shows none.
    """
    by_case = {c.case_id: values.get(c.source_trace_id or "") for c in cases}
    found = {c.case_id: by_case[c.case_id] or by_case.get(c.parent_case_id or "") for c in active(cases)}
    return [
        {"entry": "variables", "case_id": c.case_id, "variables": dict(known)}
        for c in active(cases)
        if (known := found[c.case_id]) and known != json.loads(c.variables or "{}")
    ]


def graduations(
    cases: Sequence[GoldenCase], outcomes: Sequence[tuple[str, Mapping[str, bool]]], n: int
) -> list[dict[str, Any]]:
    """Return an entry for every active case that passes under each of the last `n` production prompts.

    `outcomes` are (prompt version, {case_id: passes}), the newest last. Repeating a run with the same prompt says
    nothing new, since its answers are cached; another prompt does. Adversarial cases never graduate.
    """
    if len(outcomes) < n:
        return []
    last = outcomes[-n:]
    reason = f"passes under the last {n} production prompts: {', '.join(prompt for prompt, _ in last)}"
    saturated = [
        c for c in active(cases)
        if c.stage == "capability" and c.kind != "adversarial" and all(o.get(c.case_id, False) for _, o in last)
    ]  # fmt: skip
    return [{"entry": "graduated", "case_id": c.case_id, "reason": reason} for c in saturated]


def list_versions(rows: Sequence[Row]) -> list[Version]:
    """Return the versions, oldest first: one per `version` line, and what follows the last one.

    In a file from before there were such lines, every taxonomy version that cases were added under ends one.
    """
    versions: list[Version] = []
    start = 0
    for n, state in enumerate(_states(rows), 1):
        if not _ends_version(rows, n):
            continue
        cases, new = list(state.values()), rows[start:n]
        kinds = [r.get("entry") for r in new]
        computed, recorded = version_of(cases), rows[n - 1].get("version", "") if kinds[-1] == "version" else ""
        added = [r["added_in"] for r in new if "entry" not in r]
        versions.append(
            Version(
                recorded or computed,
                n,
                len(active(cases)),
                len(added),
                kinds.count("retired"),
                kinds.count("graduated"),
                ", ".join(dict.fromkeys(added)),
                recorded in ("", computed),
            )
        )
        start = n
    return versions


def _ends_version(rows: Sequence[Row], n: int) -> bool:
    """Return whether the `n`-th line is the last of a version."""
    line, following = rows[n - 1], rows[n] if n < len(rows) else None
    if line.get("entry") == "version" or following is None:
        return True
    is_case, next_is_case = "entry" not in line, "entry" not in following
    return is_case and next_is_case and line.get("added_in") != following.get("added_in")


def _state(rows: Sequence[Row]) -> list[GoldenCase]:
    last = deque(_states(rows), maxlen=1)
    return list(last[0].values()) if last else []


def _states(rows: Sequence[Row]) -> Iterator[dict[str, GoldenCase]]:
    """Yield {case_id: case} as it stands after every line; the same mapping every time."""
    state: dict[str, GoldenCase] = {}
    for number, row in enumerate(rows, 1):
        if "entry" not in row:
            case = _case(number, row)
            if case.case_id in state:
                raise CorruptFileError(f"golden_set.jsonl: two cases share an id: {case.case_id}. Restore it.")
            state[case.case_id] = case
        elif row["entry"] in _CHANGES:
            case_id = row.get("case_id")
            if case_id not in state:
                raise CorruptFileError(f"golden_set.jsonl, line {number}: there is no case {case_id!r}. Restore it.")
            state[case_id] = replace(state[case_id], **_CHANGES[row["entry"]](row))
        elif row["entry"] not in ("version", "erased"):
            raise CorruptFileError(f"golden_set.jsonl, line {number}: unknown entry {row['entry']!r}. Restore it.")
        yield state


_CHANGES: Mapping[str, Callable[[Row], dict[str, Any]]] = {
    "retired": lambda _: {"status": "retired"},
    "graduated": lambda _: {"stage": "regression"},
    "critical": lambda row: {"critical": row.get("critical") is not False},
    "variables": lambda row: {"variables": json.dumps(row.get("variables") or {}, ensure_ascii=False)},
}
"""What an entry changes in its case; one that is not understood errs on the safe side."""


def _case(number: int, row: Row) -> GoldenCase:
    if not _REQUIRED <= set(row) <= _NAMES - set(_STATE):
        wrong = ", ".join(sorted((_REQUIRED - set(row)) | (set(row) - (_NAMES - set(_STATE)))))
        raise CorruptFileError(f"golden_set.jsonl, case {number}: missing or unknown fields: {wrong}. Restore it.")
    if not isinstance(row.get("critical", False), bool):
        raise CorruptFileError(f"golden_set.jsonl, case {number}: `critical` must be true or false. Restore it.")
    texts = {k: json.dumps(row[k], ensure_ascii=False) for k in _JSON if row.get(k) is not None}
    return GoldenCase(**{**row, **texts})
