"""Images, sound and files in a conversation: what they are is kept, their bytes are not.

A part of a message that holds one becomes `[image: a red bicycle, detail low, image/png, 24 KB]`, which the labelling
page shows. Base64 anywhere else in a trace is kept up to a bound, beyond which its size stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_KINDS: Mapping[str, str] = {
    **{k: k for k in ("image", "image_url", "input_image", "output_image", "audio", "input_audio", "output_audio")},
    **{k: k for k in ("file", "input_file", "document", "video", "video_url", "input_video")},
    "media": "file", "blob": "file", "uri": "file", "image_file": "image", "audio_url": "audio", "file_url": "file",
    "base64_image": "image",
}  # fmt: skip
"""Types of content parts that hold no text, and how the part is called where it is kept."""
_HOLDERS: Mapping[str, str] = {
    "inlineData": "file", "inline_data": "file", "fileData": "file", "file_data": "file", "image_url": "image",
    "input_audio": "audio", "image": "image", "audio": "audio", "video": "video", "document": "document",
}  # fmt: skip
"""Keys under which parts without a type hold such an object (Gemini, Bedrock)."""
_ALT = ("alt", "alt_text", "altText", "title", "filename", "file_name", "name", "caption", "description", "displayName")
_TYPE = ("media_type", "mime_type", "mimeType", "mediaType", "format")
_PLACE = (
    "url", "image_url", "video_url", "audio_url", "file_url", "fileUri", "file_uri", "uri", "data", "file_data",
    "image", "bytes", "content", "file_id", "fileId",
)  # fmt: skip
MAX_FACT, MAX_ALL = 120, 290
BOUND = 1_000
"""Characters of a data URL, or four times as many of bare base64, that are kept."""
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[\w.+-]+)*);base64,([A-Za-z0-9+/_=-]{%d,})" % BOUND)  # noqa: UP031
_BARE = re.compile(r'"([A-Za-z0-9+/_-]{%d,}={0,2})(?=\\?")' % (4 * BOUND))  # noqa: UP031
_MIXED = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))
_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?[^,]{0,200};base64,")


def described(part: Mapping[str, Any], kind: str) -> str | None:
    """Return what stands for a content part of a type that holds an image, sound or a file; None for any other part."""
    if kind:
        name = _KINDS.get(kind)
    else:
        held = next((k for k in _HOLDERS if isinstance(part.get(k), dict)), None)
        name, part = (_HOLDERS[held], part[held]) if held else (None, part)
    if name is None:
        return None
    texts = dict(reversed(list(_texts(part))))
    mime = next((texts[k] for k in _TYPE if k in texts), "")
    place = next((texts[k] for k in _PLACE if k in texts), "")
    if found := _URL.match(place):
        mime, place = found[1] or mime, _size(place[found.end() :])
    elif place.startswith(("http://", "https://", "gs://", "s3://")):
        place = place.partition("?")[0]
    elif place.startswith("data:") or len(place) > MAX_FACT:
        place = "" if len(place) <= MAX_FACT else _size(place)
    if name == "file":
        said = (mime.partition("/")[0], texts.get("modality"))
        name = next((s for s in said if s in ("image", "audio", "video")), name)
    detail = f"detail {texts['detail']}" if "detail" in texts else ""
    alt = next((texts[k] for k in _ALT if k in texts), "")
    facts = [_plain(f)[:MAX_FACT] for f in (alt, detail, mime, place) if f]
    return f"[{name}: {', '.join(facts)[:MAX_ALL]}]" if facts else f"[{name}]"


def _texts(value: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the texts of a part, (key, text), those of the objects in it last."""
    for key, held in value.items():
        if isinstance(held, str) and held and key != "type":
            yield key, held
    for held in value.values():
        if isinstance(held, Mapping) and depth < 3:
            yield from _texts(held, depth + 1)


def _plain(text: str) -> str:
    """Return a text that can stand in brackets on one line."""
    return " ".join(text.replace("[", "(").replace("]", ")").split())


def _size(data: str) -> str:
    n_bytes = len(data.rstrip("=")) * 3 // 4
    return (
        f"{n_bytes} bytes"
        if n_bytes < 1_000
        else f"{n_bytes / 1e3:.0f} KB"
        if n_bytes < 1e6
        else f"{n_bytes / 1e6:.1f} MB"
    )


def without_payloads(text: str) -> str:
    """Return a text, or JSON text, in which long base64 is replaced by its size."""
    if len(text) <= BOUND:
        return text
    if ";base64," in text:
        text = _DATA.sub(lambda m: f"data:{m[1] or ''}{m[2]};base64,({_size(m[3])} not kept)", text)
    return _BARE.sub(_bare, text) if len(text) > 4 * BOUND else text


def _bare(found: re.Match[str]) -> str:
    data = found[1]
    is_data = all(pattern.search(data) for pattern in _MIXED)
    return f'"({_size(data)} of base64 not kept)' if is_data else found[0]
