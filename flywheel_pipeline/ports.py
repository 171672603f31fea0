"""What the steps ask of the outside world: one Protocol a need, one method each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from flywheel_pipeline.records import EvalResult, GoldenCase, PromptVersion

Message = Mapping[str, Any]
"""An OpenAI-style chat message."""


@dataclass(frozen=True)
class Block:
    """A piece of a landing file that can be read without the rest.

    `kind` is `lines` (of JSON), `document` (one JSON value), `protobuf`, or `rows` (of a table: (line, {column:
    value})). A `problem` says why the piece can not be read: `data` then holds its beginning. `offset` is where `data`
    begins in the file, for a file that holds these very bytes: who has the file can read them there.
    """

    kind: str
    first_line: int = 1
    data: bytes = b""
    rows: tuple[tuple[int, Mapping[str, Any]], ...] = ()
    problem: str = ""
    offset: int | None = None


class Match(Protocol):
    """A fast look for a regular expression (RE2's syntax) in many texts."""

    def find(self, pattern: str, texts: Sequence[str]) -> list[int]:
        """Return the places, from 0, of the texts in which `pattern` is found."""
        ...


@dataclass(frozen=True)
class Ask:
    """One question to a model: the role decides which model; `schema` the shape of the reply."""

    role: str
    messages: tuple[Message, ...]
    schema: type[BaseModel] | None = None


@dataclass(frozen=True)
class Reply:
    """The answer to an `Ask`, or the reason why there is none. Exactly one of `error` and `text` is set."""

    text: str | None
    error: str | None = None
    parsed: BaseModel | None = None
    cached: bool = False
    latency_ms: float = 0.0
    cost_usd: float = 0.0


class LLM(Protocol):
    """A set of language models, one per role."""

    def ask(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all of `asks`, concurrently, in order.

        One failing call is a `Reply` with an error, never an exception. A reply to an ask with a schema
        has `parsed` set, or an error that says why it could not be parsed.

        Raises:
            BudgetError: the spending limit is reached.
            SettingsError: a role's model can not be used as configured.
        """
        ...


@dataclass(frozen=True)
class Answer:
    """What the app under test answered to one case."""

    output: str | None
    error: str | None = None
    latency_ms: float = 0.0
    retrieved_doc_ids: tuple[str, ...] = ()


class App(Protocol):
    """The application under improvement."""

    def run(self, prompt: str, cases: Sequence[GoldenCase]) -> list[Answer]:
        """Answer every case under the system prompt `prompt`, in order; one failure is an `Answer.error`."""
        ...


class Embed(Protocol):
    """Texts to vectors."""

    def embed(self, texts: Sequence[str]) -> Any:
        """Return an array of shape (len(texts), d) with rows of length 1 (or 0 for texts without words)."""
        ...


class Evaluate(Protocol):
    """The evaluation of a prompt on golden cases, as the improver may use it."""

    def evaluate(self, prompt: PromptVersion, cases: Sequence[GoldenCase]) -> list[EvalResult]:
        """Run the app under `prompt` on `cases` and judge its answers; the rows are kept in `eval_results`."""
        ...
