"""The evaluator `markdown`: which elements of Markdown an answer has, and how long its paragraphs are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BeforeValidator, Field, StrictInt, model_validator
from pydantic.dataclasses import dataclass

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.sentences import words
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, Text, TextEvaluator, listed, quoted

Element = Literal[
    "heading", "bullet_list", "ordered_list", "table", "code_block", "inline_code", "bold", "italic", "link", "image",
    "quote", "html",
]  # fmt: skip
Elements = Annotated[tuple[Element, ...], BeforeValidator(listed)]

_ELEMENTS: dict[str, Element] = {
    "heading_open": "heading", "bullet_list_open": "bullet_list", "ordered_list_open": "ordered_list",
    "table_open": "table", "fence": "code_block", "code_inline": "inline_code", "strong_open": "bold",
    "em_open": "italic", "link_open": "link", "image": "image", "blockquote_open": "quote", "html_block": "html",
    "html_inline": "html",
}  # fmt: skip


@dataclass(frozen=True, config=SETTINGS)
class Markdown(TextEvaluator):
    """The answer has every element of `require` and none of `forbid`, in CommonMark with GitHub's tables.

    A `code_block` is fenced, and its fence must be closed; with `code_language`, every fenced block is marked with
    that language. No paragraph has more than `max_paragraph_words` words (items of lists are counted
    like paragraphs); a paragraph ends at an empty line.
    """

    kind: ClassVar[str] = "markdown"
    code_version: ClassVar[str] = "1"
    longest: ClassVar[int] = 50_000

    require: Elements = ()
    forbid: Elements = ()
    code_language: Text | None = None
    max_paragraph_words: Annotated[StrictInt, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _checked(self) -> Markdown:
        if not (self.require or self.forbid or self.code_language or self.max_paragraph_words):
            raise ValueError("nothing to check: set require, forbid, code_language or max_paragraph_words")
        both = sorted(set(self.require) & set(self.forbid))
        if both:
            raise ValueError(f"required and forbidden at once: {', '.join(both)}")
        if self.code_language and "code_block" in self.forbid:
            raise ValueError("code_language is set, but code blocks are forbidden")
        return self

    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text; the explanation lists everything that is wrong with its format."""
        tokens = _parse(text)
        problems = [*self._elements(tokens), *self._code(text, tokens), *self._paragraphs(tokens)]
        if problems:
            return Judgement("fail", "; ".join(problems))
        return Judgement("pass", "the format is as asked for")

    def _elements(self, tokens: Sequence[Token]) -> Iterator[str]:
        there = {_ELEMENTS[t.type] for t in _all(tokens) if t.type in _ELEMENTS}
        missing, wrong = [e for e in self.require if e not in there], [e for e in self.forbid if e in there]
        if missing:
            yield f"the answer has no {', no '.join(missing)}"
        if wrong:
            yield f"the answer has {', '.join(wrong)}, which is forbidden"

    def _code(self, text: str, tokens: Sequence[Token]) -> Iterator[str]:
        fences = [t for t in tokens if t.type == "fence"]
        if (self.code_language or "code_block" in self.require) and any(not _is_closed(t, text) for t in fences):
            yield "a code block is not closed"
        if self.code_language is None:
            return
        marks = [t.info.split()[0] if t.info.strip() else "no language" for t in fences]
        others = [m for m in marks if m.lower() != self.code_language.lower()]
        if not marks:
            yield f"the answer has no code block marked {self.code_language}"
        if others:
            yield f"a code block is marked {others[0][:40]}, not {self.code_language}"

    def _paragraphs(self, tokens: Sequence[Token]) -> Iterator[str]:
        if self.max_paragraph_words is None:
            return
        inside = [t for before, t in pairwise(tokens) if before.type == "paragraph_open"]
        sizes = [(len(words(t.content)), t.content) for t in inside]
        n, longest = max(sizes, key=lambda s: s[0], default=(0, ""))
        if n > self.max_paragraph_words:
            yield f"a paragraph has {n:,} words, at most {self.max_paragraph_words:,} are allowed: {quoted(longest)}"


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def _parse(text: str) -> list[Token]:
    return _parser().parse(text)


def _all(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens, those of inline text among them."""
    for token in tokens:
        yield token
        yield from _all(token.children or [])


def _is_closed(fence: Token, text: str) -> bool:
    """Return whether a fenced block ends with its fence, not with the text."""
    first, end = fence.map or (0, 0)
    last = text.splitlines()[end - 1 : end] if end - first > 1 else []
    return bool(last) and last[0].strip().lstrip("> ").startswith(fence.markup)
