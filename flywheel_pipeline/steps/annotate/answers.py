"""Answers of an annotator to the questions of a labelling tool -> cells under our names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.steps.annotate.columns import SYNONYMS, LabelRules, matches
from flywheel_pipeline.steps.annotate.entries import Cells, text_of
from flywheel_pipeline.steps.annotate.words import is_blank, tidy, verdict_of

ASKED = ("verdict", "code", "comment", "category", "first_failure_step", "severity", "rubric_version")
"""What a question may ask for, by its name."""


@dataclass(frozen=True)
class Named:
    """The answers under our names, those beyond them in `extra`, and the questions that were used: {ours: theirs}."""

    cells: Cells
    used: Mapping[str, str]
    problem: str | None = None
    """Why the answers cannot be used."""


def name_answers(answers: Mapping[str, Any], rules: LabelRules) -> Named:
    """Return the answers to the questions of a labelling tool under our names.

    Where no question is named as the verdict, the only answer that is one is taken; of several, none is.
    """
    rest = {name: text_of(value) for name, value in answers.items()}
    used: dict[str, str] = {}
    for ours in ASKED:
        theirs = _question(ours, [n for n in rest if n not in used.values()], rules)
        if theirs is not None:
            used[ours] = theirs
    problem = None
    if "verdict" not in used:
        found = [name for name, text in rest.items() if name not in used.values() and verdict_of(text)]
        used |= {"verdict": found[0]} if len(found) == 1 else {}
        if len(found) > 1:
            problem = f"which of the answers {', '.join(found)[:200]} is the verdict? Set labels.columns.verdict to it"
    cells: Cells = {"verdict": "", **{ours: rest.pop(theirs) for ours, theirs in used.items()}}
    return Named({**cells, "extra": rest}, used, problem)


def _question(ours: str, names: Sequence[str], rules: LabelRules) -> str | None:
    if ours in rules.columns:
        wanted = tidy(rules.columns[ours] or "")
        configured = next((n for n in names if tidy(n) == wanted), None)
        if configured is not None or not wanted:
            return configured
    ranked = sorted((rank, n) for n in names if (rank := matches(ours, n)) is not None)
    return ranked[0][1] if ranked else None


def trace_of(cells: Mapping[str, Any], rules: LabelRules) -> Any:
    """Return the id of the trace that an item shows, by its usual names and those of other tools."""
    tidied = {tidy(k): v for k, v in reversed(list(cells.items())) if not is_blank(v)}
    names = (tidy(rules.columns.get("trace_id") or ""), *SYNONYMS["trace_id"][:-1], "external_id", "id")
    return next((tidied[n] for n in names if n in tidied), None)


def is_on_a_turn(name: str) -> bool:
    """Return whether a question asks for the verdict on one turn, such as `verdict_2` or `turn_2_verdict`."""
    words = [w for w in tidy(name).split("_") if w not in ("turn", "message", "step")]
    bare = "_".join(w for w in words if not w.isdecimal())
    return any(w.isdecimal() for w in words) and bool(bare) and matches("verdict", bare) is not None


def fold_turns(turns: Sequence[tuple[int | None, str]]) -> tuple[str, int | None]:
    """Return the verdict on a whole trace from verdicts on its turns, and the first turn that fails.

    One turn that fails makes the trace fail; it passes where every turn does; else it is deferred. A word that is no
    verdict is returned as it is, for the reader to reject.
    """
    strange = next((text for _, text in turns if text and verdict_of(text) is None), None)
    failed = [turn for turn, text in turns if verdict_of(text) == "fail"]
    if strange is not None:
        return strange, None
    if failed:
        numbers = [turn for turn in failed if turn is not None]
        return "fail", min(numbers) if len(numbers) == len(failed) else None
    return ("pass" if all(verdict_of(text) == "pass" for _, text in turns) else "defer"), None
