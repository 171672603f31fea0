"""Pulls from scripted servers: whole, once, also while pages shift, servers fail and pulls are stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from flywheel_pipeline.adapters.api import ApiClient
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.flows.capture.pull import Pulled, count_traces, pull_sources
from flywheel_pipeline.ports import ApiRequest, Fetch
from flywheel_pipeline.settings import PullSettings
from flywheel_pipeline_tests.flows.capture.tool_servers import (
    AgentaServer,
    LangfuseServer,
    LangsmithServer,
    MlflowServer,
    PhoenixServer,
    running,
)
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = (
    "adapters/api/__init__.py",
    "flows/capture/pull.py",
    "settings/pull.py",
    "steps/capture/pull/__init__.py",
    "steps/capture/pull/agenta.py",
    "steps/capture/pull/langfuse.py",
    "steps/capture/pull/langsmith.py",
    "steps/capture/pull/mlflow.py",
    "steps/capture/pull/phoenix.py",
)
NOW = datetime.now(timezone.utc).replace(microsecond=0)
KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-1", "LANGFUSE_SECRET_KEY": "sk-1", "LANGSMITH_API_KEY": "ls-1",
        "PHOENIX_API_KEY": "px-1", "MLFLOW_TRACKING_TOKEN": "ml-1", "AGENTA_API_KEY": "ag-1"}  # fmt: skip
PROJECTS = {"langfuse": "", "langsmith": "shop", "phoenix": "my shop", "mlflow": "7", "agenta": ""}
SERVERS: dict[str, Callable[[], Any]] = {
    "langfuse": LangfuseServer, "langfuse-v4": lambda: LangfuseServer(v4=True), "langsmith": LangsmithServer,
    "phoenix": PhoenixServer, "mlflow": MlflowServer, "mlflow-artifacts": lambda: MlflowServer(artifacts=True),
    "agenta": AgentaServer,
}  # fmt: skip


class Killed(BaseException):
    """Ends a pull where a signal would."""


def connect(source: PullSettings) -> Fetch:
    return ApiClient(source.url, source.headers(KEYS), backoff=0.001)


def a_place(tmp_path: Path, server: Any, kind: str, **settings: Any) -> Place:
    place = a_home(tmp_path / "home")
    source = {"kind": kind, "name": "prod", "url": server.url, "project": PROJECTS.get(kind, ""), **settings}
    values = {"automation": {"settle_seconds": 0}, "capture": {"pull": [source]}}
    (place.root / "flywheel.yaml").write_text(yaml.safe_dump(values))
    return place


def pull(place: Place, to: Callable[[PullSettings], Fetch] = connect) -> Pulled:
    (pulled,) = pull_sources(place.bench, to=to)
    return pulled


def rows(place: Place) -> list[dict[str, Any]]:
    files = sorted((place.bench.settings.home / "traces" / "pulled" / "prod").glob("[!.]*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


@pytest.fixture
def langfuse() -> Iterator[LangfuseServer]:
    with running(LangfuseServer()) as server:
        assert isinstance(server, LangfuseServer)
        yield server


@pytest.mark.parametrize("name", SERVERS)
def test_traces_of_every_tool_arrive_whole_with_what_users_thought(tmp_path: Path, name: str) -> None:
    with running(SERVERS[name]()) as server:
        for n in range(7):
            server.add(f"t{n}", NOW - timedelta(hours=9 * n), score=n % 2)  # type: ignore[attr-defined]
        place = a_place(tmp_path, server, name.partition("-")[0], page_size=3)
        (counted,) = count_traces(place.bench, to=connect)
        assert len(counted.traces) == 7 and counted.is_whole and not rows(place)
        assert not (pulled := pull(place)).problem and pulled.is_whole
        assert len(pulled.traces) >= 7
        again = pull(place)
        assert not again.files and not again.problem  # the overlap is read, and nothing is new
    capture_traces(place.bench)
    found = place.lake.frame("select input, output, feedback_score from raw_traces order by input").values.tolist()
    assert found == [[f"Where is parcel t{n}?", "In Kiel.", n % 2] for n in range(7)]
    assert place.lake.frame("select reason, excerpt from rejects").values.tolist() == []


def test_pages_that_shift_while_they_are_read_lose_and_double_nothing(tmp_path: Path, langfuse: LangfuseServer) -> None:
    for n in range(20):
        langfuse.add(f"old-{n:02}", NOW - timedelta(minutes=200 - n))
    for n in range(8):
        langfuse.add(f"same-{n}", NOW - timedelta(minutes=90))  # more in one millisecond than a page holds

    def arrive(n: int) -> None:
        langfuse.add(f"new-{n:03}", NOW - timedelta(minutes=205) + timedelta(seconds=n))  # in front of all pages
        langfuse.traces = [t for t in langfuse.traces if t["id"] != f"old-{n:02}" or n < 3]

    langfuse.before = arrive
    place = a_place(tmp_path, langfuse, "langfuse", page_size=5)
    assert pull(place).is_whole
    langfuse.before = lambda n: None
    pull(place)  # what arrived behind the first pull is in its overlap
    ids = [row["id"] for row in rows(place) if "traceId" not in row]
    assert len(ids) == len(set(ids)) and set(ids) >= {t["id"] for t in langfuse.traces}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_answer_that_fails_in_between_is_asked_for_again(
    tmp_path: Path, langfuse: LangfuseServer, status: int
) -> None:
    for n in range(9):
        langfuse.add(f"t{n}", NOW - timedelta(hours=n))
    place = a_place(tmp_path, langfuse, "langfuse", page_size=3)
    langfuse.before = lambda n: langfuse.faults.extend([(status, {}), (status, {})] if n == 3 else [])
    assert pull(place).is_whole
    assert len(rows(place)) == 18


def test_it_waits_as_long_as_the_server_asks_but_not_for_hours(tmp_path: Path, langfuse: LangfuseServer) -> None:
    langfuse.add("t1", NOW)
    place = a_place(tmp_path, langfuse, "langfuse", since=NOW.date() - timedelta(days=1))
    langfuse.faults = [(429, {"Retry-After": "1"})]
    began = datetime.now(timezone.utc)
    assert pull(place).is_whole
    assert datetime.now(timezone.utc) - began >= timedelta(seconds=1)
    langfuse.faults = [(429, {"Retry-After": "7200"})]
    assert "asks to wait 7200 seconds" in pull(place).problem


def test_an_expired_key_is_reported_without_the_key(tmp_path: Path, langfuse: LangfuseServer) -> None:
    place = a_place(tmp_path, langfuse, "langfuse")
    pulled = pull(place, to=lambda s: ApiClient(s.url, {"Authorization": "Basic b2xkOnNlY3JldA=="}, 0.001))
    assert "does not accept the key (401)" in pulled.problem and "b2xk" not in str(pulled)


def test_a_key_that_no_header_can_hold_is_a_problem_of_its_source(tmp_path: Path, langfuse: LangfuseServer) -> None:
    place = a_place(tmp_path, langfuse, "langfuse")
    pulled = pull(place, to=lambda s: ApiClient(s.url, {"Authorization": "Bearer copied from a page…"}, 0.001))
    assert "UnicodeEncodeError" in pulled.problem and "copied" not in pulled.problem


def test_a_source_that_cannot_write_stops_no_other(tmp_path: Path, langfuse: LangfuseServer) -> None:
    place = a_place(tmp_path, langfuse, "langfuse")
    settings = yaml.safe_load((place.root / "flywheel.yaml").read_text())
    settings["capture"]["pull"].append({**settings["capture"]["pull"][0], "name": "other"})
    (place.root / "flywheel.yaml").write_text(yaml.safe_dump(settings))
    (place.root / "traces" / "pulled").mkdir()
    (place.root / "traces" / "pulled" / "prod").write_text("no folder")
    prod, other = pull_sources(place.bench, to=connect)
    assert "prod" in prod.problem and not other.problem


@pytest.mark.parametrize("kind", PROJECTS)
@pytest.mark.parametrize("answer", [[], None, "<html>", {"data": 1, "runs": [2], "traces": {"a": 1}, "spans": 3}])
def test_answers_in_another_form_are_a_problem_of_their_source(tmp_path: Path, kind: str, answer: Any) -> None:
    with running(LangfuseServer()) as server:
        place = a_place(tmp_path, server, kind, project="6d0b9c3e-3f6c-4c55-9a51-5d6f1f0f2a11")
        assert "list of objects" in pull(place, to=lambda _: lambda request: answer).problem


def test_an_empty_project_is_no_problem(tmp_path: Path, langfuse: LangfuseServer) -> None:
    place = a_place(tmp_path, langfuse, "langfuse")
    assert str(pull(place)) == "prod: 0 rows of 0 traces, 0 files changed"


def test_a_pull_that_was_killed_goes_on_after_its_last_whole_page(tmp_path: Path, langfuse: LangfuseServer) -> None:
    for n in range(12):
        langfuse.add(f"t{n:02}", NOW - timedelta(minutes=n))
    place = a_place(tmp_path, langfuse, "langfuse", page_size=2)
    n_asked = [0]

    def dying(source: PullSettings) -> Fetch:
        fetch = connect(source)

        def ask(request: ApiRequest) -> Any:
            n_asked[0] += 1
            if n_asked[0] % 7 == 0:
                raise Killed
            return fetch(request)

        return ask

    for _ in range(20):
        try:
            pull(place, to=dying)
            break
        except Killed:
            continue
    assert len(rows(place)) == 24
    assert len(langfuse.asked) < 40  # 17 pages, and what every start asks again


def test_late_scores_and_edited_traces_replace_what_was_there(tmp_path: Path, langfuse: LangfuseServer) -> None:
    langfuse.add("t1", NOW - timedelta(hours=2), score=1)
    place = a_place(tmp_path, langfuse, "langfuse")
    pull(place)
    capture_traces(place.bench)
    langfuse.add_score("t1", NOW - timedelta(hours=1), 0)
    langfuse.observations[0]["output"] = {"role": "assistant", "content": "In Bonn."}
    assert len(pull(place).files) >= 1
    capture_traces(place.bench)
    assert place.lake.frame("select output, feedback_score from raw_traces").values.tolist() == [["In Bonn.", 0.0]]
    assert place.one("select count(*) from feedback") == 1


def test_a_run_stops_at_its_bound_and_the_next_goes_on(tmp_path: Path, langfuse: LangfuseServer) -> None:
    for n in range(20):
        langfuse.add(f"t{n:02}", NOW - timedelta(minutes=n))
    place = a_place(tmp_path, langfuse, "langfuse", page_size=5, max_rows=5)
    first = pull(place)
    assert not first.is_whole and "there is more" in str(first) and first.n_fetched == 5
    assert any(pull(place).is_whole for _ in range(20))
    assert len(rows(place)) == 40


def test_a_file_that_was_read_and_removed_is_not_replaced_by_less(tmp_path: Path, langfuse: LangfuseServer) -> None:
    at = NOW - timedelta(minutes=1)
    langfuse.add("t1", at)
    place = a_place(tmp_path, langfuse, "langfuse")
    pull(place)
    capture_traces(place.bench)
    folder = place.bench.settings.home / "traces" / "pulled" / "prod"
    (folder / f"{at:%Y-%m-%d}.jsonl").unlink()
    langfuse.add("t2", at)
    assert pull(place).files == {f"{at:%Y-%m-%d}_2.jsonl"}
    capture_traces(place.bench)
    assert place.one("select count(*) from raw_traces") == 2


def test_a_server_that_does_not_sort_as_asked_is_reported(tmp_path: Path, langfuse: LangfuseServer) -> None:
    for n in range(3):
        langfuse.add(f"t{n}", NOW - timedelta(minutes=n))
    fetched = connect(PullSettings(kind="langfuse", url=langfuse.url))

    def backwards(request: ApiRequest) -> Any:
        answer = fetched(request)
        return {**answer, "data": answer["data"][::-1]} if request.path.endswith("/traces") else answer

    assert "does not sort by time" in pull(a_place(tmp_path, langfuse, "langfuse"), to=lambda _: backwards).problem


@pytest.mark.parametrize(
    ("values", "environ", "reason"),
    [
        ({"kind": "langfuse"}, {}, "needs LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"),
        ({"kind": "langfuse", "keys": ("A", "B")}, {"A": "x"}, "needs B"),
        ({"kind": "mlflow", "keys": ("USER", "PASSWORD")}, {}, "needs USER and PASSWORD"),
    ],
)
def test_a_key_that_is_missing_is_named(values: dict[str, Any], environ: dict[str, str], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        PullSettings.model_validate(values).headers(environ)


def test_keys_become_the_headers_that_the_tools_ask_for() -> None:
    assert PullSettings(kind="phoenix").headers({}) == {}
    basic = PullSettings(kind="mlflow", keys=("U", "P")).headers({"U": "ann", "P": "x"})
    assert basic == {"Authorization": "Basic YW5uOng="}
    for url in ("https://ann:secret@example.com", "ftp://example.com"):
        with pytest.raises(ValueError):
            PullSettings(kind="mlflow", url=url)
    with pytest.raises(ValueError, match="needs its project"):
        PullSettings(kind="langsmith")


def test_an_unknown_source_is_named(tmp_path: Path, langfuse: LangfuseServer) -> None:
    with pytest.raises(SettingsError, match=r"no source 'x' in capture.pull \(there are: prod\)"):
        list(pull_sources(a_place(tmp_path, langfuse, "langfuse").bench, ["x"]))
