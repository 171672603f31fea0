"""The evaluator `links`: every link of the answer is one that the app was given."""

from __future__ import annotations

import html
import re
from typing import Annotated, ClassVar

from mdurl import parse
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.references import conversation, documents, texts_in
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, Text, TextEvaluator, listed, quoted

_TOP_LEVEL = (
    "com|org|net|edu|gov|info|biz|app|dev|shop|store|online|site|cloud|help|support|example|test|io|ai|co|eu|uk|de|at|"
    "ch|fr|nl|be|es|it|pt|pl|cz|se|no|dk|fi|ie|us|ca|au|nz|in|jp|cn|br|mx|me|tv"
)
_PATH = r"[^\s<>\"'`|\\^{}\[\]]"
_URL = re.compile(
    rf"(?:[a-z][a-z0-9+.-]{{1,10}}://|www\.){_PATH}{{1,2000}}"
    rf"|(?<![\w@./-])(?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.){{1,5}}(?-i:{_TOP_LEVEL})(?![\w-])(?!\.\w)"
    rf"(?:/{_PATH}{{0,2000}})?",
    re.I,
)
"""A link with a scheme or `www.`, or a host with a usual domain in lower case: "app.In" is a missing space."""
_TRACKING = re.compile(r"(?:utm_\w+|gclid|fbclid|ref)=")
_PORTS = {"http": "80", "https": "443", "": ""}


@dataclass(frozen=True, config=SETTINGS)
class Links(TextEvaluator):
    """Every link of the answer occurs in the case's documents or conversation, or lies under one of `allowed`.

    `allowed` holds hosts ("example.com", and with it "help.example.com") or addresses that a link may begin with.
    http and https are the same, and so are `www.`, a closing slash, the fragment and parameters for tracking.
    With `required`, an answer without a link fails. Addresses without a scheme count if they end in a usual domain.
    """

    kind: ClassVar[str] = "links"
    code_version: ClassVar[str] = "1"

    allowed: Annotated[tuple[Text, ...], BeforeValidator(listed)] = ()
    required: bool = False

    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text; the score is the share of its links that the app was given."""
        links = links_in(text)
        if not links:
            return Judgement("fail" if self.required else "pass", "the answer has no link")
        given = {link for source in [*texts_in(documents(case)), *conversation(case)] for link in links_in(source)}
        invented = [link for link in links if link not in given and not self._is_allowed(link)]
        score = 1 - len(invented) / len(links)
        if invented:
            return Judgement("fail", f"no document has {', '.join(map(quoted, invented[:5]))}", score)
        return Judgement("pass", f"{len(links)} of {len(links)} links are known", score)

    def _is_allowed(self, link: str) -> bool:
        host = link.split("/", 1)[0].split("?", 1)[0]
        for rule in map(normalised, self.allowed):
            if "/" not in rule and (host == rule or host.endswith(f".{rule}")):
                return True
            if "/" in rule and (link == rule or link.startswith((f"{rule}/", f"{rule}?"))):
                return True
        return False


def links_in(text: str) -> list[str]:
    """Return the links of a text, normalised, each once, in order of appearance."""
    plain = html.unescape(text)
    if not plain.isascii():
        plain = "".join(c for c in plain if c not in "\u200b\u200c\u200d\u2060\ufeff\u00ad")
    return list(dict.fromkeys(normalised(m[0]) for m in _URL.finditer(plain)))


def normalised(link: str) -> str:
    """Return a link as it is compared: host without `www.`, path and query, no scheme but for those beside http."""
    trimmed = _without_closing(link)
    url = parse(trimmed if "://" in trimmed else f"http://{trimmed}")
    scheme = (url.protocol or "").rstrip(":").lower()
    host = (url.hostname or "").casefold().removeprefix("www.").rstrip(".")
    port = f":{url.port}" if url.port and url.port != _PORTS.get(scheme) else ""
    query = "&".join(p for p in (url.search or "").lstrip("?").split("&") if p and not _TRACKING.match(p))
    path = (url.pathname or "").rstrip("/")
    prefix = "" if scheme in ("http", "https") else f"{scheme}://"
    return f"{prefix}{host}{port}{path}{'?' + query if query else ''}"


def _without_closing(link: str) -> str:
    """Return a link without what ends the sentence around it: punctuation, Markdown, an unmatched bracket."""
    while link and (link[-1] in ".,;:!?*_~…" or (link[-1] == ")" and link.count(")") > link.count("("))):
        link = link[:-1]
    return link
