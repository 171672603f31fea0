"""The tree of the prompts that a search considered, as lines for a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from flywheel_pipeline.records import PromptTrial


def tree_lines(trials: Sequence[PromptTrial]) -> list[str]:
    """Return one line per prompt, children below and to the right of what they were made from."""
    children: dict[str | None, list[PromptTrial]] = defaultdict(list)
    for t in trials:
        children[t.parent_version].append(t)
    return list(_lines(children, None, ""))


def _lines(children: dict[str | None, list[PromptTrial]], parent: str | None, indent: str) -> Iterator[str]:
    own = children.get(parent, [])
    for n, t in enumerate(own):
        last = n == len(own) - 1
        branch = "" if parent is None else "└─ " if last else "├─ "
        yield f"{indent}{branch}{describe(t)}"
        yield from _lines(children, t.version, indent + ("" if parent is None else "   " if last else "│  "))


def describe(trial: PromptTrial) -> str:
    """Return what became of a prompt, in one line."""
    who = trial.improver or "production"
    unknown = f" ({trial.n_dev - trial.n_known} unknown)" if trial.n_known < trial.n_dev else ""
    rate = f"{trial.pass_rate:.0%} of {trial.n_dev} dev cases pass{unknown}" if trial.pass_rate is not None else ""
    flips = f"{trial.n_fixed} fixed, {trial.n_broken} broken" if trial.status in ("evaluated", "best") else ""
    status = "" if trial.status in ("base", "evaluated", "dropped") else trial.status
    why = trial.reason if trial.status in ("rejected", "held", "dropped", "unscored") else ""
    found = ", ".join(part for part in (status, rate, flips) if part)
    return f"{trial.version} {who}: {found}{f' ({why})' if found and why else why}"
