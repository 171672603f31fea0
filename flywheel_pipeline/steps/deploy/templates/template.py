"""A prompt template: literal texts with `{{variables}}` between them, and how a rendered prompt is read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flywheel_pipeline.prompts import VARIABLE


def plain_text(prompt: str) -> str:
    """Return a prompt as versions and templates hold it: stripped, with `\\n` as line ends."""
    return "\n".join(prompt.strip().splitlines())


@dataclass(frozen=True)
class Rendered:
    """What a rendered prompt shows of its template: {variable: value}.

    With `is_ambiguous`, the same text comes of other values as well, so that these are not known.
    """

    values: Mapping[str, str]
    is_ambiguous: bool = False


@dataclass(frozen=True)
class Template:
    """`literals` has one text more than `names` has variables; a name that stands twice has one value."""

    literals: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Template:
        """Return the template that a text with `{{variables}}` is."""
        parts = VARIABLE.split(plain_text(text))
        return cls(tuple(parts[::2]), tuple(parts[1::2]))

    @property
    def text(self) -> str:
        """The template as a text."""
        variables = ["{{" + name + "}}" for name in self.names]
        return "".join(a + b for a, b in zip(self.literals, [*variables, ""], strict=True))

    @property
    def n_literal(self) -> int:
        """How many characters are the same in every prompt."""
        return sum(map(len, self.literals))

    def render(self, values: Mapping[str, str]) -> str:
        """Return the prompt with these values."""
        filled = [*(values[name] for name in self.names), ""]
        return "".join(a + b for a, b in zip(self.literals, filled, strict=True))

    def read(self, prompt: str) -> Rendered | None:
        """Return the values that make exactly this prompt; None if no values do.

        Every literal is looked for from the left, then from the right: where both find the same places, no other
        values are possible. The time is linear in the prompt for each literal.
        """
        if not self.names:
            return Rendered({}) if prompt == self.literals[0] else None
        left, right = self._from_left(prompt), self._from_right(prompt)
        if left is None or right is None:
            return None
        values = self._values(prompt, left)
        if left == right:
            return Rendered(values) if self.render(values) == prompt else None
        return Rendered(values, is_ambiguous=True)

    def _from_left(self, prompt: str) -> list[int] | None:
        """Return where each literal begins if every value is as short as the ones before it allow."""
        first, *inner, last = self.literals
        if len(prompt) < len(first) + len(last) or not prompt.startswith(first) or not prompt.endswith(last):
            return None
        places, end = [0], len(first)
        for literal in inner:
            at = prompt.find(literal, end, len(prompt) - len(last))
            if at < 0:
                return None
            places.append(at)
            end = at + len(literal)
        return [*places, len(prompt) - len(last)]

    def _from_right(self, prompt: str) -> list[int] | None:
        first, *inner, last = self.literals
        places, begin = [len(prompt) - len(last)], len(prompt) - len(last)
        for literal in reversed(inner):
            at = prompt.rfind(literal, len(first), begin)
            if at < 0:
                return None
            places.append(at)
            begin = at
        return [0, *reversed(places)]

    def _values(self, prompt: str, places: list[int]) -> dict[str, str]:
        ends = [at + len(literal) for at, literal in zip(places, self.literals, strict=True)]
        found: dict[str, str] = {}
        for name, end, begin in zip(self.names, ends, places[1:], strict=False):
            found.setdefault(name, prompt[end:begin])
        return found
