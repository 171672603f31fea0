"""From an ask to the request that a model gets and the key of its reply, and from the reply's text to its shape."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from flywheel_pipeline.adapters.llm.calling import RoleModel
from flywheel_pipeline.ports import Ask


def build_request(ask: Ask, model: RoleModel) -> dict[str, Any]:
    """Return the request of an ask in OpenAI's form; it decides the reply, as far as anything does."""
    request: dict[str, Any] = {
        **model.parameters,
        "model": model.model,
        "messages": [dict(m) for m in ask.messages],
        "temperature": model.temperature,
        "max_tokens": model.max_tokens,
    }
    if model.api_base:
        request["api_base"] = model.api_base
    if ask.schema is not None:
        request["response_format"] = _response_format(ask.schema)
    if ask.tools:
        request["tools"] = [dict(t) for t in ask.tools]
    return request


def cache_key(request: Mapping[str, Any], repeat: int = 0) -> str:
    """Return the key of a request and its repetition: a hash of all that decides the reply."""
    content = {**request, "repeat": repeat}
    try:
        text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # what only Python's own JSON can hold, for example a lone surrogate
        text = json.dumps(content, sort_keys=True, default=str).encode()
    return hashlib.sha256(text).hexdigest()


def parse_reply(text: str, schema: type[BaseModel]) -> BaseModel | str:
    """Return the reply in the shape asked for, or what is wrong with it."""
    try:
        return schema.model_validate_json(_json_part(text))
    except ValidationError as error:
        first = error.errors()[0]
        return f"reply does not fit {schema.__name__}: {'.'.join(map(str, first['loc']))} {first['msg']}"


def insisting(request: Mapping[str, Any], text: str, problem: str) -> dict[str, Any]:
    """Return the request once more, after a reply that could not be used."""
    again = f"That could not be used: {problem}. Answer again with only the JSON object that was asked for."
    turns = [{"role": "assistant", "content": text}, {"role": "user", "content": again}]
    return {**request, "messages": [*request["messages"], *turns]}


@cache
def _response_format(schema: type[BaseModel]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": schema.__name__, "schema": schema.model_json_schema()}}


def _json_part(text: str) -> str:
    """Return the outermost JSON object of a reply that may wrap it in prose or a code fence."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text
