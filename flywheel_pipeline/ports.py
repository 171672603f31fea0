"""What the steps ask of the outside world: one small Protocol per need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from flywheel_pipeline.masking import mask
from flywheel_pipeline.records import EvalResult, GoldenCase, PromptVersion

T = TypeVar("T")
R = TypeVar("R")

Message = Mapping[str, Any]
"""An OpenAI-style chat message."""


@dataclass(frozen=True)
class Block:
    """A piece of a landing file that can be read without the rest.

    `kind` is `lines` (of JSON), `document` (one JSON value), `protobuf`, or `rows` (of a table: (line, {column:
    value})). A `problem` says why the piece cannot be read: `data` then holds its beginning. `offset` is where `data`
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
    """One question to a model: the role decides which model, `schema` the shape of the reply.

    Two equal asks are one call, now and in later runs; a different `repeat` makes a call of its own. `tools` are
    offered to the model, in OpenAI's form.
    """

    role: str
    messages: tuple[Message, ...]
    schema: type[BaseModel] | None = None
    repeat: int = 0
    tools: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Reply:
    """What a model replied, or why there is no reply: exactly one of `error` and `text` is set.

    `latency_ms`, `cost_usd` and the tokens are those of the call that produced the reply; a cached reply keeps them,
    although nothing is paid for it again. `cost_usd` is None where the model's price is not known.
    """

    text: str | None
    error: str | None = None
    parsed: BaseModel | None = None
    cached: bool = False
    latency_ms: float = 0.0
    cost_usd: float | None = 0.0
    finish_reason: str | None = None
    tool_calls: tuple[Message, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0


class LLM(Protocol):
    """A set of language models, one per role."""

    def ask(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all of `asks`, concurrently, in order.

        One failing call is a `Reply` with an error, never an exception. A reply to an ask with a schema
        has `parsed` set, or an error that says why it could not be parsed.

        Raises:
            BudgetError: the spending limit is reached.
            ModelError: a model cannot be called at all: no key, a wrong name, an endpoint that is down.
            SettingsError: a role has no model, or a model has no known price while there is a limit.
        """
        ...


class Engine(LLM, Protocol):
    """Models that can be asked from within concurrent work."""

    def map(self, work: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
        """Run `work` on every item, many at a time, and return the results in the order of `items`.

        The first exception ends the run, after the calls in flight, which are paid for, have been stored.
        """
        ...

    async def reply(self, ask: Ask) -> Reply:
        """Answer one ask, inside `map`; errors as in `LLM.ask`."""
        ...


@dataclass(frozen=True)
class Answer:
    """What the app under test answered to one case, or why there is no answer.

    `cost_usd` is what the answer cost when it was made, also where it is `cached` now.
    """

    output: str | None
    error: str | None = None
    latency_ms: float = 0.0
    retrieved_doc_ids: tuple[str, ...] = ()
    finish_reason: str | None = None
    tool_calls: tuple[Message, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    cached: bool = False

    def __post_init__(self) -> None:
        if self.error is not None:  # an app's error may repeat the key that it was sent
            object.__setattr__(self, "error", mask(self.error))

    @property
    def has_text(self) -> bool:
        """Whether there is a text to judge; an answer may as well be tool calls alone."""
        return bool((self.output or "").strip())

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a text nor a tool call."""
        return not self.has_text and not self.tool_calls


class App(Protocol):
    """The application under improvement."""

    @property
    def version(self) -> str:
        """A hash of all of the app's settings and code that may change its answers, the prompt excepted."""
        ...

    async def answer(self, prompt: str, case: GoldenCase, repeat: int = 0) -> Answer:
        """Answer one case under the system prompt `prompt`; a failure is an `Answer.error`, never an exception."""
        ...


class OwnCode(Protocol):
    """A person's own Python function that judges answers."""

    @property
    def version(self) -> str:
        """A hash of the function's source."""
        ...

    async def run(self, case: GoldenCase, answer: Answer) -> tuple[Any, str]:
        """Return (value, problem): what the function returned, or, with a problem, why it returned nothing."""
        ...


class Meter(Protocol):
    """Counts calls to a model that another adapter makes, and stops them at the limits."""

    def start(self) -> None:
        """Count a request before it is made.

        Raises:
            BudgetError: a limit is reached.
            SettingsError: the model has no known price while there is a limit in dollars.
        """
        ...

    def end(self, attempt: int, latency_ms: float, tokens: int | None = None, error: str | None = None) -> None:
        """Count what the request took: its tokens, None where they are not known, or the error that it ended in."""
        ...


class Cells(Protocol):
    """Results kept on disk by the hash of everything that decides them."""

    def get(self, key: str) -> Mapping[str, Any] | None:
        """Return what was kept under `key`, or None."""
        ...

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep `value`, JSON data, under `key`."""
        ...


class Embed(Protocol):
    """Texts to vectors."""

    def embed(self, texts: Sequence[str]) -> Any:
        """Return an array of shape (len(texts), d) with rows of length 1 (or 0 for texts without words)."""
        ...


class Evaluate(Protocol):
    """The evaluation of a prompt on golden cases, as the improver may use it."""

    def evaluate(self, prompt: PromptVersion, cases: Sequence[GoldenCase]) -> list[EvalResult]:
        """Run the app under `prompt` on `cases` and judge its answers; the rows are kept in `eval_results`.

        Raises:
            NoAnswerError: the app answered none of them.
            ModelError: a model cannot be called at all.
        """
        ...


@dataclass(frozen=True)
class ApiRequest:
    """A request to the API of an observability tool: `query` and `body` (JSON) as its documentation has them."""

    path: str
    query: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None


class Fetch(Protocol):
    """The API of one observability tool."""

    def __call__(self, request: ApiRequest) -> Any:
        """Return the JSON of the answer; a request with a body is a POST.

        Raises:
            NotOfferedError: the server has no such endpoint, or nothing under that id.
            PullError: there is no usable answer; the message says why, without any credentials.
        """
        ...
