"""The evaluator `retrieval`: the documents that a right answer needs were retrieved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StrictInt
from pydantic.dataclasses import dataclass

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.ranking import METRICS, Relevance, distinct, relevant
from flywheel_pipeline.steps.evaluate.evaluators.references import document_id, documents
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS


@dataclass(frozen=True, config=SETTINGS)
class Retrieval:
    """`metric` of the retrieved documents, cut at `k`, is `at_least` so much.

    Expected are the case's `expected_doc_ids`: a list of ids, or `{id: relevance}` for nDCG. A case without any is
    not judged. Retrieved are, in order of rank, the ids that the answer reports, or with `ids_from: case` those of the
    case's documents, which an app that does not retrieve is given. An answer without any ids is not judged either:
    it may as well not report them. A document counts at its first place only.
    """

    kind: ClassVar[str] = "retrieval"
    code_version: ClassVar[str] = "1"

    metric: Literal["precision", "recall", "hit_rate", "mrr", "ndcg"] = "recall"
    k: Annotated[StrictInt, Field(ge=1)] | None = None
    at_least: Annotated[float, Field(gt=0, le=1)] = 1.0
    ids_from: Literal["answer", "case"] = "answer"

    def check(self, case: GoldenCase, answer: Answer) -> Judgement:
        """Judge what was retrieved; the score is the measure."""
        if answer.error:
            return Judgement(None, f"the app could not be called: {answer.error}", broken=True)
        try:
            relevance = relevance_of(case)
        except ValueError as error:
            return Judgement(None, str(error), broken=True)
        if not relevant(relevance):
            return Judgement(None, "the case has no expected documents: it counts in no measure of retrieval")
        ids, problem = self._retrieved(case, answer)
        if problem:
            return Judgement(None, problem, broken=True)
        ranking = distinct(ids)
        value = METRICS[self.metric](ranking, relevance, self.k)
        label = "pass" if value >= self.at_least - 1e-9 else "fail"
        return Judgement(label, self._explained(value, ranking, relevance, len(ids) - len(ranking)), value)

    def _retrieved(self, case: GoldenCase, answer: Answer) -> tuple[Sequence[str], str]:
        if self.ids_from == "answer":
            problem = "" if answer.retrieved_doc_ids else "the answer reports no retrieved documents"
            return answer.retrieved_doc_ids, problem
        ids = [document_id(d) for d in documents(case)]
        known = [i for i in ids if i is not None]
        return known, "" if len(known) == len(ids) else "a document of the case has no id"

    def _explained(self, value: float, ranking: Sequence[str], relevance: Relevance, repeats: int) -> str:
        missing = sorted(relevant(relevance) - set(ranking[: self.k]))
        at = "" if self.k is None else f" at {self.k}"
        lost = f"; missing: {', '.join(m[:80] for m in missing[:5])}" if missing else ""
        twice = f"; {repeats} repeated ids count once" if repeats else ""
        return f"{self.metric}{at} is {value:.3f}, {self.at_least:g} is asked for{lost}{twice}"


def relevance_of(case: GoldenCase) -> Relevance:
    """Return how relevant which document is for a case: 1 where only ids are named.

    Raises:
        ValueError: `expected_doc_ids` is neither a list of ids nor an object of numbers by id.
    """
    held = json.loads(case.expected_doc_ids or "[]")
    if isinstance(held, Mapping):
        if not all(_is_grade(v) for v in held.values()):
            raise ValueError("expected_doc_ids must give a number for every id")
        return {str(k): float(v) for k, v in held.items()}
    if not isinstance(held, list) or any(isinstance(i, list | dict | bool) or i is None for i in held):
        raise ValueError("expected_doc_ids must be a list of ids, or an object of their relevance")
    return dict.fromkeys(map(str, held), 1.0)


def _is_grade(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
