"""The evaluation engine of a home: its models and its app, built from the settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from flywheel_pipeline.adapters.apps import (
    Endpoint,
    FunctionApp,
    HttpApp,
    PromptApp,
    RecordedApp,
    RememberedApp,
    read_answers,
)
from flywheel_pipeline.adapters.apps.common import version_of
from flywheel_pipeline.adapters.llm import Budget, CallLimits, ModelClient, Price, ReplyStore, RoleModel
from flywheel_pipeline.errors import CorruptFileError, HomeError
from flywheel_pipeline.ports import App
from flywheel_pipeline.records import ROLES, LLMCall
from flywheel_pipeline.settings import LLMSettings, ModelSettings, Settings

STORE = "llm_cache/replies.sqlite"


def build_client(
    settings: Settings,
    clock: Callable[[], datetime],
    on_calls: Callable[[str, list[LLMCall]], None],
    turn_began: datetime | None = None,
) -> ModelClient:
    """Return the models of a home; `on_calls` receives every batch of calls, for the table `llm_calls`.

    What was called since `turn_began` (UTC) counts for the limits of a turn.
    """
    store, llm = ReplyStore(settings.home / STORE), settings.llm
    spent, calls = store.spent(clock() - timedelta(days=1)) if llm.daily_budget_usd or llm.daily_max_calls else (0.0, 0)
    is_bounded = turn_began is not None and (llm.turn_budget_usd or llm.turn_max_calls)
    turn_spent, turn_calls = store.spent(turn_began) if is_bounded and turn_began else (0.0, 0)
    budget = Budget(
        llm.budget_usd, llm.max_calls, llm.daily_budget_usd, llm.daily_max_calls, spent, calls,
        llm.turn_budget_usd, llm.turn_max_calls, turn_spent, turn_calls,
    )  # fmt: skip
    models = {role: role_model(getattr(settings.models, role)) for role in ROLES}
    return ModelClient(models, store, call_limits(llm), clock, on_calls, budget)


def call_limits(llm: LLMSettings) -> CallLimits:
    """Return the bounds on the calls of one client."""
    return CallLimits(llm.concurrency, llm.retries, llm.timeout_seconds)


def role_model(model: ModelSettings) -> RoleModel:
    """Return the model of a role as it is called."""
    price = Price.per_million(model.price.input, model.price.output) if model.price else None
    return RoleModel(
        model.model, model.api_base, model.parameters, model.api_key_env, price,
        temperature=model.temperature, max_tokens=model.max_tokens,
    )  # fmt: skip


def build_app(settings: Settings, client: ModelClient, variables: frozenset[str] = frozenset()) -> App:
    """Return the app under improvement, run as `app` says; `variables` are those that each case must have values of.

    Raises:
        HomeError: the file of recorded answers does not exist.
    """
    app, seconds = settings.app, settings.llm.timeout_seconds
    if app.function:
        return RememberedApp(FunctionApp(app.function, settings.home, app.workers, seconds), client.store)
    if app.http:
        headers, h = app.http.resolved_headers(), app.http
        endpoint = Endpoint(h.url, h.body, h.response, headers, h.version, app.workers, seconds)
        return RememberedApp(HttpApp(endpoint), client.store)
    if app.recorded:
        return _recorded(settings.home / app.recorded)
    model = settings.models.app
    return PromptApp(
        client, version_of(model.model_dump(exclude={"price", "api_key_env"}), app.tools), app.tools, variables
    )


def _recorded(path: Path) -> RecordedApp:
    if not path.is_file():
        raise HomeError(f"app.recorded: there is no file {path}")
    lines = path.read_bytes().splitlines()
    return read_answers(((i, _row(path, i, line)) for i, line in enumerate(lines, 1) if line.strip()), path.name)


def _row(path: Path, number: int, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise CorruptFileError(
            f"{path.name}, line {number} is not JSON: {error}. Fix it, or remove the line."
        ) from None
