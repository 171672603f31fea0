"""Markdown of strangers -> HTML that is harmless: no raw HTML, no images, links to the web and to mail only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from flywheel_pipeline.web.annotate.media import describe_url

SCHEMES = ("http", "https", "mailto")
LINK = {"target": "_blank", "rel": "noopener noreferrer nofollow"}
"""Links open elsewhere, and the page that they lead to does not learn where they were."""


def render_markdown(text: str) -> Markup:
    """Return Markdown as HTML; the direction of every paragraph follows its own text."""
    return Markup(_markdown().render(text))


@cache
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable("table")
    markdown.validateLink = _is_allowed  # type: ignore[method-assign]
    markdown.core.ruler.push("safe_links", lambda state: _make_links_safe(state.tokens))
    markdown.add_render_rule("image", _image)
    return markdown


def _scheme(url: str) -> str:
    try:
        return urlsplit(url.strip()).scheme.lower()
    except ValueError:
        return ""


def _is_allowed(url: str) -> bool:
    return _scheme(url) in SCHEMES or url.strip().lower().startswith("data:image/")


def _make_links_safe(tokens: Sequence[Token]) -> None:
    for token in tokens:
        _make_links_safe(token.children or ())
        if token.type == "link_open":
            is_safe = _scheme(str(token.attrs.get("href", ""))) in SCHEMES
            token.attrs = {**token.attrs, **LINK} if is_safe else {}


def _image(_: Any, tokens: Sequence[Token], at: int, *__: Any) -> str:
    url = str(tokens[at].attrs.get("src", ""))
    return Markup('<span class="media">{}</span>').format(describe_url("image", url, tokens[at].content))
