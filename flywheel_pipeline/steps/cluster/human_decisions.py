"""Before and after the taxonomy is built: what people decided stands, whatever the pipeline would make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flywheel_pipeline.steps.cluster.history import PIPELINE, SETTING, Author, Reviewed
from flywheel_pipeline.steps.cluster.modes import Failure, Member, Mode, current_ids
from flywheel_pipeline.steps.cluster.preprocess import same_words


@dataclass(frozen=True)
class DecidedTaxonomy:
    """What is left to build on: the reviewed taxonomy, its live modes, and the failures that may be assigned."""

    known: Reviewed
    live: tuple[Mode, ...]
    failures: tuple[Failure, ...]


def apply_human_decisions(known: Reviewed, failures: Sequence[Failure], author: Author) -> DecidedTaxonomy:
    """Return the taxonomy and the failures with people's decisions worked in.

    A failure that a person moved is of the mode it was moved to, also where its label names another category or
    its comment was rewritten since. A category is of the mode that has, or once had, this name, and follows it when
    it is merged; one that names a retired mode opens it again, since that failure came back. Failures of a retired
    mode stay with it and are assigned to no other. Failures in the very words of one that a person placed follow it.
    """
    moved = _moved_by_people(known)
    known = _with_same_words(_with_current_texts(known, failures), author)
    names, places, wanted = _names(known), known.place_of(), []
    for f in failures:
        mode_id = moved.get(f.trace_id) or (names.get(f.category.lower()) if f.category else None)
        if mode_id and f.category and not known.mode(mode_id).is_live and places.get(f.trace_id) != mode_id:
            known = known.with_modes(replace(known.mode(mode_id), status="accepted")).noted(
                replace(author, why="the expert named it again"), "reopened", mode_id
            )
        wanted.append(replace(f, category=known.mode(mode_id).name) if mode_id and f.category else f)
    aside = {x.trace_id for m in known.modes if not m.is_live for x in m.members}
    live = tuple(m for m in known.modes if m.is_live)
    return DecidedTaxonomy(known, live, tuple(f for f in wanted if f.trace_id not in aside))


def add_built_modes(decided: DecidedTaxonomy, built: Sequence[Mode], author: Author) -> Reviewed:
    """Return the taxonomy with what was built: the order of the file stays, new modes come last, with an entry each.

    A group to review that was named has entries for what it is called and means; what a person has set is kept.

    A failure that moved to another mode, because its description was rewritten, has an entry, too: if the process is
    killed before the tables are written, the next run must not take that for a person's move.
    """
    known, before, places = decided.known, {m.mode_id for m in decided.known.modes}, decided.known.place_of()
    now = current_ids(known.modes)
    for mode in built:
        if (
            now.get(mode.mode_id, mode.mode_id) != mode.mode_id
        ):  # made again of what it was made of before it was merged
            target = known.mode(now[mode.mode_id])
            mode = replace(target, members=(*target.members, *mode.members))
        known = _named(known, mode, author) if mode.mode_id in before else known.with_modes(mode)
    for mode in (m for m in built if m.mode_id not in before):
        known = known.noted(author, "added", mode.mode_id, after=mode.name)
    moves: dict[tuple[str, str], list[str]] = {}
    for trace, mode_id in known.place_of().items():
        if places.get(trace, mode_id) != mode_id:
            moves.setdefault((places[trace], mode_id), []).append(trace)
    for (was, now_in), traces in sorted(moves.items()):
        known = known.noted(author, "moved", was, now_in, traces=tuple(sorted(traces)))
    return known


def _named(known: Reviewed, built: Mode, author: Author) -> Reviewed:
    """Return the taxonomy with a known mode as it was built, but for the texts that a person has set."""
    was = known.mode(built.mode_id)
    by_people = {c.action for c in known.history if c.by != PIPELINE and c.modes == (built.mode_id,)}
    texts = {n: getattr(was if SETTING[n] in by_people else built, n) for n in SETTING}
    known = known.with_modes(replace(built, **texts))
    for name, after in texts.items():
        if (before := getattr(was, name)) != after:
            known = known.noted(author, SETTING[name], built.mode_id, before=before or "", after=after or "")
    return known


def _with_same_words(known: Reviewed, author: Author) -> Reviewed:
    """Return it with the failures that the pipeline placed where people placed others in the same words.

    Where people put the same words into several modes nothing is moved.
    """
    decided: dict[str, set[str]] = {}
    for mode in known.modes:
        for x in mode.members:
            if _is_human(x) and mode.is_live:
                decided.setdefault(same_words(x.text), set()).add(mode.mode_id)
    one = {key: next(iter(modes)) for key, modes in decided.items() if key and len(modes) == 1}
    for mode in known.modes:
        if not mode.is_live:
            continue
        moves: dict[str, list[Member]] = {}
        for x in mode.members:
            if not _is_human(x) and (into := one.get(same_words(x.text), mode.mode_id)) != mode.mode_id:
                moves.setdefault(into, []).append(replace(x, assigned_by="CODE", confidence=1.0, quote=""))
        for into, members in sorted(moves.items()):
            known = _moved(known, mode.mode_id, into, members)
            why = replace(author, why="a person placed a failure in the same words")
            known = known.noted(why, "moved", mode.mode_id, into, traces=tuple(x.trace_id for x in members))
    return known


def _moved(known: Reviewed, origin: str, into: str, members: Sequence[Member]) -> Reviewed:
    gone = {x.trace_id for x in members}
    source, target = known.mode(origin), known.mode(into)
    return known.with_modes(
        replace(source, members=tuple(x for x in source.members if x.trace_id not in gone)),
        replace(target, members=(*target.members, *members)),
    )


def _moved_by_people(known: Reviewed) -> dict[str, str]:
    """Return {trace: mode} of the failures that a person put where they are, here and not by a label."""
    placed = {
        t for c in known.history if c.action in ("moved", "split", "added") and c.by != PIPELINE for t in c.traces
    }
    return {x.trace_id: m.mode_id for m in known.modes for x in m.members if x.trace_id in placed and _is_human(x)}


def _is_human(member: Member) -> bool:
    return member.assigned_by == "HUMAN"


def _names(known: Reviewed) -> dict[str, str]:
    """Return {name in small letters: the mode that it means now}; a present name goes before a former one."""
    now = current_ids(known.modes)
    former = {c.before.lower(): c.modes[0] for c in known.history if c.action in ("renamed", "merged") and c.before}
    merged = {m.name.lower(): m.mode_id for m in known.modes if m.merged_into}
    present = {m.name.lower(): m.mode_id for m in reversed(known.modes) if not m.merged_into}
    return {name: now[i] for name, i in {**former, **merged, **present}.items() if i in now}


def _with_current_texts(known: Reviewed, failures: Sequence[Failure]) -> Reviewed:
    """Return it with what the labels say now of the failures that people placed, so that they are not placed anew."""
    texts = {f.trace_id: f.text for f in failures}
    changed = [
        replace(
            m, members=tuple(replace(x, text=texts.get(x.trace_id, x.text)) if _is_human(x) else x for x in m.members)
        )
        for m in known.modes
    ]
    return replace(known, modes=tuple(changed))
