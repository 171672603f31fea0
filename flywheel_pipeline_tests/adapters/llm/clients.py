"""A client on a folder of its own, and the calls that clients on it handed on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from flywheel_pipeline.adapters.llm import Budget, CallLimits, ModelClient, ReplyStore, RoleModel
from flywheel_pipeline.flows.engine import call_limits, role_model
from flywheel_pipeline.ports import Ask
from flywheel_pipeline.records import LLMCall
from flywheel_pipeline.settings import LLMSettings, ModelSettings
from flywheel_pipeline_tests.adapters.llm.scripted_server import Said, ScriptedServer, question_of
from flywheel_pipeline_tests.builders import NOON

PRICED = "openai/gpt-4o-mini"
MILLION = (1_000_000, 0)  # tokens of 0.15 USD
QUICK = {"retries": 0, "timeout_seconds": 10.0, "backoff_seconds": 0.01}


def a_model(name: str, base: str | None = None, **changes: Any) -> RoleModel:
    return replace(role_model(ModelSettings(model=name, api_base=base)), **changes)


def some_limits(**changes: Any) -> CallLimits:
    return replace(call_limits(LLMSettings()), **changes)


class Verdict(BaseModel):
    label: Literal["pass", "fail"]
    explanation: str = ""


@dataclass
class Bench:
    """A folder for the store, and the calls that clients on it handed on, by batch."""

    root: Path
    batches: dict[str, list[LLMCall]] = field(default_factory=dict)

    @property
    def calls(self) -> list[LLMCall]:
        return [c for batch in self.batches.values() for c in batch]

    @property
    def path(self) -> Path:
        return self.root / "replies.sqlite"

    def client(
        self, server: ScriptedServer | None, model: str = "openai/x", budget: Budget | None = None, **changes: Any
    ) -> ModelClient:
        names = RoleModel.__dataclass_fields__
        role = a_model(model, server.url if server else None, **{k: v for k, v in changes.items() if k in names})
        limits = some_limits(**{**QUICK, **{k: v for k, v in changes.items() if k not in names}})
        store = ReplyStore(self.path)
        return ModelClient({"app": role, "judge": role}, store, limits, lambda: NOON, self.keep, budget or Budget())

    def keep(self, batch: str, calls: list[LLMCall]) -> None:
        self.batches[batch] = calls


def an_ask(question: str, schema: type[BaseModel] | None = None, repeat: int = 0) -> Ask:
    return Ask("judge" if schema else "app", ({"role": "user", "content": question},), schema, repeat)


def echo(body: dict[str, Any]) -> Said:
    return Said(f"You said {question_of(body)}.")
