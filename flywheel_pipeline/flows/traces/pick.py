"""Send traces that a person chose to an annotator: an append-only file of batches that no sample drew."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.adapters.home.files import PICKED_FILE
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.names import clean_name

MOST, LONGEST_NOTE = 500, 2_000
"""Traces that are sent at once, and characters of the note."""


@dataclass(frozen=True)
class PickedTrace:
    """One trace that was sent to an annotator; without an inclusion probability it is in no rate of traffic."""

    batch: str
    trace_id: str
    to: str
    note: str
    sent_by: str
    sent_at: str


def send_to_annotator(
    bench: Workbench, trace_ids: Sequence[str], note: str = "", by: str | None = None, to: str | None = None
) -> list[PickedTrace]:
    """Add traces as a batch of their own to the queue of `to` (default: the arbiter); return its rows.

    What waits there from an earlier batch with the same note is not added again.

    Raises:
        HomeError: no trace is given, one is not captured, there are too many, or `to` is no annotator.
    """
    settings = bench.settings.annotate
    people = dict.fromkeys([settings.arbiter, *settings.annotators])
    if to is not None and to not in people:
        raise HomeError(f"{to!r} is not an annotator of this home; there are: {', '.join(people)}")
    if len(note) > LONGEST_NOTE:
        raise HomeError(f"The note is longer than {LONGEST_NOTE:,} characters.")
    wanted, now = find_traces(bench, trace_ids), timestamp()
    receiver, sender, text = to or settings.arbiter, clean_name(by or "") or settings.arbiter, note.strip()
    digest = hashlib.sha256("\n".join([receiver, text, now, *wanted]).encode(errors="replace")).hexdigest()[:4]
    batch = f"picked-{now[:19].replace(':', '')}-{digest}"
    added: list[PickedTrace] = []

    def rows(there: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        have = {(r.get("trace_id"), r.get("to"), r.get("note")) for r in there}
        added[:] = [
            PickedTrace(batch, i, receiver, text, sender, now) for i in wanted if (i, receiver, text) not in have
        ]
        return [vars(row) for row in added]

    bench.home.append_only(PICKED_FILE).extend(rows)
    return added


def find_traces(bench: Workbench, trace_ids: Sequence[str]) -> list[str]:
    """Return the ids, each once and in their order.

    Raises:
        HomeError: no id is given, there are too many, or one of them is of no captured trace.
    """
    wanted = list(dict.fromkeys(trace_ids))
    if not 1 <= len(wanted) <= MOST:
        raise HomeError(f"Name 1 to {MOST} traces, not {len(wanted)}.")
    known = _captured(bench, wanted)
    if missing := [i for i in wanted if i not in known]:
        more = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise HomeError(f"No captured trace has the id {missing[0][:80]!r}{more}.")
    return wanted


def picked_to_label(bench: Workbench) -> list[PickedTrace]:
    """Return the captured traces that were sent to annotators, the oldest first.

    Raises:
        CorruptFileError: the file holds something else.
    """
    rows = bench.home.append_only(PICKED_FILE).read().rows
    names = PickedTrace.__dataclass_fields__
    picked = [PickedTrace(**{name: str(row.get(name) or "") for name in names}) for row in rows]
    known = _captured(bench, [p.trace_id for p in picked]) if picked else set()
    return [p for p in picked if p.trace_id in known]


def _captured(bench: Workbench, ids: Sequence[str]) -> set[str]:
    sql = "select trace_id from raw_traces where trace_id in (select unnest(?))"
    return {row[0] for row in bench.lake.rows(sql, [list(ids)])}
