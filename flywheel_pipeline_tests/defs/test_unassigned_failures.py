"""A failure that fits no mode stays visible, and everything downstream of it works."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from flywheel_pipeline.steps.cluster import Member, Mode, ModelAnalyst, WordAnalyst, dump_modes
from flywheel_pipeline_tests.homes import Place, a_home, some_traces

KINDS = {
    "fm-made": ("Made up a fact", "made up a fact on the hub", "invented something", "no source says so", "made it up"),
    "fm-long": ("Too long", "wall of text", "whole guide pasted", "far too long", "a wall of text again"),
}
ODD = "Kunde auf Finnisch angeredet"


def known_modes() -> list[Mode]:
    texts = [(mode_id, text) for mode_id, (_, *own) in KINDS.items() for text in own]
    members = [(mode, Member(f"2025-06-02-{i}", text, "HUMAN", 1.0)) for i, (mode, text) in enumerate(texts)]
    return [Mode(k, v[0], "d", "accepted", members=tuple(x for m, x in members if m == k)) for k, v in KINDS.items()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    home: Place = a_home(tmp_path_factory.mktemp("unassigned") / "home")
    with (home.root / "flywheel.yaml").open("a") as file:
        file.write("models: {taxonomy: none}\ncluster: {embedder: tfidf}\n")
    home.put_traces("a.jsonl", *some_traces(14))
    modes = known_modes()
    fails = [(x.trace_id, x.text) for m in modes for x in m.members] + [("2025-06-02-8", ODD)]
    rows = [f'{trace},fail,"{text}","Comment {i}: {text}."' for i, (trace, text) in enumerate(fails)]
    rows += [f"2025-06-02-{i},pass,," for i in range(9, 14)]
    home.put_labels("a.csv", "\n".join(["trace_id,verdict,code,comment", *rows]) + "\n")
    path = home.root / "taxonomy" / "failure_modes.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(dump_modes(modes), allow_unicode=True), "utf-8")
    home.turn()
    return home


def test_the_failure_is_a_row_without_a_mode_and_a_warning(place: Place) -> None:
    assert place.result is not None and place.result.success, place.said
    rows = place.lake.frame("select text, assigned_by from failure_assignments where mode_id is null")
    assert rows.values.tolist() == [[ODD, "CODE"]]
    assert place.one("select count(*) from failure_assignments") == 9
    assert any("most_failures_covered" in s for s in place.said)


def test_modes_count_only_their_own_failures(place: Place) -> None:
    counts = place.lake.frame("select mode_id, n_failures from failure_taxonomy order by mode_id")
    assert counts.values.tolist() == [["fm-long", 4], ["fm-made", 4]]


def test_it_is_a_golden_case_that_guards_no_mode_and_is_evaluated(place: Place) -> None:
    (case_id,) = place.lake.frame("select case_id from golden_set where source_trace_id = '2025-06-02-8'"
                                  " and kind = 'failure' and mode_id is null")["case_id"]  # fmt: skip
    assert place.one(f"select count(*) from eval_results where case_id = '{case_id}'") > 0


def test_no_model_was_asked_about_the_taxonomy(place: Place) -> None:
    assert place.one("select count(*) from llm_calls where role = 'taxonomy'") == 0


@pytest.mark.parametrize(
    ("model", "kind", "reported"),
    [
        ("none", WordAnalyst, "no model, compared by tfidf"),
        ("offline/taxonomy", WordAnalyst, "no model, compared by tfidf"),
        ("openai/some-model", ModelAnalyst, "openai/some-model, compared by tfidf"),
    ],
)
def test_the_model_of_the_settings_builds_the_taxonomy_or_counting_does(
    model: str, kind: type, reported: str, tmp_path: Path
) -> None:
    home: Place = a_home(tmp_path / "home")
    with (home.root / "flywheel.yaml").open("a") as file:
        file.write(f"models: {{taxonomy: {model}}}\ncluster: {{embedder: tfidf}}\n")
    analyst, said = home.bench.analyst()
    assert isinstance(analyst, kind)
    assert said == reported
