"""What the UI shows stays small, escaped and complete."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.defs.assets.eval_results import trends
from flywheel_pipeline.defs.charts import INLINE, bars
from flywheel_pipeline.defs.metadata import (
    column_lineage,
    column_schema,
    table,
    text_block,
    unseen_share,
    version_of,
)
from flywheel_pipeline.records import TABLES
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.evaluate import ModePassRate
from flywheel_pipeline.steps.sample.saturation import judge_saturation

COVERS = ("defs/charts.py",)


@given(st.lists(st.tuples(st.text(max_size=60), st.floats(0, 1e6)), max_size=14))
def test_plots_are_always_shown_inline(values: list[tuple[str, float]]) -> None:
    assert len(bars(values, [(0.0, v) for _, v in values]).value or "") < INLINE
    assert len(bars(values, [(0.0, v) for _, v in values], cumulative=True).value or "") < INLINE


def test_every_bar_has_its_number_and_the_picture_a_ground_of_its_own() -> None:
    text = unquote(bars([("Rude", 3), ("Late", 0.25)]).value or "")
    assert ">Rude 3<" in text and ">Late 25%<" in text
    assert "style='background:#fff'" in text  # black labels on a dark page cannot be read


def test_the_line_of_a_pareto_chart_ends_at_the_right_and_is_only_there_when_asked_for() -> None:
    values = [("a", 6.0), ("b", 3.0), ("c", 1.0)]
    text = bars(values, cumulative=True).value or ""
    assert "d='M310 7 370 21 390 35'" in text
    assert "fill='none'" not in (bars(values).value or "")


@dataclass(frozen=True)
class Row:
    name: str
    n: int


def test_the_version_of_a_table_is_that_of_its_rows() -> None:
    assert version_of([Row("a", 1)]) == version_of([Row("a", 1)])
    assert len({version_of(rows).value for rows in ([], [Row("a", 1)], [Row("a", 2)], [Row("a", 1)] * 2)}) == 4


def test_a_label_cannot_break_out_of_the_picture() -> None:
    text = bars([("<script>alert(1)</script>)](http://x)", 1.0)]).value or ""
    inside = text.removeprefix("![chart](<").removesuffix(">)")
    assert "<" not in inside and ">" not in inside and "\n" not in inside


def test_a_prompt_cannot_close_its_own_block() -> None:
    text = text_block("a\n````\n# not a heading").value or ""
    assert text.count("````") == 2


def test_long_and_many_lined_cells_are_cut_to_one_line() -> None:
    (record,) = table(("x",), [["a\nb" + "c" * 500]]).value.records if hasattr(table(("x",), []), "value") else []
    assert "\n" not in str(record.data["x"]) and len(str(record.data["x"])) <= 120


def test_every_table_documents_its_columns_and_where_they_come_from() -> None:
    for name in TABLES:
        assert all(c.description for c in column_schema(name).columns)
    assert set(column_lineage("sampled_traces", dg.AssetKey).deps_by_column) == {"trace_id"}


def test_the_share_of_unseen_modes_is_a_number_only_where_it_is_known() -> None:
    known = unseen_share(judge_saturation([20, 20, 1]))["unseen_share_at_most"]
    assert isinstance(known.value, float) and 0 < known.value < 1
    assert unseen_share(judge_saturation([20, 20, 1], n_to_review=2)) == {}
    assert unseen_share(judge_saturation([])) == {}


def test_pass_rates_are_numbers_by_mode_and_those_that_do_not_count_stand_apart() -> None:
    rates = [ModePassRate(e, proportion(n, 4), 0) for e, n in (("judge:a", 1), ("judge:b", 2), ("judge:c", 3))]
    unknown = ModePassRate("judge:d", proportion(0, 0), 4)
    names = {"judge:a": "Rude", "judge:b": "Rude", "judge:c": "Late", "judge:d": "Dull"}
    found = {name: value.value for name, value in trends([*rates, unknown], names, {"judge:a", "judge:c"}).items()}
    assert found == {
        "pass_rate: Rude (judge:a)": 0.25,
        "pass_rate_not_counted: Rude (judge:b)": 0.5,
        "pass_rate: Late": 0.75,
    }
