"""Read and edit the reviewed taxonomy of a home, decide on proposals, undo: for the command line and the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.home.files import PROPOSALS_FILE, TAXONOMY_FILE
from flywheel_pipeline.adapters.home.reviewed import HEAD
from flywheel_pipeline.errors import ConflictError, EditError
from flywheel_pipeline.flows.annotate import current_annotations
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.records import Annotation, FailureMode, SampledTrace
from flywheel_pipeline.settings import Settings
from flywheel_pipeline.steps.cluster import (
    Author,
    Failure,
    ProposedChange,
    Reviewed,
    accept_proposal,
    dump_proposals,
    dump_taxonomy,
    find_proposal,
    load_proposals,
    load_taxonomy,
    rank_labelled,
    reject_proposal,
)
from flywheel_pipeline.steps.cluster.request import Request, edit_taxonomy
from flywheel_pipeline.steps.sample import Saturation, judge_saturation


@dataclass(frozen=True)
class Look:
    """The taxonomy and the proposals as they were read, and the version that an edit must name."""

    known: Reviewed
    proposals: tuple[ProposedChange, ...]
    version: str


@dataclass(frozen=True)
class Measured:
    """The modes as a run would rank them now, {trace: failure} of all that count, and how complete the modes are.

    `picked` are the traces of those failures that people picked, which are in no rate of traffic.
    """

    ranks: list[FailureMode]
    failures: dict[str, Failure]
    saturation: Saturation
    picked: frozenset[str]


@dataclass(frozen=True)
class _Undo:
    """The modes and proposals before an edit, the version that the edit led to, and what it did."""

    known: Reviewed
    proposals: tuple[ProposedChange, ...]
    after: str
    what: str


class Review:
    """The reviewed files of one home; what was read is cached until the files change."""

    max_undo = 50

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self._modes = bench.home.reviewed(TAXONOMY_FILE)
        self._proposals = bench.home.reviewed(PROPOSALS_FILE)
        self._look: Look | None = None
        self._labels: tuple[Hashable, list[Annotation], list[SampledTrace]] | None = None
        self._measured: tuple[Hashable, Measured] | None = None
        self._undo: list[_Undo] = []

    @classmethod
    def of(cls, home: Path | None) -> Review:
        """Return that of a home.

        Raises:
            HomeError: there is none.
        """
        return cls(Workbench.of(home))

    @property
    def settings(self) -> Settings:
        """The settings of the home."""
        return self.bench.settings

    def look(self) -> Look:
        """Return what both files hold.

        Raises:
            CorruptFileError: one of them cannot be read.
        """
        if self._look is None or self._look.version != f"{self._modes.version()}-{self._proposals.version()}":
            modes, proposals = self._modes.read(), self._proposals.read()
            found = tuple(load_proposals(proposals.value))
            self._look = Look(load_taxonomy(modes.value), found, f"{modes.version}-{proposals.version}")
        return self._look

    def measure(self, known: Reviewed) -> Measured:
        """Return the ranks of the modes, the failures and the saturation, by the labels as they were last read."""
        stamp = self.bench.lake.stamp("annotations", "sampled_traces")
        if self._labels is None or self._labels[0] != stamp:
            labels = current_annotations(self.bench)
            self._labels, self._measured = (stamp, labels, self.bench.lake.read("sampled_traces", SampledTrace)), None
        if self._measured is None or self._measured[0] is not known:
            self._measured = known, self._measure(known, *self._labels[1:])
        return self._measured[1]

    def _measure(self, known: Reviewed, labels: list[Annotation], samples: list[SampledTrace]) -> Measured:
        failures = {a.trace_id: Failure.of(a) for a in labels if a.verdict == "fail"}
        places = known.place_of()
        picked = frozenset(a.trace_id for a in labels if a.verdict == "fail" and a.is_picked)
        kinds = Counter(
            places.get(t, t) for t in failures if t not in picked
        )  # a failure in no mode may be the first of its own
        ranks = rank_labelled(known.modes, labels, samples)
        n_groups = sum(m.is_group for m in known.modes)
        return Measured(ranks, failures, judge_saturation(list(kinds.values()), n_groups), picked)

    def edit(self, by: str | None, sent: Mapping[str, Any], seen: str | None = None) -> None:
        """Make an edit (see `edit_taxonomy`); it is on the disk when this returns.

        `seen` is the version that the person looked at, if they did.

        Raises:
            EditError: it cannot be made.
            ConflictError: the taxonomy has changed since; nothing was overwritten.
        """
        notes = self._notes() if sent.get("action") in ("move", "add") else {}
        before = self.look()
        self._change(
            by, str(sent.get("why") or ""), seen, lambda k, author: edit_taxonomy(k, author, Request(sent, notes))
        )
        self._remember(before, str(sent.get("action")))

    def accept(self, by: str | None, proposal_id: str, seen: str | None = None) -> ProposedChange:
        """Do what is proposed; raises like `edit`."""
        before = self.look()
        wanted = find_proposal(before.proposals, proposal_id)
        self._change(by, "", seen, lambda known, author: accept_proposal(known, author, wanted))
        content = self._proposals.read()
        left = [p for p in load_proposals(content.value) if p.proposal_id != proposal_id]
        self._proposals.replace(dump_proposals(left), content.version)
        self._remember(before, "accepted proposal")
        return wanted

    def reject(self, by: str | None, proposal_id: str) -> ProposedChange:
        """Take a proposal off the list for good; raises like `edit`."""
        looked, content = self.look(), self._proposals.read()
        before = load_proposals(content.value)
        after = reject_proposal(before, self._author(by, ""), proposal_id)
        self._proposals.replace(dump_proposals(after), content.version)
        self._remember(looked, "rejected proposal")
        return find_proposal(before, proposal_id)

    @property
    def undoable(self) -> str:
        """Return what `undo` would undo: the latest edit made here, if nothing has changed since; else ""."""
        return self._undo[-1].what if self._undo and self._undo[-1].after == self.look().version else ""

    def undo(self, seen: str) -> None:
        """Restore what both files held before the latest edit made here; the entry in the history goes, too.

        Raises:
            EditError: there is nothing to undo.
            ConflictError: the taxonomy has changed since; nothing was undone.
        """
        now = self.look()
        if not self._undo:
            raise EditError("there is nothing to undo")
        last = self._undo[-1]
        if not last.after == now.version == seen:
            raise ConflictError("The taxonomy was changed by another person or a run; nothing was undone. Reload it.")
        modes_version, _, proposals_version = seen.partition("-")
        if last.known != now.known:
            self._modes.replace(dump_taxonomy(last.known), modes_version, HEAD)
        if last.proposals != now.proposals:
            self._proposals.replace(dump_proposals(last.proposals), proposals_version)
        self._undo.pop()
        if self._undo:
            self._undo[-1] = replace(self._undo[-1], after=self.look().version)

    def _remember(self, before: Look, what: str) -> None:
        """Keep the state before an edit; forget older states where someone else made a change in between."""
        after = self.look()
        if after.version == before.version:
            return
        if self._undo and self._undo[-1].after != before.version:
            self._undo.clear()
        self._undo.append(_Undo(before.known, before.proposals, after.version, what))
        del self._undo[: -self.max_undo]

    def _notes(self) -> dict[str, str]:
        self.measure(self.look().known)
        assert self._measured is not None
        return {trace: f.text for trace, f in self._measured[1].failures.items()}

    def _author(self, by: str | None, why: str) -> Author:
        return Author(by or self.settings.annotate.arbiter, timestamp(), why[:500])

    def _change(
        self, by: str | None, why: str, seen: str | None, change: Callable[[Reviewed, Author], Reviewed]
    ) -> None:
        now = self.look()
        version = now.version.partition("-")[0]
        if seen is not None and seen.partition("-")[0] != version:
            raise ConflictError(
                "The taxonomy was changed by another person or a run; nothing was overwritten. Reload it."
            )
        after = change(now.known, self._author(by, why))
        if after != now.known:
            written = self._modes.replace(dump_taxonomy(after), version, HEAD)
            self._look = replace(now, known=after, version=f"{written}-{now.version.partition('-')[2]}")
