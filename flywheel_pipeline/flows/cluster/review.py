"""Read and edit the reviewed taxonomy of a home, and decide on proposals: for the command line and the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.home.files import PROPOSALS_FILE, TAXONOMY_FILE
from flywheel_pipeline.adapters.home.reviewed import HEAD
from flywheel_pipeline.errors import ConflictError
from flywheel_pipeline.flows.annotate import current_annotations
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.records import Annotation, FailureMode, SampledTrace
from flywheel_pipeline.settings import Settings
from flywheel_pipeline.steps.cluster import (
    Failure,
    Proposal,
    Reviewed,
    Said,
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
    """The taxonomy and the proposals as they were when somebody looked, and the version that an edit must name."""

    known: Reviewed
    proposals: tuple[Proposal, ...]
    version: str


@dataclass(frozen=True)
class Measured:
    """The modes as a run would rank them now, {trace: failure} of all that count, and how complete the modes are."""

    ranks: list[FailureMode]
    failures: dict[str, Failure]
    saturation: Saturation


class Review:
    """The reviewed files of one home."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self._modes = bench.home.reviewed(TAXONOMY_FILE)
        self._proposals = bench.home.reviewed(PROPOSALS_FILE)

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
        """Read both files."""
        modes, proposals = self._modes.read(), self._proposals.read()
        found = tuple(load_proposals(proposals.value))
        return Look(load_taxonomy(modes.value), found, f"{modes.version}-{proposals.version}")

    def measure(self, known: Reviewed) -> Measured:
        """Return what the labels, as they were last read, say of the modes as they are now."""
        labels = current_annotations(self.bench)
        failures = {a.trace_id: Failure.of(a) for a in labels if a.verdict == "fail"}
        ranks = rank_labelled(known.modes, labels, self.bench.lake.read("sampled_traces", SampledTrace))
        places = known.place_of()
        kinds = Counter(places.get(t, t) for t in failures)  # a failure in no mode may be the first of its own
        return Measured(ranks, failures, judge_saturation(list(kinds.values())))

    def edit(self, by: str | None, sent: Mapping[str, Any], seen: str | None = None) -> None:
        """Make an edit (see `edit_taxonomy`); it is on the disk when this returns.

        `seen` is the version that the person looked at, if they did.

        Raises:
            EditError: it can not be made.
            ConflictError: the taxonomy has changed since; nothing was overwritten.
        """
        notes = self._notes() if sent.get("action") in ("move", "add") else {}
        self._change(by, str(sent.get("why") or ""), seen, lambda k, said: edit_taxonomy(k, said, Request(sent, notes)))

    def accept(self, by: str | None, proposal_id: str, seen: str | None = None) -> Proposal:
        """Do what is proposed; raises like `edit`."""
        wanted = find_proposal(self.look().proposals, proposal_id)
        self._change(by, "", seen, lambda known, said: accept_proposal(known, said, wanted))
        content = self._proposals.read()
        left = [p for p in load_proposals(content.value) if p.proposal_id != proposal_id]
        self._proposals.replace(dump_proposals(left), content.version)
        return wanted

    def reject(self, by: str | None, proposal_id: str) -> Proposal:
        """Take a proposal off the list for good; raises like `edit`."""
        content = self._proposals.read()
        before = load_proposals(content.value)
        after = reject_proposal(before, self._said(by, ""), proposal_id)
        self._proposals.replace(dump_proposals(after), content.version)
        return find_proposal(before, proposal_id)

    def _notes(self) -> dict[str, str]:
        rows = self.bench.lake.read("annotations", Annotation, "is_current and verdict = 'fail'")
        return {a.trace_id: Failure.of(a).text for a in rows}

    def _said(self, by: str | None, why: str) -> Said:
        return Said(by or self.settings.annotate.arbiter, timestamp(), why[:500])

    def _change(self, by: str | None, why: str, seen: str | None, change: Callable[[Reviewed, Said], Reviewed]) -> None:
        content = self._modes.read()
        if seen is not None and seen.partition("-")[0] != content.version:
            raise ConflictError(
                "The taxonomy was changed by another person or a run; nothing was overwritten. Reload it."
            )
        before = load_taxonomy(content.value)
        after = change(before, self._said(by, why))
        if after != before:
            self._modes.replace(dump_taxonomy(after), content.version, HEAD)
