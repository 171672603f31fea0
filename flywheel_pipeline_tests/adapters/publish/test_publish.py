"""A prompt is published once per version, and a registry that fails is reported, never guessed at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from flywheel_pipeline.adapters.publish import AgentaTarget, LangfuseTarget, MlflowTarget, Release, Target
from flywheel_pipeline.errors import ConflictError, PublishError
from flywheel_pipeline_tests.adapters.publish.registries import (
    FakeAgenta,
    FakeLangfuse,
    FakeMlflow,
    FakeRegistry,
    serving,
)

COVERS = (
    "adapters/publish/agenta.py",
    "adapters/publish/http.py",
    "adapters/publish/langfuse.py",
    "adapters/publish/mlflow.py",
    "adapters/publish/target.py",
)
SECRET = "sk-lf-very-secret"
FIRST = Release("fern", "aaa111", "Be kind to {{customer}}.", "13 fixed", "openai/x", {"temperature": 0.0})
SECOND = Release("fern", "bbb222", "Be brief.")
TARGETS: dict[type[FakeRegistry], Callable[[str], Target]] = {
    FakeLangfuse: lambda url: LangfuseTarget(url, "production", "pk-lf-1", SECRET),
    FakeMlflow: lambda url: MlflowTarget(url, "production", SECRET),
    FakeAgenta: lambda url: AgentaTarget(url, "support", "default", "production", "prompt", SECRET),
}
CREATES = {FakeLangfuse: "POST /api/public/v2/prompts", FakeMlflow: "/model-versions/create", FakeAgenta: "/commit"}


@pytest.fixture(params=list(TARGETS), ids=lambda kind: kind.__name__)
def registry(request: pytest.FixtureRequest) -> Iterator[FakeRegistry]:
    found: FakeRegistry = request.param()
    with serving(found):
        yield found


def target(registry: FakeRegistry) -> Target:
    return TARGETS[type(registry)](registry.url)


def test_a_release_is_in_production_there_and_is_found_again(registry: FakeRegistry) -> None:
    there = target(registry)
    assert there.read("fern") is None
    remote = there.write(FIRST, None)
    found = there.read("fern")
    assert found is not None and (found.text, found.remote) == (FIRST.text, remote)
    assert registry.production == FIRST.text
    assert SECRET not in there.where and all("Authorization" in headers for _, _, headers in registry.requests)


def test_going_back_points_at_the_version_that_is_there_and_creates_none(registry: FakeRegistry) -> None:
    there = target(registry)
    first = there.write(FIRST, None)
    there.write(SECOND, None)
    assert registry.production == SECOND.text
    back = there.write(FIRST, first)
    assert registry.production == FIRST.text
    if not isinstance(registry, FakeAgenta):  # whose revisions of a variant are a line: going back is a new one
        assert (back, len(registry.versions)) == (first, 2)


def test_refused_credentials_say_so_and_are_not_shown(registry: FakeRegistry) -> None:
    registry.faults = [("/", 401)]
    with pytest.raises(PublishError, match=r"answered 401.*environment") as raised:
        target(registry).read("fern")
    assert SECRET not in str(raised.value)
    tokens = [headers["Authorization"].split()[-1] for _, _, headers in registry.requests]
    assert tokens and not any(token in str(raised.value) for token in tokens)


def test_a_conflict_is_one(registry: FakeRegistry) -> None:
    registry.faults = [(CREATES[type(registry)], 409)]
    with pytest.raises(ConflictError, match="changed at the same time"):
        target(registry).write(FIRST, None)


def test_a_busy_registry_is_asked_again(registry: FakeRegistry) -> None:
    registry.faults = [(CREATES[type(registry)], 429)]
    target(registry).write(FIRST, None)
    assert (registry.production, len(registry.versions)) == (FIRST.text, 1)


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done all the same"])
def test_an_error_after_which_nobody_knows_creates_no_second_version(registry: FakeRegistry, done: bool) -> None:
    registry.faults, registry.done_all_the_same = [(CREATES[type(registry)], 500)], done
    there = target(registry)
    with pytest.raises(PublishError, match="answered 500"):
        there.write(FIRST, None)
    assert len(registry.versions) == done
    found = there.read("fern")
    if found is None or found.text != FIRST.text:  # as `publish_production` does
        there.write(FIRST, None)
    assert (registry.production, len(registry.versions)) == (FIRST.text, 1)


def test_it_works_where_a_loop_runs_already_as_in_a_notebook(registry: FakeRegistry) -> None:
    async def cell() -> None:
        target(registry).write(FIRST, None)

    asyncio.run(cell())
    assert registry.production == FIRST.text


def test_a_registry_that_is_not_there_is_named() -> None:
    for make in TARGETS.values():
        with pytest.raises(PublishError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
            make("http://127.0.0.1:9").read("fern")


def test_agenta_keeps_what_else_is_in_a_configuration() -> None:
    registry = FakeAgenta()
    user = {"role": "user", "content": "{{question}}"}
    llm = {"model": "gpt-4o", "temperature": 0.2}
    old = {"role": "system", "content": "Old."}
    registry.versions = [{"prompt": {"messages": [old, user], "llm_config": llm}, "x": 1}]
    with serving(registry):
        target(registry).write(FIRST, None)
    system = {"role": "system", "content": FIRST.text}
    assert registry.versions[-1] == {"prompt": {"messages": [system, user], "llm_config": llm}, "x": 1}


def test_a_chat_prompt_and_a_model_of_the_same_name_are_not_overwritten() -> None:
    langfuse, mlflow = FakeLangfuse(), FakeMlflow()
    langfuse.versions = [{"name": "fern", "version": 1, "labels": ["production"], "prompt": [{"role": "system"}]}]
    mlflow.models["fern"] = []
    with serving(langfuse), serving(mlflow):
        with pytest.raises(PublishError, match="no text prompt"):
            target(langfuse).read("fern")
        with pytest.raises(PublishError, match="is a model and no prompt"):
            target(mlflow).write(FIRST, None)
    assert len(langfuse.versions) == 1 and not mlflow.versions


def test_agenta_keeps_all_of_a_configuration_but_the_text_of_the_first_system_message() -> None:
    there = AgentaTarget("http://localhost", "support", "default", "production", "prompt", SECRET)
    first, second = {"role": "system", "content": "Old.", "name": "a"}, {"role": "system", "content": "Rules."}
    user = {"role": "user", "content": "{{question}}"}
    params = {"prompt": {"messages": [user, first, second], "llm_config": {"model": "x"}}, "k": 3}
    assert there._with(params, "New.") == {
        "prompt": {"messages": [user, {**first, "content": "New."}, second], "llm_config": {"model": "x"}}, "k": 3,
    }  # fmt: skip
    assert there._with({"prompt": {"messages": [user]}}, "New.")["prompt"]["messages"][1] == user
