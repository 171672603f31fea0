"""One module a tool; `FORMATS` lists them, the ones that say most about themselves first, as files are recognised."""

from __future__ import annotations

from collections.abc import Sequence

from flywheel_pipeline.steps.golden.exchange.format import Format
from flywheel_pipeline.steps.golden.exchange.formats import (
    agenta,
    deepeval,
    inspect,
    langfuse,
    langsmith,
    mlflow,
    native,
    openai_evals,
    openai_finetune,
    promptfoo,
)

FORMATS: Sequence[Format] = (
    promptfoo.YAML,
    promptfoo.CSV,
    agenta.FORMAT,
    langfuse.FORMAT,
    langsmith.FORMAT,
    inspect.FORMAT,
    deepeval.FORMAT,
    mlflow.FORMAT,
    openai_evals.SAMPLES,
    openai_evals.API,
    openai_finetune.FORMAT,
    native.JSONL,
    native.CSV,
)
