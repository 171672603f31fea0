"""What people do to the taxonomy: every function returns the taxonomy as it is then, with an entry in its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flywheel_pipeline.errors import EditError
from flywheel_pipeline.names import clean_name
from flywheel_pipeline.records import SEVERITIES
from flywheel_pipeline.steps.cluster.history import SETTING, Author, Reviewed
from flywheel_pipeline.steps.cluster.modes import MAX_NAME, Member, Mode, mint_mode


def find_mode(known: Reviewed, word: str) -> Mode:
    """Return the mode that `word` is the id or the name of.

    Raises:
        EditError: there is none, or several have this name.
    """
    wanted = " ".join(word.split()).lower()
    found = [m for m in known.modes if m.mode_id == word] or [
        m for m in known.modes if not m.merged_into and m.name.lower() == wanted
    ]
    if len(found) == 1:
        return found[0]
    listed = "; ".join(f"{m.mode_id} {m.name}" for m in known.modes if not m.merged_into) or "none"
    raise EditError(f"{'Several modes are' if found else 'No mode is'} called {word!r}. There are: {listed}")


def set_text(known: Reviewed, author: Author, mode_id: str, name: str, value: str) -> Reviewed:
    """Set the name, definition, belongs, does_not_belong or severity of a mode; `name` says which.

    A severity of "" leaves it to what the labels say.

    Raises:
        EditError: the value cannot be used.
    """
    mode, text = known.mode(mode_id), clean_name(value)
    before = getattr(mode, name) or ""
    if name == "name":
        _check_name(known, text, mode_id)
    if name == "definition" and not text:
        raise EditError("a definition says in one sentence when a failure belongs to the mode")
    if name == "severity" and text not in ("", *SEVERITIES):
        raise EditError(f"the severity must be one of {', '.join(SEVERITIES)}")
    if text == before:
        return known
    changes: dict[str, Any] = {name: text or None if name == "severity" else text}
    changed = replace(mode, **changes)
    return known.with_modes(changed).noted(author, SETTING[name], mode_id, before=before, after=text)


def name_group(known: Reviewed, author: Author, mode_id: str, name: str) -> Reviewed:
    """Rename a group to review and accept it: a person who names it has reviewed it.

    Raises:
        EditError: the name cannot be used.
    """
    return set_status(set_text(known, author, mode_id, "name", name), author, mode_id, "accepted")


def move(known: Reviewed, author: Author, texts: Mapping[str, str], mode_id: str) -> Reviewed:
    """Put failures, {trace: description}, into a mode, wherever they were; they stay there.

    Raises:
        EditError: the mode is retired.
    """
    _check_live(known.mode(mode_id))
    places = known.place_of()
    members = {x.trace_id: x for m in known.modes for x in m.members}
    for origin in dict.fromkeys(places.get(t, "") for t in texts):
        traces = [t for t in texts if places.get(t, "") == origin]
        moved = [members.get(t) or Member(t, texts[t]) for t in traces]
        known = _without(known, traces)
        target = known.mode(mode_id)
        known = known.with_modes(replace(target, members=(*target.members, *(_placed(x, author) for x in moved))))
        known = known.noted(author, "moved", *filter(None, (origin, mode_id)), traces=tuple(traces))
    return known


def add(known: Reviewed, author: Author, texts: Mapping[str, str], name: str, definition: str = "") -> Reviewed:
    """Make a new mode of failures, {trace: description}, that are in no mode.

    Raises:
        EditError: one of them is in a mode, or the name cannot be used.
    """
    if not texts or set(texts) & set(known.place_of()):
        raise EditError("choose failures that are in no mode; to take some out of a mode, split it")
    made = _minted(known, author, name, definition, texts)
    members = tuple(_placed(Member(t, text), author) for t, text in texts.items())
    known = known.with_modes(replace(made, members=members))
    return known.noted(author, "added", made.mode_id, after=made.name, traces=tuple(texts))


def merge(known: Reviewed, author: Author, mode_id: str, into: str) -> Reviewed:
    """Make one mode of two: the failures of `mode_id` go to `into`, for which its id stands from then on.

    Raises:
        EditError: they are the same, or one of them is retired.
    """
    gone, target = known.mode(mode_id), known.mode(into)
    if mode_id == into:
        raise EditError("a mode cannot be merged into itself")
    _check_live(gone)
    _check_live(target)
    known = known.with_modes(
        replace(target, members=(*target.members, *gone.members)),
        replace(gone, status="retired", merged_into=into, members=()),
    )
    return known.noted(author, "merged", mode_id, into, before=gone.name, after=target.name)


def split(
    known: Reviewed, author: Author, mode_id: str, traces: Sequence[str], name: str, definition: str = ""
) -> Reviewed:
    """Make a mode of its own of some failures of a mode.

    Raises:
        EditError: they are not some of its failures, or the name cannot be used.
    """
    mode, wanted = known.mode(mode_id), list(dict.fromkeys(traces))
    own = [x for x in mode.members if x.trace_id in set(wanted)]
    if not wanted or len(own) != len(wanted):
        raise EditError(f"choose failures of {mode.name!r} to split off")
    if len(own) == len(mode.members):
        raise EditError(f"these are all failures of {mode.name!r}: rename it instead")
    made = _minted(known, author, name, definition, {x.trace_id: x.text for x in own})
    known = _without(known, wanted).with_modes(replace(made, members=tuple(_placed(x, author) for x in own)))
    return known.noted(author, "split", mode_id, made.mode_id, before=mode.name, after=made.name, traces=tuple(wanted))


def set_status(known: Reviewed, author: Author, mode_id: str, status: str) -> Reviewed:
    """Accept a mode, retire it, or open a retired one again (`status` "accepted").

    Raises:
        EditError: it was merged into another mode.
    """
    mode = known.mode(mode_id)
    if mode.merged_into:
        raise EditError(f"{mode.name!r} was merged into {mode.merged_into}")
    if mode.status == status:
        return known
    action = "reopened" if mode.status == "retired" else status
    return known.with_modes(replace(mode, status=status)).noted(author, action, mode_id)


def _minted(known: Reviewed, author: Author, name: str, definition: str, texts: Mapping[str, str]) -> Mode:
    name = clean_name(name)
    _check_name(known, name, None)
    made = mint_mode(name, definition, list(texts), "accepted" if author.is_human else "provisional")
    if made.mode_id in {m.mode_id for m in known.modes}:
        raise EditError("these failures were a mode of this name before: choose another name")
    return made


def _check_name(known: Reviewed, name: str, mode_id: str | None) -> None:
    if not 0 < len(name) <= MAX_NAME:
        raise EditError(f"a name has between 1 and {MAX_NAME} characters")
    if any(m.name.lower() == name.lower() and m.mode_id != mode_id and not m.merged_into for m in known.modes):
        raise EditError(f"another mode is called {name!r}: merge the two, or choose another name")


def _check_live(mode: Mode) -> None:
    if not mode.is_live:
        where = f"merged into {mode.merged_into}" if mode.merged_into else "retired: accept it again first"
        raise EditError(f"{mode.name!r} is {where}")


def _without(known: Reviewed, traces: Sequence[str]) -> Reviewed:
    gone = set(traces)
    kept = [replace(m, members=tuple(x for x in m.members if x.trace_id not in gone)) for m in known.modes]
    return replace(known, modes=tuple(kept))


def _placed(member: Member, author: Author) -> Member:
    return replace(
        member, assigned_by="HUMAN" if author.is_human else "CODE", confidence=1.0 if author.is_human else 0.5
    )
