"""What the page of comparisons asks for: two versions, the cases that a filter leaves, a part of them, one case."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.adapters.home.files import EVALUATORS_FILE, KNOWN_FAILURES_FILE, TAXONOMY_FILE
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.case_details import find_cases, is_to_label, read_details
from flywheel_pipeline.flows.compare import (
    CANDIDATE,
    PRODUCTION,
    TABLES,
    Compared,
    Evaluated,
    compare,
    evaluated_versions,
    find_version,
)
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.steps.evaluate import CaseChange, quality_of_change, worst_first
from flywheel_pipeline.web.evaluate.views import row_of, show_case, show_evaluators
from flywheel_pipeline.web.templates import render

KEPT = 8
"""Comparisons, and filtered lists, that stay in memory."""
MOST_ROWS = 200
"""Rows of one answer."""
FILES = (KNOWN_FAILURES_FILE, TAXONOMY_FILE, EVALUATORS_FILE)
"""Files of the home that a comparison depends on, beside its tables."""
NOTHING = "Nothing is evaluated yet: label failures, then run the flywheel."


@dataclass(frozen=True)
class Filter:
    """What is looked at: cases of a failure mode, an outcome by an evaluator ("" is all that count), a text."""

    mode: str = ""
    outcome: str = ""
    evaluator: str = ""
    text: str = ""


class NotThereError(LookupError):
    """A case that is not among those compared."""


class _Recent:
    """The values of the last few keys."""

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """Return the value of a key, None if it is not there any more."""
        return self._values.get(key)

    def put(self, key: Hashable, value: Any) -> Any:
        """Keep a value, and forget the oldest."""
        self._values[key] = value
        while len(self._values) > KEPT:
            self._values.popitem(last=False)
        return value


class ComparisonService:
    """The comparisons of one home; each is made again only when a table or a reviewed file has changed."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self._compared, self._lists = _Recent(), _Recent()
        self._alone = threading.Lock()

    def overview(self, before: str = "", after: str = "") -> dict[str, Any]:
        """Return the versions there are, and the comparison of two of them; by default of the last candidate.

        Raises:
            HomeError: nothing is evaluated, or a version is not there.
        """
        compared = self.compared(before, after)
        found = compared.found
        return {
            "versions": [(v.version, str(v)) for v in compared.versions],
            "before": compared.before.version,
            "after": compared.after.version,
            "quality": str(quality_of_change(found, compared.approved)),
            "counts": found.counts(),
            "n_cases": len(found.cases),
            "evaluators": [(e.evaluator, compared.name_of(e.evaluator)) for e in found.evaluators],
            "modes": sorted({(m, compared.names.get(f"judge:{m}", m)) for c in found.cases if (m := c.mode_id)}),
            "html": render(
                "evaluate/summary.html", rows=show_evaluators(compared), notes=compared.notes,
                production=compared.production,
                rates=[str(r) for r in found.rates] if found.rates else None,
            ),
        }  # fmt: skip

    def cases(self, before: str, after: str, wanted: Filter, start: int, n: int, case_id: str = "") -> dict[str, Any]:
        """Return `n` rows of the cases that a filter leaves, worst first, from `start` on, and how many there are.

        `counts` are the outcomes of all cases that the other filters leave, `place` is that of the named case.
        """
        compared = self.compared(before, after)
        listed, counts = self._listed(compared, wanted)
        part = listed[start : start + min(n, MOST_ROWS)]
        approved = {k.case_id for k in compared.approved}
        rows = [row_of(c, compared, wanted.evaluator, approved) for c in part]
        place = next((i for i, c in enumerate(listed) if c.case_id == case_id), None) if case_id else None
        return {"n": len(listed), "start": start, "rows": rows, "counts": counts, "place": place}

    def case(self, before: str, after: str, case_id: str) -> dict[str, Any]:
        """Return one case as HTML, and its production trace, if it can be labelled.

        Raises:
            NotThereError: it is not among the compared cases.
        """
        compared = self.compared(before, after)
        details = read_details(self.bench, compared, [case_id]).get(case_id)
        change = next((c for c in compared.found.cases if c.case_id == case_id), None)
        if details is None or change is None:
            raise NotThereError("This case is not among those that are compared: reload the page.")
        shown = show_case(details, change, compared)
        html = render("evaluate/case.html", case=shown, before=str(compared.before), after=str(compared.after))
        trace = shown["trace_id"]
        return {"case_id": case_id, "html": html, "trace_id": trace, "to_label": is_to_label(self.bench, trace)}

    def compared(self, before: str, after: str) -> Compared:
        """Return the comparison of two versions, "" for production and the candidate of the last run.

        Raises:
            HomeError: nothing is evaluated, or a version is not there.
        """
        with self._alone:
            files = [self.bench.home.reviewed(name).version() for name in FILES]
            key = (before, after, self.bench.lake.stamp(*TABLES), *files)
            found: Compared = self._compared.get(key) or self._compared.put(key, self._compare(before, after))
            return found

    def _compare(self, before: str, after: str) -> Compared:
        versions = evaluated_versions(self.bench)
        if not versions:
            raise HomeError(NOTHING)
        return compare(self.bench, before or _default(versions, PRODUCTION), after or _default(versions, CANDIDATE))

    def _listed(self, compared: Compared, wanted: Filter) -> tuple[list[CaseChange], Mapping[str, int]]:
        key = (id(compared), wanted)
        kept = self._lists.get(key)
        if kept is None or kept[0] is not compared:
            kept = self._lists.put(key, (compared, *self._filter(compared, wanted)))
        return kept[1], kept[2]

    def _filter(self, compared: Compared, wanted: Filter) -> tuple[list[CaseChange], Mapping[str, int]]:
        cases = compared.found.cases
        found = find_cases(self.bench, compared, wanted.text) if wanted.text else None
        left = [
            c for c in cases
            if c.concerns(wanted.evaluator)
            and wanted.mode in ("", c.mode_id)
            and (found is None or c.case_id in found)
        ]  # fmt: skip
        outcomes = [c.outcome(wanted.evaluator) for c in left]
        counts = {o: outcomes.count(o) for o in compared.found.counts()}
        if wanted.outcome:
            left = [c for c, outcome in zip(left, outcomes, strict=True) if outcome == wanted.outcome]
        return (worst_first(left, wanted.evaluator) if wanted.evaluator else left), counts


def _default(versions: list[Evaluated], role: str) -> str:
    """Return the version of a role; where there is none, the first one there is."""
    try:
        return find_version(versions, role).version
    except HomeError:
        return versions[0].version
