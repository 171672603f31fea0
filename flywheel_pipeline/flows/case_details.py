"""What people look at of a compared case: its question and documents, both answers, and all verdicts with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_pipeline.flows.compare import Compared
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase
from flywheel_pipeline.steps.evaluate import majority


@dataclass(frozen=True)
class Side:
    """The answers of one version to a case, one per repeat, and one verdict per answer and evaluator."""

    answers: tuple[CaseAnswer, ...]
    verdicts: tuple[EvalResult, ...]

    @property
    def output(self) -> str:
        """The first answer that is there, else why there is none."""
        texts = [a.output for a in self.answers if a.output]
        errors = [a.error for a in self.answers if a.error]
        return texts[0] if texts else f"No answer: {errors[0]}" if errors else "No answer."


@dataclass(frozen=True)
class CaseDetails:
    """A case with what both versions did."""

    case: GoldenCase
    before: Side
    after: Side


def read_details(bench: Workbench, compared: Compared, case_ids: Sequence[str]) -> dict[str, CaseDetails]:
    """Return {case_id: its details} of the given cases, in their order; cases that are not there are left out."""
    ids, versions = list(case_ids), [compared.before.version, compared.after.version]
    own = "case_id in (select unnest(?))"
    both = f"{own} and prompt_version in (select unnest(?))"
    cases = {c.case_id: c for c in bench.lake.read("golden_set", GoldenCase, own, [ids])}
    answers = bench.lake.read("answers", CaseAnswer, both, [ids, versions])
    verdicts = majority(bench.lake.read("eval_results", EvalResult, both, [ids, versions]))

    def side(case_id: str, version: str) -> Side:
        return Side(
            tuple(sorted((a for a in answers if (a.case_id, a.prompt_version) == (case_id, version)), key=_repeat)),
            tuple(sorted((r for r in verdicts if (r.case_id, r.prompt_version) == (case_id, version)), key=_place)),
        )

    return {i: CaseDetails(cases[i], side(i, versions[0]), side(i, versions[1])) for i in ids if i in cases}


def find_cases(bench: Workbench, compared: Compared, text: str) -> set[str]:
    """Return the cases whose id, question or answers under either version contain `text`, whatever its case."""
    frame = bench.lake.frame(
        "select case_id from golden_set where contains(lower(input), lower($text)) or starts_with(case_id, $text)"
        " union select case_id from answers where prompt_version in ($before, $after)"
        " and contains(lower(output), lower($text))",
        {"text": text, "before": compared.before.version, "after": compared.after.version},
    )
    return set(frame["case_id"])


def is_to_label(bench: Workbench, trace_id: str) -> bool:
    """Return whether a trace is in a batch on the labelling page."""
    found = bench.lake.frame("select count(*) from sampled_traces where to_label and trace_id = ?", [trace_id])
    return bool(found.iat[0, 0])


def _repeat(answer: CaseAnswer) -> int:
    return answer.repeat


def _place(result: EvalResult) -> tuple[str, int]:
    return result.evaluator, result.repeat
