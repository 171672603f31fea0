"""Variables filled into promptfoo's templates: names and simple filters only, never code, loops or the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment

MAX_LENGTH = 200_000
"""Characters of a text that is filled in: variables that name each other can stand for billions."""
MAX_DEPTH = 4
"""Variables within variables that are filled in."""
_FILTERS = frozenset({"upper", "lower", "trim", "capitalize", "title", "default", "d", "first", "last", "string"})
"""Filters that Nunjucks and Jinja have alike."""
_ALLOWED = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const)
_ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)


@dataclass
class Filler:
    """Fills variables into texts; `failed` names the templates that were left as they are, with the reason."""

    variables: Mapping[str, Any]
    failed: list[str] = field(default_factory=list)

    def fill(self, value: Any, place: str) -> Any:
        """Return a value with the variables filled into every text of it; `place` names it in the report."""
        if isinstance(value, str):
            return self._text(value, place)
        if isinstance(value, list):
            return [self.fill(v, place) for v in value]
        return {k: self.fill(v, place) for k, v in value.items()} if isinstance(value, Mapping) else value

    def _text(self, text: str, place: str) -> str:
        for _ in range(MAX_DEPTH):
            if not any(mark in text for mark in ("{{", "{%", "{#")):
                return text
            filled, reason = _render(text, self.variables)
            if reason:
                self.failed.append(f"{place}: {reason}")
                return text
            if filled == text:
                return text
            text = filled
        return text


def _render(text: str, variables: Mapping[str, Any]) -> tuple[str, str]:
    """Return the text filled in, or the reason why it is left as it is."""
    try:
        if len(text) > MAX_LENGTH:
            return text, f"longer than {MAX_LENGTH:,} characters (not filled in)"
        tree = _ENVIRONMENT.parse(text)
        if not all(_is_plain(node) for node in tree.find_all(nodes.Node)):
            return text, "a template with more than variables (not filled in)"
        unknown = sorted(n.name for n in tree.find_all(nodes.Name) if n.name not in variables)
        if unknown and "default" not in text:
            return text, f"the variable {unknown[0][:60]} is not defined (not filled in)"
        held = sum(len(str(variables.get(n.name, ""))) for n in tree.find_all(nodes.Name))
        if held + len(text) > MAX_LENGTH:
            return text, f"longer than {MAX_LENGTH:,} characters (not filled in)"
        return _ENVIRONMENT.from_string(text).render(variables), ""
    except (TemplateError, TypeError, ValueError, RecursionError) as error:
        return text, f"not a template that can be read, {type(error).__name__} (not filled in)"


def _is_plain(node: nodes.Node) -> bool:
    return isinstance(node, _ALLOWED) or (isinstance(node, nodes.Filter) and node.name in _FILTERS)
