"""Messages whose content is more than text: images, audio and files are kept where their form is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_pipeline.steps.golden.exchange.format import Convert

_OURS = ("text", "image_url", "input_audio", "file")
"""Parts of an OpenAI-style message, kept as they are."""
_TEXTS = ("text", "input_text", "output_text")
LANGFUSE_MEDIA = "@@@langfuseMedia:"


def openai_parts(content: Any) -> bool:
    """Return whether the content of a message is a list of parts as OpenAI has them."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(p, Mapping) and p.get("type") in _OURS and isinstance(p.get(p["type"]), str | Mapping)
                for p in content)
    )  # fmt: skip


def with_attachments(value: Any, convert: Convert) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return the messages of a conversation with their attachments, and the names of what was not kept."""
    listed = value if isinstance(value, list) else [value]
    if not any(_attachments(m) for m in listed):
        return convert(value), ()
    messages: list[dict[str, Any]] = []
    dropped: list[str] = []
    for message in listed:
        found = convert([message])
        if _attachments(message) and len(found) == 1:
            parts = [_part(p) for p in message["content"]]
            kept = [p for p in parts if p is not None]
            dropped += [f"a {p.get('type') or 'part'} of a message" for p, k in
                        zip(message["content"], parts, strict=True) if k is None]  # fmt: skip
            found = [{**found[0], "content": kept}] if any(p["type"] != "text" for p in kept) else found
        elif _attachments(message):
            dropped.append("the attachments of a message")
        messages += found
    return messages, tuple(dropped)


def held_elsewhere(value: Any) -> tuple[str, ...]:
    """Return a note of the media that a conversation only names, and that are with the tool it comes from."""
    return ("media of a message (held by Langfuse)",) if LANGFUSE_MEDIA in str(value) else ()


def _attachments(message: Any) -> Sequence[Any]:
    """Return the parts of a message that are no text."""
    content = message.get("content") if isinstance(message, Mapping) else None
    parts = content if isinstance(content, list) else []
    if not all(isinstance(p, Mapping) for p in parts):
        return []
    return [p for p in parts if p.get("type") not in (*_TEXTS, None, "tool_use", "tool_result", "tool_call",
                                                       "tool_call_response", "thinking", "reasoning")]  # fmt: skip


def _part(part: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a part as OpenAI has it; None for one of an unknown form."""
    kind = part.get("type")
    if kind in _TEXTS:
        return {"type": "text", "text": str(part.get("text") or "")}
    if openai_parts([part]):
        return {"type": "image_url", "image_url": {"url": part["image_url"]}} if _is_url(part) else dict(part)
    if kind in ("input_image", "image", "media"):
        url = _image_url(part)
        return {"type": "image_url", "image_url": {"url": url}} if url else None
    return None


def _is_url(part: Mapping[str, Any]) -> bool:
    return part.get("type") == "image_url" and isinstance(part.get("image_url"), str)


def _image_url(part: Mapping[str, Any]) -> str | None:
    """Return the address or the data of an image as Anthropic, Inspect, LangChain and the Responses API have it."""
    held = next((part[k] for k in ("image_url", "image", "source", "url") if part.get(k)), part)
    if isinstance(held, str):
        return held if held.startswith(("http://", "https://", "data:")) else None
    if not isinstance(held, Mapping):
        return None
    if isinstance(held.get("url"), str):
        return str(held["url"])
    mime = held.get("media_type") or held.get("mime_type")
    return f"data:{mime};base64,{held['data']}" if mime and isinstance(held.get("data"), str) else None


def inspect_parts(content: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts of a message as Inspect has them; audio and files only it could name are written as text."""
    made: list[dict[str, Any]] = []
    for part in content:
        held = part.get(str(part.get("type")))
        if part.get("type") == "image_url" and isinstance(held, Mapping):
            made.append({"type": "image", "image": held.get("url")})
        elif part.get("type") == "text":
            made.append({"type": "text", "text": held})
        else:
            made.append({"type": "text", "text": f"[{part.get('type')}]"})
    return made


def has_attachments(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a conversation holds more than text."""
    return any(_attachments(m) for m in messages)
