"""What keeps a candidate from shipping, and what would decide it, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from flywheel_pipeline.stats import PairedChange, smallest_detectable_change
from flywheel_pipeline.steps.improve.rule import show_probability

FAR = 5
"""How many times as many cases may be asked for; beyond that the difference seen is no reason to ask."""


@dataclass(frozen=True)
class Obstacle:
    """A reason to hold, what would remove it, and whether labels of flipped cases would."""

    problem: str
    need: str = ""
    labels_decide: bool = False


@dataclass(frozen=True)
class Unjudged:
    """A failure mode whose judge has no vote, and how many fails and passes of it to label.

    Both are -1 where no number of labels would do: the judge disagrees with the expert.
    """

    mode: str
    fails: int = 0
    passes: int = 0

    @property
    def need(self) -> str:
        """What would give the mode a judge."""
        if self.fails < 0 or self.passes < 0:
            return (
                f'the judge of "{self.mode}" disagrees with the expert, and more labels will not change that: '
                f'improve it (`flywheel judge tune "{self.mode}"`), or check the mode in code'
            )
        kinds = ((self.fails, "fail", "fails"), (self.passes, "pass", "passes"))
        wanted = [f"{n} more {one if n == 1 else many}" for n, one, many in kinds if n]
        return f'label {" and ".join(wanted) or "failures"} of "{self.mode}", so that its judge may decide'


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


def label_flips(wanted: int, overall: PairedChange) -> Obstacle:
    """Return the obstacle that a promising candidate rests on the judges alone."""
    return Obstacle(
        f"promising by the judges ({_counted(overall)}), which may err: the expert has to confirm it",
        f"label {wanted} flipped case{'s' if wanted != 1 else ''}, or consent with `gate.judges_alone`",
        True,
    )


def not_better(overall: PairedChange, bound: float, look: int, labels_left: int) -> Obstacle:
    """Return the obstacle that the candidate is not shown better."""
    nth = f" on look {look} at these test cases" if look > 1 else ""
    problem = (
        f"cannot tell whether it is better: {_counted(overall)}, better with probability "
        f"{show_probability(overall.p_better)} ({bound:.3f} needed{nth})"
    )
    return Obstacle(problem, _more_cases(overall, bound, look, labels_left), labels_left > 0)


def _more_cases(overall: PairedChange, bound: float, look: int, labels_left: int) -> str:
    n = overall.n
    if not n:
        return "label more traces: there are no test cases"
    moved = max((overall.fixed + overall.broken) / n, 0.1)
    least = smallest_detectable_change(n, moved, bound)
    shown = (
        f"the smallest effect that {n} cases could show is {least:.0%}"
        if least < 1
        else f"{n} cases are too few to show any effect"
    )
    reached = NormalDist().inv_cdf(min(max(overall.p_better, 0.001), 0.999))
    needed = round(n * (NormalDist().inv_cdf(bound) / reached) ** 2) if reached > 0 else FAR * n + 1
    if needed > FAR * n:
        return f"nothing speaks for it yet: {shown}"
    more = max(needed - n, 1)
    labels = f"label up to {labels_left} more flipped cases, or " if labels_left > 0 else ""
    fresh = "; new cases also bring the bound down" if look > 1 else ""
    return f"{labels}add about {more} test cases at the present rate ({shown}{fresh})"


def not_safe(name: str, change: PairedChange, loss: float, needed: int | None, labels_left: int = 0) -> Obstacle:
    """Return the obstacle that a loss by one guard is not excluded."""
    problem = f"{name}: a loss of {loss:.0%} is not excluded ({_counted(change)})"
    if needed is None:
        need = f"look at the cases that {name} breaks: more of the same would not clear it"
    else:
        need = f"add about {needed - change.n} test cases of {name}, at the present rate"
    labels = f"label up to {labels_left} more flipped cases, or " if labels_left > 0 else ""
    return Obstacle(problem, labels + need, labels_left > 0)


def unguarded(missing: Mapping[str, int]) -> Obstacle | None:
    """Return the obstacle that too few own cases guard some modes: {name: own test cases that are lacking}."""
    if not missing:
        return None
    each = [f'"{name}" needs {n} more' for name, n in list(missing.items())[:3]]
    more = ", …" if len(missing) > 3 else ""
    return Obstacle(
        f"nothing guards {_quoted(list(missing))}: too few own test cases",
        f"label more failures of these modes ({', '.join(each)}{more}), or name them in `gate.consent`",
    )


def unjudged(modes: Sequence[Unjudged]) -> Obstacle | None:
    """Return the obstacle that some modes have no judge with a vote."""
    if not modes:
        return None
    more = f"; {len(modes) - 3} more in `judge_alignment`" if len(modes) > 3 else ""
    nearest = sorted(modes, key=lambda m: (m.fails < 0, m.fails + m.passes))
    needs = "; ".join(m.need for m in nearest[:3])
    return Obstacle(
        f"nothing guards {_quoted([m.mode for m in modes])}: no judge of it may decide",
        f"{needs}{more}; or name the modes in `gate.consent`",
    )


def critical_doubted(cases: Sequence[str], judges: Mapping[str, str]) -> Obstacle | None:
    """Return the obstacle that critical cases fail by judges without a vote."""
    if not cases:
        return None
    named = ", ".join(f"{c} (by {judges[c]})" for c in cases[:3]) + (", …" if len(cases) > 3 else "")
    return Obstacle(
        f"critical cases fail by judges that are not trusted: {named}",
        f"label {len(cases)} critical case{'s' if len(cases) != 1 else ''}: the expert's verdict decides",
    )


def no_outcome(what: str, cases: Sequence[str]) -> Obstacle | None:
    """Return the obstacle that cases which a hard rule is about have no outcome."""
    if not cases:
        return None
    return Obstacle(f"{what} have no outcome now: {_listed(cases)}", "evaluate again: what is missing does not pass")


def fails_sometimes(name: str, cases: Sequence[str]) -> Obstacle | None:
    """Return the obstacle that some repeats of cases fail a hard rule that all of them passed before."""
    if not cases:
        return None
    need = "look at these answers; more repeats (`evaluate.repeats`) show how often they fail"
    return Obstacle(f"{name} passed before and now fails in some repeats: {_listed(cases)}", need)


def too_much(name: str, unit: str, before: float, after: float) -> Obstacle:
    """Return the obstacle that an answer takes much more than before."""
    return Obstacle(
        f"{name} grows from {before:,.0f} to {after:,.0f} {unit}", f"shorten it, or raise the limit of {name} in `gate`"
    )


def _counted(change: PairedChange) -> str:
    return f"{change.fixed:.3g} fixed and {change.broken:.3g} broken of {change.n}"


def _quoted(names: Sequence[str]) -> str:
    return _listed([f'"{name}"' for name in names])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
