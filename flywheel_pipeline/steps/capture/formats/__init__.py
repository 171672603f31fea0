"""The trace formats that are recognised, one module each, in the order in which they are tried.

A format module has `NAME`, `recognises(record) -> bool` and `read(record, source) -> Iterator[Item]`. A record is
one JSON object of a file: a line of JSONL, an item of an array, a whole document, a row of a table. `recognises` asks
for what the format must have. `read` raises `UnreadableError` with the reason when the record is of the format but
cannot be used at all, and yields `Unreadable` for an item of it that cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats import (
    agenta,
    braintrust,
    chat,
    feedback,
    jaeger,
    langfuse,
    langsmith,
    litellm,
    logfire,
    mlflow,
    opik,
    otel_sdk,
    otlp,
    otlp_logs,
    sharegpt,
    table,
    turns_table,
    unsupported,
)
from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.pairs import anthropic, bedrock, cohere, gemini, ollama, openai
from flywheel_pipeline.steps.capture.pages import records_in_page

ORDER: tuple[Any, ...] = (
    chat, unsupported, otlp, otlp_logs, jaeger, logfire, litellm, langsmith, mlflow, opik, langfuse, braintrust,
    agenta, otel_sdk, bedrock, gemini, anthropic, ollama, cohere, openai, sharegpt, feedback, turns_table,
    table,
)  # fmt: skip
"""The most specific first: where a record meets the requirements of two formats, the one that comes first reads it.

`chat` comes first since it refuses whatever has a key of another format; `table` takes what is left.
"""
FORMATS: tuple[Any, ...] = tuple(f for f in ORDER if f is not unsupported)

__all__ = ["FORMATS", "ORDER", "Item", "Source", "UnreadableError", "recognise", "unknown"]


def recognise(record: Any, name: str | None = None) -> Any:
    """Return the format module that reads `record`: the one called `name`, else the first that recognises it.

    None if there is none. A named format does not read an answer of an API that holds its records.
    """
    if not isinstance(record, Mapping):
        return None
    if name is not None:
        named = next(f for f in FORMATS if name == f.NAME)
        return named if records_in_page(record) is None or named.recognises(record) else None
    return next((f for f in ORDER if f.recognises(record)), None)


def unknown(value: Any) -> str:
    """Return the reason for refusing what no format recognises."""
    shown = (
        f"keys {', '.join(sorted(map(str, value))[:8])}" if isinstance(value, Mapping) else f"a {type(value).__name__}"
    )
    known = ", ".join(f.NAME for f in FORMATS)
    hint = ". Your own: capture.sources in flywheel.yaml" if isinstance(value, Mapping) else ""
    return f"unknown format ({shown}); known: {known}{hint}"
