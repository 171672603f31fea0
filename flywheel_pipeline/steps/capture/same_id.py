"""Several whole traces of one id in a block: a later state of the same conversation, or two that are confused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from flywheel_pipeline.records import CapturedTrace


@dataclass
class Sorted:
    """The traces of a block: those that stay, repetitions in one line, and (trace, the one that is kept instead)."""

    kept: list[CapturedTrace] = field(default_factory=list)
    repeated: list[CapturedTrace] = field(default_factory=list)
    confused: list[tuple[CapturedTrace, CapturedTrace]] = field(default_factory=list)


def sort_by_id(traces: Sequence[CapturedTrace]) -> Sorted:
    """Return which whole traces (not made of spans) stay.

    Of several with one id the fullest counts, as across files (`superseded.sql`). Another one stays as well, to be
    counted there as a duplicate, if the conversation of one is the beginning of the other's: an app logs a growing
    conversation again and again. If it says something else, two traces share an id by mistake, and one would be lost
    unnoticed.
    """
    ids = Counter(t.trace_id for t in traces if t.spans is None)
    found = Sorted()
    groups: dict[str, list[CapturedTrace]] = {}
    for trace in traces:
        if trace.spans is None and ids[trace.trace_id] > 1:
            groups.setdefault(trace.trace_id, []).append(trace)
        else:
            found.kept.append(trace)
    for group in groups.values():
        best = max(group, key=_fullness)
        found.kept.append(best)
        for trace in group:
            if trace is best:
                continue
            if not (_begins(best, trace) or _begins(trace, best)):
                found.confused.append((trace, best))
            elif trace.source_line == best.source_line:
                found.repeated.append(trace)
            else:
                found.kept.append(trace)
    return found


def shared_id(trace_id: str, where: str) -> str:
    """Return why a trace is not kept: `where` another one of its id stands."""
    return (
        f"the id {trace_id[:40]!r} is also that of {where}, which holds something else and is kept: give every trace "
        "an id of its own, and what belongs together one session_id"
    )


def _fullness(trace: CapturedTrace) -> tuple[bool, int, object, int]:
    return trace.output is not None, trace.n_turns, trace.started_at, trace.source_line


def _begins(whole: CapturedTrace, part: CapturedTrace) -> bool:
    """Return whether the conversation of `part` is that of `whole` or its beginning; both are canonical JSON lists."""
    return part.messages == "[]" or whole.messages.startswith(part.messages[:-1])
