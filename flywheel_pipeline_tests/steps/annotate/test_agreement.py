"""Agreement: known values, its bounds, and what is reported where there is little of it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.annotate.agreement import (
    Agreement,
    cohen_kappa,
    krippendorff_alpha,
    measure_agreement,
)
from flywheel_pipeline_tests.builders import an_annotation

TABLE = [("pass", "pass")] * 20 + [("pass", "fail")] * 5 + [("fail", "pass")] * 10 + [("fail", "fail")] * 15
pairs = st.lists(st.tuples(st.sampled_from("pf"), st.sampled_from("pf")), min_size=1, max_size=30)


def test_kappa_is_that_of_the_textbook() -> None:
    assert cohen_kappa(TABLE) == pytest.approx(0.4)
    assert cohen_kappa([("pass", "pass")] * 3) == 1.0
    assert math.isnan(cohen_kappa([]))


def test_kappa_is_low_where_nearly_all_pass_although_most_agree() -> None:
    skewed = [("pass", "pass")] * 90 + [("pass", "fail")] * 5 + [("fail", "pass")] * 5
    assert cohen_kappa(skewed) < 0


def test_alpha_is_that_of_krippendorffs_example() -> None:
    # Krippendorff 2011, section C: four observers, twelve units, missing data; nominal alpha 0.743
    rows = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[r[i] for r in rows if r[i] != "."] for i in range(12)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=0.0005)
    assert math.isnan(krippendorff_alpha([["a"], []])) and krippendorff_alpha([["a", "a"], ["a", "a"]]) == 1.0


@settings(max_examples=100, deadline=None, derandomize=True)
@given(pairs)
def test_agreement_has_its_bounds_and_does_not_depend_on_who_is_first(reported: Any) -> None:
    assert -1 - 1e-9 <= cohen_kappa(reported) <= 1
    assert cohen_kappa(reported) == pytest.approx(cohen_kappa([(b, a) for a, b in reported]))
    assert krippendorff_alpha(reported) <= 1
    if all(a == b for a, b in reported):
        assert cohen_kappa(reported) == krippendorff_alpha(reported) == 1


def test_annotators_are_held_against_each_other_and_against_themselves() -> None:
    base = an_annotation(annotator="ann", is_repeat=False, labelled_at=None)
    rows = []
    for i, (a, b) in enumerate(TABLE):
        rows += [replace(base, trace_id=f"t{i:02}", verdict=a, source_line=i + 1)]
        rows += [replace(base, trace_id=f"t{i:02}", verdict=b, annotator="ben", source_line=i + 1)]
    rows += [replace(base, trace_id=f"t{i:02}", verdict="pass", is_repeat=True, source_line=i + 1) for i in range(6)]
    rows += [replace(base, trace_id="t00", verdict="defer", annotator="cy")]
    between, within = measure_agreement(rows)
    assert (between.who, between.n, between.agreed) == ("ann and ben", 50, 0.7)
    assert between.value == pytest.approx(0.4) and between.low < 0.4 < between.high
    assert between.reading.startswith("below 0.7")
    assert (within.who, within.n, within.agreed) == ("ann, twice", 6, 1.0)
    assert within.reading.startswith("inconclusive: 6 traces")
    assert measure_agreement(rows) == [between, within]


def test_three_annotators_have_an_alpha_as_well() -> None:
    base = an_annotation(is_repeat=False)
    rows = [replace(base, trace_id=f"t{i}", annotator=a) for i in range(4) for a in ("a", "b", "c")[: 2 + i % 2]]
    assert [f.measure for f in measure_agreement(rows)] == ["Cohen's kappa"] * 3 + ["Krippendorff's alpha"]


def test_what_the_interval_leaves_open_is_inconclusive() -> None:
    ends = ((0.5, 0.9), (0.72, 0.9), (0.1, 0.6))
    reported = [Agreement("a", "k", 50, 0.75, low, high, 0.9).reading for low, high in ends]
    assert [t.split(":")[0] for t in reported] == ["inconclusive", "good enough", "below 0.7"]
