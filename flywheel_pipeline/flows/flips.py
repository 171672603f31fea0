"""Flipped cases for the expert: what the gate asks to be labelled, and the labels in `golden/flip_labels.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.adapters.home.files import FLIP_LABELS_FILE
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.flows.evaluate import active_cases
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import CaseAnswer, GoldenCase, PromptCandidate, PromptVersion
from flywheel_pipeline.steps.improve.flips import BATCH, FlipLabel, Pair, labels_on, pair_of, shows_candidate_first

VERDICTS = ("pass", "fail", "defer")
"""The expert's verdict on one answer; a deferred case counts as not labelled."""
FIELDS = ("base", "candidate", "case_id", "before", "after", "answers")


@dataclass(frozen=True)
class Flip:
    """A case that the expert is asked about: the two answers, and which of them is shown first."""

    base: str
    candidate: str
    batch: str
    case: GoldenCase
    pair: Pair

    @property
    def is_candidate_first(self) -> bool:
        """Whether the candidate's answer is the first of the two."""
        return shows_candidate_first(self.base, self.candidate, self.case.case_id)


def waiting_candidate(bench: Workbench) -> PromptCandidate | None:
    """Return the candidate that the gate decided on last, if it is one against the present production prompt."""
    prompts = bench.lake.read("production_prompt", PromptVersion)
    if not prompts:
        return None
    mine = "decision is not null and base_version = ?"
    decided = bench.lake.read("prompt_candidate", PromptCandidate, mine, [prompts[0].version])
    return next((c for c in decided if "overall" in json.loads(c.evidence)), None)


def flips_to_label(bench: Workbench) -> list[Flip]:
    """Return the cases that the gate asks the expert about, in a random order that stays; none unless it holds."""
    candidate = waiting_candidate(bench)
    if candidate is None or candidate.decision != "hold":
        return []
    evidence = json.loads(candidate.evidence)
    asked: list[str] = evidence.get("to_label", [])
    cases = {c.case_id: c for c in active_cases(bench)} if asked else {}
    answers = answers_of(bench, candidate, asked)
    batch = f"flips-{candidate.candidate_id}-{evidence.get('n_labelled', 0) // BATCH + 1}"
    pairs = {c: pair_of(candidate.candidate_id, c, *answers) for c in asked if c in cases}
    return [
        Flip(candidate.base_version, candidate.candidate_id, batch, cases[c], pair)
        for c, pair in pairs.items()
        if pair is not None
    ]


def answers_of(
    bench: Workbench, candidate: PromptCandidate, case_ids: Sequence[str]
) -> tuple[list[CaseAnswer], list[CaseAnswer]]:
    """Return the answers to these cases under the baseline that a candidate was compared with, and under itself."""
    where = "prompt_version = ? and case_id in (select unnest(?))"
    before, after = (
        bench.lake.read("answers", CaseAnswer, where, [version, list(case_ids)]) if case_ids else []
        for version in (baseline_of(candidate), candidate.candidate_id)
    )
    return before, after


def baseline_of(candidate: PromptCandidate) -> str:
    """Return the prompt version of the rows that a candidate was compared with."""
    return str(json.loads(candidate.evidence).get("baseline") or candidate.base_version)


def keep_flip_labels(bench: Workbench, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append labels of flipped cases to their file; they are on the disk when this returns."""
    bench.home.append_only(FLIP_LABELS_FILE).extend(lambda _: rows)


def flip_labels(bench: Workbench, base: str) -> dict[str, dict[str, FlipLabel]]:
    """Return the expert's verdicts on cases that flip between the prompt `base` and a candidate: {candidate: {case:
    label}}. The last one of a case counts; a deferred case has none.

    Raises:
        CorruptFileError: a line of the file lacks a field, or has a verdict that is none.
    """
    found: dict[str, dict[str, FlipLabel]] = {}
    for row in read_flip_labels(bench):
        if row["base"] != base:
            continue
        labels = found.setdefault(row["candidate"], {})
        if "defer" in (row["before"], row["after"]):
            labels.pop(row["case_id"], None)
        else:
            verdicts = row["before"] == "pass", row["after"] == "pass"
            labels[row["case_id"]] = FlipLabel(*verdicts, row["answers"])
    return found


def read_flip_labels(bench: Workbench) -> list[dict[str, Any]]:
    """Return the lines of the file, oldest first; raises like `flip_labels`."""
    rows = bench.home.append_only(FLIP_LABELS_FILE).read().rows
    for number, row in enumerate(rows, 1):
        known = all(isinstance(row.get(name), str) for name in FIELDS)
        if not known or not {row["before"], row["after"]} <= set(VERDICTS):
            raise CorruptFileError(
                f"{FLIP_LABELS_FILE}, line {number}: expected {', '.join(FIELDS)}, and {', '.join(VERDICTS)} as before "
                "and after. Restore it."
            )
    return rows


@dataclass(frozen=True)
class Waiting:
    """How far the expert is with the flipped cases of a candidate.

    `n_asked` cases are on the labelling `page`; `n_labelled` of them have a label on file that the gate has not seen.
    """

    candidate: str
    n_asked: int
    n_labelled: int
    page: str

    def __str__(self) -> str:
        left = self.n_asked - self.n_labelled
        if not left:
            return "labels of all flipped cases wait for the gate: `flywheel gate decide`"
        are = "flip is" if left == 1 else "flips are"
        return f"{left} {are} waiting on the labelling page (`flywheel label`, {self.page})"


def flips_waiting(bench: Workbench) -> Waiting | None:
    """Return how far the expert is; None where the gate asks for no labels."""
    candidate, flips = waiting_candidate(bench), flips_to_label(bench)
    if candidate is None or not flips:
        return None
    given = flip_labels(bench, candidate.base_version).get(candidate.candidate_id, {})
    asked = {f.case.case_id for f in flips}
    new = labels_on({c: label for c, label in given.items() if c in asked}, candidate.candidate_id,
                    *answers_of(bench, candidate, sorted(asked)))  # fmt: skip
    return Waiting(candidate.candidate_id, len(flips), len(new), bench.page("label"))
