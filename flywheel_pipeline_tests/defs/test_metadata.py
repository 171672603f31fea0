"""What the UI shows stays small, escaped and complete."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.defs.assets.eval_results import _answer_metadata, trends
from flywheel_pipeline.defs.charts import INLINE, bars
from flywheel_pipeline.defs.metadata import (
    column_lineage,
    column_schema,
    table,
    text_block,
    trace_links,
    unseen_share,
    version_of,
)
from flywheel_pipeline.records import TABLES
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.evaluate import ModePassRate
from flywheel_pipeline.steps.sample.saturation import judge_saturation
from flywheel_pipeline_tests.builders import an_answer

COVERS = ("defs/charts.py",)


@given(st.lists(st.tuples(st.text(max_size=60), st.floats(0, 1e6)), max_size=14))
def test_plots_are_always_shown_inline(values: list[tuple[str, float]]) -> None:
    assert len(bars(values, [(0.0, v) for _, v in values]).value or "") < INLINE
    assert len(bars(values, [(0.0, v) for _, v in values], cumulative=True).value or "") < INLINE


def lines_of(found: dg.MarkdownMetadataValue) -> list[str]:
    return (found.value or "").splitlines()


def test_every_bar_has_its_number_and_the_colours_of_its_page() -> None:
    """Text in a code block is never black on black, as the labels of a picture are on a dark page."""
    assert lines_of(bars([("Rude", 12), ("Late", 3)])) == ["```", f"Rude 12 {'█' * 20}", f"Late  3 {'█' * 5}", "```"]
    assert lines_of(bars([("Rude", 0.5)], percent=True))[1].startswith("Rude 50% ")
    assert lines_of(bars([("Rude", 13.0)]))[1].startswith("Rude 13 ")  # a count that came as a float is no share


def test_an_interval_is_drawn_and_written_beside_its_bar() -> None:
    (line,) = lines_of(bars([("Rude", 0.5)], [(0.25, 1.0)], percent=True))[1:-1]
    assert line == f"Rude 50% 25% to 100% {'█' * 5}{'▓' * 5}{'░' * 10}"


def test_a_pareto_chart_says_what_the_bars_so_far_make_up() -> None:
    lines = lines_of(bars([("a", 6), ("b", 3), ("c", 1)], cumulative=True))
    assert lines[1] == f"a 6  60% so far {'█' * 20}"
    assert [line[4:15].strip() for line in lines[1:-1]] == ["60% so far", "90% so far", "100% so far"]


def test_more_evaluators_than_a_picture_would_hold_are_drawn() -> None:
    found = bars([(f"Evaluator of mode {i}", i / 20) for i in range(16)], [(0.0, 1.0)] * 16, percent=True)
    assert len(lines_of(found)) == 18


@given(st.lists(st.text(min_size=1, max_size=30), max_size=25))
def test_links_to_traces_show_each_id_as_text_whatever_is_in_it(ids: list[str]) -> None:
    from markdown_it import MarkdownIt

    shown = trace_links("http://127.0.0.1:4318/traces/", ids).value or ""
    tokens = [child for token in MarkdownIt().parse(shown) for child in token.children or ()]
    targets = [str(t.attrs["href"]) for t in tokens if t.type == "link_open"]
    different = list(dict.fromkeys(ids))
    assert targets == [f"http://127.0.0.1:4318/traces/#{quote(i, safe='')}" for i in different[:20]]
    assert {t.type for t in tokens} <= {"text", "link_open", "link_close", "text_special"}
    assert ("and" in shown and f"{len(different) - 20} more" in shown) == (len(different) > 20)


@dataclass(frozen=True)
class Row:
    name: str
    n: int


def test_the_version_of_a_table_is_that_of_its_rows() -> None:
    assert version_of([Row("a", 1)]) == version_of([Row("a", 1)])
    assert len({version_of(rows).value for rows in ([], [Row("a", 1)], [Row("a", 2)], [Row("a", 1)] * 2)}) == 4


def test_a_label_cannot_break_out_of_its_block() -> None:
    text = bars([("```\n# heading\x1b[31m", 1)]).value or ""
    assert text.count("```") == 2 and len(text.splitlines()) == 3 and "\x1b" not in text


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


def test_a_cost_that_is_partly_unknown_is_not_summed() -> None:
    known, unknown = an_answer(cost_usd=0.5, error=None), an_answer(cost_usd=None, error=None)
    assert _answer_metadata([known, known])["cost_usd"].value == 1.0
    shown = _answer_metadata([known, unknown])
    assert "cost_usd" not in shown and shown["n_of_unknown_cost"].value == 1
