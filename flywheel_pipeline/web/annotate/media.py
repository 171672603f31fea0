"""Images, sound and files in a trace: described, never loaded."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

KINDS = {
    **dict.fromkeys(("image", "image_url", "input_image", "output_image"), "image"),
    **dict.fromkeys(("audio", "input_audio", "output_audio"), "audio"),
    **dict.fromkeys(("file", "input_file", "document"), "file"),
    **dict.fromkeys(("video", "video_url", "input_video"), "video"),
}
"""Types of content parts, of whatever API, and what they hold."""
PLACEHOLDER = re.compile(rf"\[({'|'.join(KINDS)})(?:: ([^\]\n]{{1,300}}))?\]")
"""What capture keeps of such a part, with a description where it has one."""
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)
_BASE64 = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[A-Za-z0-9+/_-]{1000,}={0,2}")
_IN_TEXT = re.compile(
    r"(!\[[^\]\n]{0,200}\]\()?(data:[\w.+-]{0,80}/?[\w.+-]{0,80};base64,[A-Za-z0-9+/_=-]{200,})(\))?", re.IGNORECASE
)
MAX_SHOWN = 120


def describe_part(part: Mapping[str, Any]) -> str | None:
    """Return what a content part holds that is not text, such as "Image, not loaded: image/png, 24 KB"; else None."""
    kind = KINDS.get(str(part.get("type")))
    if kind is None:
        return None
    texts = dict(_texts(part))
    alt = next((texts[k] for k in ("alt", "alt_text", "title", "filename", "file_name", "name") if k in texts), "")
    media_type = next((texts[k] for k in ("media_type", "mime_type", "format") if k in texts), "")
    url = next((texts[k] for k in ("url", "image_url", "file_url", "data", "file_data", "file_id") if k in texts), "")
    detail = f"detail {texts['detail']}" if "detail" in texts else ""
    return describe_url(kind, url, ", ".join(t for t in (alt, detail) if t), media_type)


def _texts(value: Mapping[str, Any], depth: int = 0) -> list[tuple[str, str]]:
    """Return the texts of a part, (name, text), also of the objects in it (`image_url.url`, `source.data`)."""
    found = [(k, v) for k, v in value.items() if isinstance(v, str) and v and k != "type"]
    nested = [v for v in value.values() if isinstance(v, Mapping)] if depth < 3 else []
    return found + [item for v in nested for item in _texts(v, depth + 1)]


def describe_url(kind: str, url: str, alt: str = "", media_type: str = "") -> str:
    """Return what a URL, or base64 data, leads to: "Image, not loaded: a cat, image/png, 16 × 16, 1 KB"."""
    inline = describe_data(url)
    where = inline or (_shortened(url) if url else "")
    facts = [_shortened(" ".join(alt.split())), "" if inline and "/" in inline else media_type[:40], where]
    details = ", ".join(f for f in facts if f)
    return f"{kind.capitalize()}, not loaded{': ' if details else ''}{details}"


def describe_data(text: str) -> str | None:
    """Return type, dimensions and size of a data URL or of a long base64 text; None for any other text."""
    found = _DATA_URL.match(text[:200])
    if not found and not (len(text) >= 1_000 and _BASE64.fullmatch(text)):
        return None
    data = text[found.end() :] if found else text
    n_bytes = len(data.rstrip("=")) * 3 // 4
    parts = [found["type"] if found else None, _dimensions(data), size_of(n_bytes)]
    return ", ".join(p for p in parts if p)


def without_data(text: str) -> str:
    """Return a text with a description in the place of every long data URL, of a Markdown image too."""
    return _IN_TEXT.sub(_described, text) if ";base64," in text else text


def _described(found: re.Match[str]) -> str:
    opening, url, closing = found.groups(default="")
    if opening and closing:
        return f"[{describe_url('image', url, opening[2:-2])}]"
    return f"{opening}[data, not shown: {describe_data(url)}]{closing}"


def size_of(n_bytes: int) -> str:
    """Return a number of bytes for people."""
    if n_bytes < 1_000:
        return f"{n_bytes} byte{'' if n_bytes == 1 else 's'}"
    return f"{n_bytes / 1e3:.0f} KB" if n_bytes < 999_500 else f"{n_bytes / 1e6:.1f} MB"


def _dimensions(data: str) -> str | None:
    """Return the width and height that a PNG or a GIF declares in its first bytes."""
    with suppress(binascii.Error, ValueError):
        head = b64decode(data[:32])
        if head[:8] == b"\x89PNG\r\n\x1a\n" and head[12:16] == b"IHDR":
            return f"{int.from_bytes(head[16:20], 'big')} × {int.from_bytes(head[20:24], 'big')}"
        if head[:6] in (b"GIF87a", b"GIF89a"):
            return f"{int.from_bytes(head[6:8], 'little')} × {int.from_bytes(head[8:10], 'little')}"
    return None


def _shortened(text: str) -> str:
    with suppress(ValueError):
        if urlsplit(text).scheme in ("http", "https"):
            text = text.partition("?")[0]
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
