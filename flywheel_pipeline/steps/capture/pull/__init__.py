"""What is fetched from the APIs of observability tools, and in which order; one module per tool.

A module has `STREAMS`, the lists that are paged through, the traces first, and `row_of(record)`, which identifies a
record. Records stay as the API has them: the formats of `steps/capture/formats` read them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.steps.capture.pull import agenta, langfuse, langsmith, mlflow, phoenix
from flywheel_pipeline.steps.capture.pull.paging import Page, Row, Stream, Target, Window

__all__ = ["TOOLS", "Page", "Row", "Stream", "Target", "Tool", "Window"]


@dataclass(frozen=True)
class Tool:
    """How the API of one tool is read; `page_size` is the most that its endpoints allow."""

    streams: Mapping[str, Stream]
    row_of: Callable[[Mapping[str, Any]], Row]
    page_size: int


TOOLS: Mapping[str, Tool] = {
    "langfuse": Tool(langfuse.STREAMS, langfuse.row_of, 100),
    "langsmith": Tool(langsmith.STREAMS, langsmith.row_of, 100),
    "phoenix": Tool(phoenix.STREAMS, phoenix.row_of, 500),
    "mlflow": Tool(mlflow.STREAMS, mlflow.row_of, 100),
    "agenta": Tool(agenta.STREAMS, agenta.row_of, 500),
}
