"""Measured settings of a retrieval: how often all needed documents are found, beside the settings of today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from flywheel_pipeline.stats import PairedChange, Rate, paired_change, proportion

MOST_SETTINGS = 100
"""Combinations that are measured."""
SHOWN = 0.95
"""Probability that a combination is better, shared among all that are compared (Bonferroni)."""

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """What a retrieval returned for a case: ids in its order, or the error."""

    case_id: str
    family: str
    expected: frozenset[str]
    ids: tuple[str, ...] = ()
    error: str = ""

    @property
    def has_all(self) -> bool:
        """Whether all needed documents are among them; an error found nothing."""
        return not self.error and self.expected <= set(self.ids)

    @property
    def recall(self) -> float:
        """The share of the needed documents that are among them."""
        return len(self.expected & set(self.ids)) / len(self.expected)

    @property
    def reciprocal_rank(self) -> float:
        """1 / the rank of the first needed document; 0 without one."""
        return next((1 / rank for rank, i in enumerate(self.ids, 1) if i in self.expected), 0.0)


@dataclass(frozen=True)
class Measured:
    """One combination on all cases, and what it changes against the first one, which is how it is today.

    `n_errors` cases ended in an error; where there are any, nothing is shown.
    """

    options: Options
    all_found: Rate
    recall: float
    mrr: float
    n_errors: int
    change: PairedChange | None = None
    is_better: bool = False

    def __str__(self) -> str:
        named = ", ".join(f"{k}={v}" for k, v in self.options.items()) or "as it is"
        errors = f", {self.n_errors} errors" if self.n_errors else ""
        found = f"all documents found {self.all_found}, recall {self.recall:.2f}, MRR {self.mrr:.2f}{errors}"
        if self.change is None:
            return f"{named}: {found}"
        verdict = "shown better" if self.is_better else "not shown better"
        change = f"{self.change.fixed:.0f} found and {self.change.broken:.0f} lost, {verdict}"
        return f"{named}: {found}; {change}"


def combinations(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Yield every combination of the grid's values, the first values first."""
    yield from (dict(zip(grid, values, strict=True)) for values in product(*grid.values()))


def measure_grid(runs: Sequence[tuple[Options, Sequence[Found]]]) -> list[Measured]:
    """Return every combination on the same cases, measured against the first; better ones first among the others.

    A combination is shown better where the probability of more cases with all their documents, families counted for
    what they are worth, is at least 1 - 0.05 / (number of others): the best of many looks better by chance.
    """
    base, *others = runs
    bound = 1 - (1 - SHOWN) / max(len(others), 1)
    measured = [_measured(*run, base[1], bound) for run in others]
    return [_measured(*base), *sorted(measured, key=lambda m: (-m.all_found.value, -m.mrr))]


def _measured(
    options: Options, found: Sequence[Found], base: Sequence[Found] | None = None, bound: float = 1.0
) -> Measured:
    n, n_errors = len(found), sum(bool(f.error) for f in found)
    change = None
    if base is not None:
        before, after = ([float(f.has_all) for f in side] for side in (base, found))
        change = paired_change(before, after, [f.family for f in found])
    has_errors = n_errors > 0 or any(f.error for f in base or ())
    return Measured(
        options, proportion(sum(f.has_all for f in found), n), sum(f.recall for f in found) / max(n, 1),
        sum(f.reciprocal_rank for f in found) / max(n, 1), n_errors, change,
        change is not None and not has_errors and change.p_better >= bound,
    )  # fmt: skip
