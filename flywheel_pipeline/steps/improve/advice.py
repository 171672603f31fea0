"""What keeps a candidate from shipping, and what would decide it, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from flywheel_pipeline.stats import PairedChange, smallest_detectable_change

FAR = 5
"""How many times as many cases may be asked for; beyond that the difference seen is no reason to ask."""


@dataclass(frozen=True)
class Obstacle:
    """A reason to hold, what would remove it, and whether labels of flipped cases would."""

    problem: str
    need: str = ""
    labels_decide: bool = False


def coverage(share: float, least: float, worst: str = "") -> Obstacle | None:
    """Return the obstacle that too few outcomes are known on both sides, if so; `worst` is the judge most to blame."""
    if share >= least:
        return None
    return Obstacle(
        f"only {share:.0%} of the test cases have a known outcome before and after ({least:.0%} are needed)",
        "evaluate again: errors and `unsure` verdicts leave outcomes unknown"
        + (f" (most by {worst})" if worst else ""),
    )


def too_few(n: int, least: int) -> Obstacle | None:
    """Return the obstacle that there are too few test cases to decide anything, if so."""
    if n >= least:
        return None
    return Obstacle(f"{n} test cases are too few to decide anything", f"label more traces: {least} cases are the least")


def label_flips(n_flips: int, n_labelled: int, overall: PairedChange) -> Obstacle:
    """Return the obstacle that a promising candidate rests on the judges alone."""
    wanted = min(n_flips, 20) - n_labelled
    return Obstacle(
        f"promising by the judges ({_counted(overall)}), which may err: the expert has to confirm it",
        f"label {wanted} flipped case{'s' if wanted != 1 else ''}, or consent with `gate.judges_alone`",
        True,
    )


def not_better(overall: PairedChange, bound: float, look: int, labels_left: int) -> Obstacle:
    """Return the obstacle that the candidate is not shown better."""
    nth = f" on look {look} at these test cases" if look > 1 else ""
    problem = (
        f"cannot tell whether it is better: {_counted(overall)}, better with probability {overall.p_better:.3f} "
        f"({bound:.3f} needed{nth})"
    )
    return Obstacle(problem, _more_cases(overall, bound, look, labels_left), labels_left > 0)


def _more_cases(overall: PairedChange, bound: float, look: int, labels_left: int) -> str:
    n = overall.n
    if not n:
        return "label more traces: there are no test cases"
    moved = max((overall.fixed + overall.broken) / n, 0.1)
    least = smallest_detectable_change(n, moved, bound)
    shown = f"{n} cases show a change of {least:.0%} or more" if least < 1 else f"{n} cases can show no change"
    reached = NormalDist().inv_cdf(min(max(overall.p_better, 0.001), 0.999))
    needed = round(n * (NormalDist().inv_cdf(bound) / reached) ** 2) if reached > 0 else FAR * n + 1
    if needed > FAR * n:
        return f"nothing speaks for it yet: {shown}"
    more = max(needed - n, 1)
    labels = f"label up to {labels_left} more flipped cases, or " if labels_left > 0 else ""
    fresh = "; new cases also bring the bound down" if look > 1 else ""
    return f"{labels}add about {more} test cases if it goes on like this ({shown}{fresh})"


def not_safe(name: str, change: PairedChange, loss: float, needed: int | None, labels_left: int = 0) -> Obstacle:
    """Return the obstacle that a loss by one guard is not excluded."""
    problem = f"{name}: a loss of {loss:.0%} is not excluded ({_counted(change)})"
    if needed is None:
        need = f"look at the cases that {name} breaks: more of the same would not clear it"
    else:
        need = f"add about {needed - change.n} test cases of {name}, if it goes on like this"
    labels = f"label up to {labels_left} more flipped cases, or " if labels_left > 0 else ""
    return Obstacle(problem, labels + need, labels_left > 0)


def unguarded(missing: Mapping[str, int]) -> Obstacle | None:
    """Return the obstacle that nothing guards some modes: {name: own test cases that are lacking}."""
    if not missing:
        return None
    first = [f'"{name}"' for name in list(missing)[:3]]
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    each = [f"{name} needs {n} more" for name, n in zip(first, missing.values(), strict=False)]
    return Obstacle(
        f"nothing guards {', '.join(first)}{more}: too few own test cases, or no trusted judge",
        f"label more failures of the modes that nothing guards ({', '.join(each)}{', …' if more else ''}), "
        "or name them in `gate.consent`",
    )


def too_much(name: str, unit: str, before: float, after: float) -> Obstacle:
    """Return the obstacle that an answer takes much more than before."""
    return Obstacle(
        f"{name} grows from {before:,.0f} to {after:,.0f} {unit}", f"shorten it, or raise the limit of {name} in `gate`"
    )


def _counted(change: PairedChange) -> str:
    return f"{change.fixed:.3g} fixed and {change.broken:.3g} broken of {change.n}"
