"""What a home has: it must be there, its clock is UTC, and calls to models are logged in its lake."""

from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from flywheel_pipeline.defs.resources import build_resources
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.errors import BudgetError, HomeError
from flywheel_pipeline.flows.workbench import Workbench, timestamp, utc_now
from flywheel_pipeline.ports import Ask
from flywheel_pipeline.steps.cluster import WordAnalyst
from flywheel_pipeline_tests.adapters.llm.clients import echo
from flywheel_pipeline_tests.adapters.llm.scripted_server import scripted_server
from flywheel_pipeline_tests.homes import a_home, an_instance


def test_a_folder_that_is_not_there_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(HomeError) as refused:
        Workbench.of(tmp_path / "no where")
    assert str(refused.value).endswith(f"create one with `flywheel init '{tmp_path}/no where'`.")


def test_times_are_naive_utc_and_whole_seconds_in_files() -> None:
    now = utc_now()
    assert now.tzinfo is None
    parsed = datetime.strptime(timestamp(), "%Y-%m-%dT%H:%M:%SZ")
    assert abs((parsed - now).total_seconds()) < 5


def test_the_lake_is_made_once_and_belongs_to_the_home(tmp_path: Path) -> None:
    bench = a_home(tmp_path / "home").bench
    assert bench.lake is bench.lake
    assert bench.lake.root == bench.settings.home / "lake"


def test_without_a_model_words_alone_build_the_taxonomy(tmp_path: Path) -> None:
    analyst, described = a_home(tmp_path / "home").bench.analyst()
    assert isinstance(analyst, WordAnalyst)
    assert described.startswith("no model")


def ask(bench: Workbench, question: str) -> None:
    bench.llm().ask([Ask("app", ({"role": "user", "content": question},))])


def test_the_steps_of_a_turn_share_its_limits_and_an_earlier_turn_does_not_count(tmp_path: Path) -> None:
    with scripted_server(echo) as server:
        place = a_home(tmp_path / "home")
        (place.root / "flywheel.yaml").write_text(
            f'models: {{app: {{model: openai/x, api_base: "{server.url}"}}}}\nllm: {{budget_usd: 0, turn_max_calls: 2}}'
        )
        ask(Workbench(place.bench.settings, turn_began=utc_now()), "before")
        began = utc_now()
        for question in ("one", "two"):
            ask(Workbench(place.bench.settings, turn_began=began), question)
        with pytest.raises(BudgetError, match=r"the 2 calls of this turn are made.*llm\.turn_max_calls"):
            ask(Workbench(place.bench.settings, turn_began=began), "three")
        ask(Workbench(place.bench.settings, turn_began=utc_now()), "the next turn")
        assert len(server.bodies) == 4


def test_in_dagster_a_turn_begins_with_its_run(tmp_path: Path) -> None:
    seen: list[datetime | None] = []

    @dg.asset
    def looks(bench: dg.ResourceParam[Workbench]) -> None:
        seen.append(bench.turn_began)

    before = utc_now()
    place = a_home(tmp_path / "home")
    with an_instance() as instance:
        dg.materialize([looks], resources=build_resources(Scope(place.bench.settings)), instance=instance)
    assert seen[0] is not None and abs((seen[0] - before).total_seconds()) < 120
