"""The evaluator `retrieval`, and the measures of a ranking: equal to those of ir-measures (trec_eval)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.ranking import METRICS, mean_over_queries
from flywheel_pipeline.steps.evaluate.evaluators.retrieval import Retrieval
from flywheel_pipeline_tests.builders import a_case

COVERS = ("steps/evaluate/evaluators/ranking.py", "steps/evaluate/evaluators/retrieval.py")
THEIRS = {"precision": "P", "recall": "R", "hit_rate": "Success", "mrr": "RR", "ndcg": "nDCG"}
IDS = [f"d{n}" for n in range(12)]
rankings = st.lists(st.sampled_from(IDS), unique=True, min_size=1)
grades = st.dictionaries(st.sampled_from(IDS), st.integers(-1, 3), min_size=1).filter(lambda g: max(g.values()) > 0)


@settings(max_examples=60, deadline=None)
@given(rankings, grades, st.sampled_from(sorted(THEIRS)), st.integers(1, 15))
def test_every_measure_equals_ir_measures(ranking: list[str], relevance: dict[str, int], name: str, k: int) -> None:
    import ir_measures

    measure = ir_measures.parse_measure(f"{THEIRS[name]}@{k}")
    run = [ir_measures.ScoredDoc("q", d, -float(n)) for n, d in enumerate(ranking)]
    qrels = [ir_measures.Qrel("q", d, r) for d, r in relevance.items()]
    theirs = ir_measures.calc_aggregate([measure], qrels, run)[measure]
    assert METRICS[name](ranking, relevance, k) == pytest.approx(theirs, abs=1e-9)


@given(rankings, grades, st.integers(1, 11))
def test_what_looks_further_finds_no_less(ranking: list[str], relevance: dict[str, int], k: int) -> None:
    for name in ("recall", "hit_rate", "mrr"):
        assert METRICS[name](ranking, relevance, k) <= METRICS[name](ranking, relevance, k + 1) <= 1
    assert 0 <= METRICS["ndcg"](ranking, relevance, k) <= 1


def test_queries_without_relevant_documents_are_excluded_and_counted() -> None:
    found = mean_over_queries("recall", [(["a"], {"a": 1}), (["a"], {"b": 1}), (["a"], {}), ([], {"a": 0})])
    assert (found.value, found.n, found.excluded) == (0.5, 2, 2)
    assert mean_over_queries("recall", [(["a"], {})]).value is None


def judged(expected: Any, retrieved: tuple[str, ...], context: str = "[]", **values: Any) -> Judgement:
    case = a_case(expected_doc_ids=expected and Json(expected), context=Json(context))
    return Retrieval(**values).check(case, Answer("x", retrieved_doc_ids=retrieved))


def test_a_case_is_judged_by_its_expected_documents() -> None:
    found = judged('["a", "b"]', ("x", "a"))
    assert found == Judgement("fail", "recall is 0.500, 1 is asked for; missing: b", 0.5)
    assert judged('["a", "b"]', ("x", "a"), at_least=0.5).label == "pass"
    assert judged('["a"]', ("x", "a"), metric="hit_rate", k=1).label == "fail"
    assert judged('["a"]', ("x", "a"), metric="mrr").score == 0.5
    assert judged("[7]", ("7",)).label == "pass"


def test_graded_relevance_counts_in_ndcg() -> None:
    graded = '{"a": 3, "b": 1, "c": 0}'
    assert judged(graded, ("a", "b"), metric="ndcg").score == 1
    worse = judged(graded, ("b", "a"), metric="ndcg", at_least=0.9)
    assert worse.label == "fail"
    assert judged(graded, ("c",), metric="hit_rate").label == "fail"


@pytest.mark.parametrize("expected", [None, "[]", '{"a": 0}'])
def test_a_case_that_expects_no_document_is_not_judged(expected: str | None) -> None:
    found = judged(expected, ("a",))
    assert (found.label, found.broken) == (None, False)


def test_what_was_not_reported_is_not_a_miss() -> None:
    found = judged('["a"]', ())
    assert (found.label, found.broken) == (None, True)
    assert Retrieval().check(a_case(), Answer(None, error="down")).broken


@pytest.mark.parametrize("expected", ['"a"', "[null]", "[[1]]", '{"a": "x"}', '{"a": true}', "7"])
def test_expectations_that_cannot_be_read_are_reported(expected: str) -> None:
    found = judged(expected, ("a",))
    assert (found.label, found.broken) == (None, True)


def test_a_document_counts_at_its_first_place_only() -> None:
    found = judged('["a"]', ("x", "x", "a", "a"), metric="precision", k=2)
    assert found.score == 0.5
    assert "2 repeated ids count once" in judged('["a"]', ("x", "x", "a", "a"), at_least=1).explanation


def test_the_cases_own_documents_stand_for_what_is_replayed() -> None:
    context = '[{"id": "a", "content": "…"}, {"id": "b", "content": "…"}]'
    assert judged('["b"]', (), context, ids_from="case", metric="mrr").score == 0.5
    assert judged('["c"]', (), context, ids_from="case").label == "fail"
    assert judged('["c"]', (), "[]", ids_from="case").label == "fail"
    assert judged('["a"]', (), '[{"content": "…"}]', ids_from="case").broken


@given(rankings, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_higher_threshold_never_passes_more(ranking: list[str], a: float, b: float) -> None:
    low, high = sorted((a, b))
    strict, lenient = (judged('["d1", "d2"]', tuple(ranking), at_least=t).label for t in (high, low))
    assert not (strict == "pass" and lenient == "fail")


@pytest.mark.parametrize("values", [{"k": 0}, {"at_least": 0}, {"at_least": 1.1}, {"metric": "map"}, {"ids_from": "x"}])
def test_wrong_settings_are_refused(values: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Retrieval(**values)
