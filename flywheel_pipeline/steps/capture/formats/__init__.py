"""The trace formats that are recognised, one module each, in the order in which they are tried.

A format module has `NAME`, `recognises(record) -> bool` and `read(record, source) -> Iterator[Item]`. A record is
one JSON object of a file: a line of JSONL, an item of an array, a whole document, a row of a table. `read` raises
`UnreadableError` with the reason when the record is of the format but can not be used at all, and yields
`Unreadable` for an item of it that can not.
"""

from flywheel_pipeline.steps.capture.formats import (
    agenta,
    braintrust,
    chat,
    feedback,
    langfuse,
    langsmith,
    litellm,
    mlflow,
    openai,
    otel_sdk,
    otlp,
    table,
)
from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError

FORMATS = (chat, agenta, otlp, otel_sdk, langfuse, langsmith, mlflow, litellm, braintrust, openai, feedback, table)

__all__ = ["FORMATS", "Item", "Source", "UnreadableError"]
