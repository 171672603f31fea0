"""The reviewed taxonomy as a whole: its modes, and an entry for every change that was ever made to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.steps.cluster.modes import Member, Mode, current_ids, dump_modes, load_modes

PIPELINE, BY_HAND = "flywheel", "edited file"
"""Who a change is by, when it is by no one who gave a name."""

SETTING = {
    "name": "renamed", "definition": "redefined", "belongs": "inclusion changed",
    "does_not_belong": "exclusion changed", "severity": "rated", "judge_guidance": "judge guided",
}  # fmt: skip
"""Fields of a mode whose changes are entries with the values before and after."""

STATUS_ACTION = {"accepted": "accepted", "retired": "retired", "provisional": "reopened"}
LEADS_TO = {"accepted": ("accepted",), "retired": ("retired",), "reopened": ("accepted", "provisional")}
"""The status that a mode may have after an entry."""


@dataclass(frozen=True)
class Author:
    """Who changes the taxonomy and when (UTC, ISO 8601), and why if they say so."""

    by: str
    at: str
    why: str = ""

    @property
    def is_human(self) -> bool:
        """Whether a person decided."""
        return self.by != PIPELINE


@dataclass(frozen=True)
class Change:
    """One entry of the history: `before` and `after` are values or mode ids, `traces` the failures that moved."""

    at: str
    by: str
    action: str
    modes: tuple[str, ...]
    before: str = ""
    after: str = ""
    traces: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Reviewed:
    """The content of `failure_modes.yaml`."""

    modes: tuple[Mode, ...] = ()
    history: tuple[Change, ...] = ()

    def mode(self, mode_id: str) -> Mode:
        """Return the mode of an id."""
        return next(m for m in self.modes if m.mode_id == mode_id)

    def place_of(self) -> dict[str, str]:
        """Return {trace: the mode it is a member of}."""
        return {x.trace_id: m.mode_id for m in self.modes for x in m.members}

    def with_modes(self, *changed: Mode) -> Reviewed:
        """Return it with modes replaced by those of the same id, or added at the end."""
        new = {m.mode_id: m for m in changed}
        kept = [new.pop(m.mode_id, m) for m in self.modes]
        return replace(self, modes=(*kept, *new.values()))

    def noted(self, author: Author, action: str, *modes: str, **more: Any) -> Reviewed:
        """Return it with one more entry in the history."""
        entry = Change(author.at, author.by, action, modes, why=author.why, **more)
        return replace(self, history=(*self.history, entry))


@dataclass(frozen=True)
class Recorded:
    """The modes and the places of failures as the last run wrote them into the tables."""

    modes: Mapping[str, Mode] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)


def dump_taxonomy(known: Reviewed) -> dict[str, Any]:
    """Return the content of `failure_modes.yaml`."""
    entries = [_dumped(c) for c in known.history]
    return {**dump_modes(known.modes), **({"history": entries} if entries else {})}


def _dumped(change: Change) -> dict[str, Any]:
    names = {"before": "from", "after": "to"}
    listed = {f.name: getattr(change, f.name) for f in fields(change)}
    return {names.get(k, k): list(v) if isinstance(v, tuple) else v for k, v in listed.items() if v}


def load_taxonomy(content: Any) -> Reviewed:
    """Return the reviewed taxonomy; a file without one has an empty history.

    Raises:
        CorruptFileError: see `load_modes`; or an entry of the history has another shape.
    """
    modes = load_modes(content)
    entries = (content or {}).get("history") or []
    if not isinstance(entries, list):
        raise CorruptFileError("failure_modes.yaml: `history` must be a list")
    return Reviewed(tuple(modes), tuple(_change(e) for e in entries))


def _change(entry: Any) -> Change:
    names = {"from": "before", "to": "after"}
    try:
        given: dict[str, Any] = {names.get(k, k): v for k, v in entry.items()}
        lists = {k: tuple(str(x) for x in given.pop(k, None) or ()) for k in ("modes", "traces")}
        return Change(modes=lists["modes"], traces=lists["traces"], **{k: str(v) for k, v in given.items()})
    except (TypeError, AttributeError) as error:
        raise CorruptFileError(f"failure_modes.yaml: {entry!r:.120} is no entry of a history: {error}") from None


def note_hand_edits(known: Reviewed, recorded: Recorded, author: Author) -> Reviewed:
    """Return `known` with entries for what was changed in the file by hand since the last run.

    The failures that were moved are theirs from then on (`HUMAN`). A mode that was taken out and whose failures are
    in another now was merged into that one: its id goes on to stand for it. Without a recorded state nothing is
    known to be changed.
    """
    if not recorded.modes:
        return known
    known = _note_gone(known, recorded, author)
    for mode in known.modes:
        known = _note_settings(known, mode, recorded.modes.get(mode.mode_id), author)
    return _note_moves(known, recorded, author)


def _note_gone(known: Reviewed, recorded: Recorded, author: Author) -> Reviewed:
    present, places = {m.mode_id for m in known.modes}, known.place_of()
    for gone in (m for i, m in recorded.modes.items() if i not in present):
        now = Counter(places[t] for t, i in recorded.places.items() if i == gone.mode_id and t in places)
        into, n = now.most_common(1)[0] if now else ("", 0)
        if 2 * n <= sum(i == gone.mode_id for i in recorded.places.values()):
            known = known.noted(author, "removed", gone.mode_id, before=gone.name)
        else:
            known = known.with_modes(replace(gone, status="retired", merged_into=into, members=()))
            known = known.noted(author, "merged", gone.mode_id, into, before=gone.name, after=known.mode(into).name)
    return known


def _note_settings(known: Reviewed, mode: Mode, before: Mode | None, author: Author) -> Reviewed:
    mode_id, taken = mode.mode_id, {c.action for c in known.history if mode.mode_id in c.modes}
    if mode.merged_into:
        into = mode.merged_into
        noted = {"before": mode.name, "after": known.mode(into).name}
        return known if "merged" in taken else known.noted(author, "merged", mode_id, into, **noted)
    if before is None:
        return known if taken & {"added", "split"} else known.noted(author, "added", mode_id, after=mode.name)
    for name, action in SETTING.items():
        last = [c.after for c in known.history if c.action == action and c.modes == (mode_id,)]
        was, now = last[-1] if last else str(getattr(before, name) or ""), str(getattr(mode, name) or "")
        if was != now:
            known = known.noted(author, action, mode_id, before=was, after=now)
    last = [c.action for c in known.history if c.action in LEADS_TO and c.modes == (mode_id,)]
    if mode.status != before.status and mode.status not in (LEADS_TO[last[-1]] if last else ()):
        known = known.noted(author, "reopened" if before.status == "retired" else STATUS_ACTION[mode.status], mode_id)
    return known


def _note_moves(known: Reviewed, recorded: Recorded, author: Author) -> Reviewed:
    now, noted_places = current_ids(known.modes), {}
    for change in known.history:
        if change.action in ("moved", "split", "added"):
            noted_places.update(dict.fromkeys(change.traces, change.modes[-1]))
    moves: dict[tuple[str, str], list[str]] = {}
    for trace, place in known.place_of().items():
        was = recorded.places.get(trace)
        accounted = {now.get(p, p) for p in (was, noted_places.get(trace)) if p}
        if was and place not in accounted:
            moves.setdefault((was, place), []).append(trace)
    for (was, place), traces in moves.items():
        known = known.with_modes(made_human(known.mode(place), traces))
        known = known.noted(author, "moved", was, place, traces=tuple(traces))
    return known


def made_human(mode: Mode, traces: Sequence[str]) -> Mode:
    """Return the mode with the given members as a person's own decision."""
    decided = set(traces)
    return replace(mode, members=tuple(_human(x) if x.trace_id in decided else x for x in mode.members))


def _human(member: Member) -> Member:
    return replace(member, assigned_by="HUMAN", confidence=1.0)
