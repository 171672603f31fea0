"""Escape text so that promptfoo neither renders nor loads it.

promptfoo renders vars and assertions as Nunjucks templates (`{{ env.KEY }}` would show the reader's environment), once,
several times or not at all, depending on the prompt; a text that begins with `file://` or `package:` it loads, and runs
if it is code; `$ref` in an object it resolves. A word joiner (U+2060, invisible, without width) within the mark keeps
a text as it is however often it is rendered; JSON has escapes of its own and needs none. `{% raw %}` is not
sufficient: it is shown as it is where a prompt is JSON, and gone after the first time where a text is rendered twice.
"""

from __future__ import annotations

import json
import re
from typing import Any

JOINER = "\u2060"
_MARK = re.compile(rf"(\{{(?={JOINER}*[{{%#])|#(?={JOINER}*\}}))")
_ESCAPED = re.compile(rf"(\{{(?={JOINER}+[{{%#])|#(?={JOINER}+\}})){JOINER}")
"""How templates and comments begin; and how comments end, which alone is an error."""
_LOADED = re.compile(rf"\A(\s*(?:file|package))(?={JOINER}*:)", re.I)
_NOT_LOADED = re.compile(rf"\A(\s*(?:file|package)){JOINER}(?={JOINER}*:)", re.I)
_REFERENCE = re.compile(r"\s*(?:file://|package:)", re.I)
_IN_JSON = re.compile(r"(?<=\{)[{%#]|(?<=#)\}")


def escape(text: str) -> str:
    """Return a text that promptfoo shows as it is; `unescape` is the inverse."""
    return _LOADED.sub(rf"\1{JOINER}", _MARK.sub(rf"\1{JOINER}", text))


def unescape(text: str) -> str:
    """Return the text as it was before `escape`."""
    return _ESCAPED.sub(r"\1", _NOT_LOADED.sub(r"\1", text))


def loads_a_file(value: object) -> bool:
    """Return whether promptfoo would load something else in the place of a value."""
    return isinstance(value, str) and bool(_REFERENCE.match(value))


def escape_json(value: Any) -> str:
    """Return JSON in which no template mark stands; it is read as any JSON."""
    return _IN_JSON.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(value, ensure_ascii=False))
