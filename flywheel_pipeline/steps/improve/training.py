"""A training file for fine-tuning: chats in OpenAI's form, checked for format, length and text of held-out cases."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_TOKENS = 16_000
"""Tokens of one example; longer ones are left out, since providers cut them without notice."""
ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True)
class Example:
    """A conversation and the right answer to it; `asked` is what the user says in it, by which copies are found.

    `system` is the prompt, with its variables filled in; empty where a value is not known.
    """

    trace_id: str
    system: str
    messages: tuple[Mapping[str, Any], ...]
    answer: str
    asked: str


@dataclass(frozen=True)
class TrainingFile:
    """The lines of the file, and {why: number} of the examples that are not in it; `tokens` are those of each line."""

    lines: tuple[str, ...]
    left_out: Mapping[str, int]
    tokens: tuple[int, ...]

    def describe(self) -> list[str]:
        """Return what is in the file, and what is not, in words."""
        total = sum(self.tokens)
        spread = f"median {np.median(self.tokens):,.0f}, at most {max(self.tokens):,}" if self.tokens else "none"
        return [
            f"{len(self.lines):,} examples, {total:,} tokens ({spread})",
            *(f"left out: {n:,} {why}" for why, n in self.left_out.items()),
        ]


def training_file(
    examples: Sequence[Example],
    held_out: Sequence[str],
    near_pairs: Callable[..., Iterable[tuple[int, int]]],
    count_tokens: Callable[[str], int],
) -> TrainingFile:
    """Return the file that teaches a model the right answers.

    One example per family of near-duplicates; none that asks nearly what a case of the dev or test split asks
    (`held_out` are the questions of those), that is no complete chat, or that is longer than `MOST_TOKENS`.

    Args:
        near_pairs: `steps.golden.near_pairs`: pairs of indices of near-duplicate texts.
        count_tokens: returns the tokens of a text, as the model's provider counts them.
    """
    why: Counter[str] = Counter()
    sound = []
    for example in examples:
        problem = format_problem(example)
        why[problem] += bool(problem)
        sound += [] if problem else [example]
    copies = _held_out_copies(sound, held_out, near_pairs)
    why["ask nearly what a case of the dev or test split asks"] += len(copies)
    own = [e for i, e in enumerate(sound) if i not in copies]
    firsts = _first_of_families([e.asked for e in own], near_pairs)
    why["near-duplicates of another example"] += len(own) - len(firsts)
    lines, tokens = [], []
    for example in (own[i] for i in firsts):
        line = _line(example)
        n = count_tokens(line)
        why[f"longer than {MOST_TOKENS:,} tokens"] += n > MOST_TOKENS
        if n <= MOST_TOKENS:
            lines.append(line)
            tokens.append(n)
    return TrainingFile(tuple(lines), {k: n for k, n in why.items() if k and n}, tuple(tokens))


def format_problem(example: Example) -> str:
    """Return why an example is no chat that a provider accepts; empty if it is one."""
    if not example.answer.strip():
        return "without a right answer"
    if not example.system.strip():
        return "without values of the prompt's variables"
    if not example.messages or example.messages[-1].get("role") != "user":
        return "that do not end with the user's message"
    if any(m.get("role") not in ROLES for m in example.messages):
        return "with a role that chats do not have"
    if any(not m.get("content") and not m.get("tool_calls") for m in example.messages):
        return "with an empty message"
    return ""


def _line(example: Example) -> str:
    spoken = [dict(m) for m in example.messages if m.get("role") != "system"]
    chat = [{"role": "system", "content": example.system}, *spoken, {"role": "assistant", "content": example.answer}]
    return json.dumps({"messages": chat}, ensure_ascii=False)


def _held_out_copies(
    examples: Sequence[Example], held_out: Sequence[str], near_pairs: Callable[..., Iterable[tuple[int, int]]]
) -> Collection[int]:
    n = len(held_out)
    pairs = near_pairs([*held_out, *(e.asked for e in examples)], known=n)
    return {j - n for i, j in pairs if i < n <= j}


def _first_of_families(texts: Sequence[str], near_pairs: Callable[..., Iterable[tuple[int, int]]]) -> list[int]:
    """Return the first text of each family of near-duplicates."""
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in near_pairs(texts):
        a, b = sorted((root(i), root(j)))
        parent[b] = a
    return [i for i in range(len(texts)) if root(i) == i]


def count_families(texts: Sequence[str], near_pairs: Callable[..., Iterable[tuple[int, int]]]) -> int:
    """Return how many families of near-duplicates there are."""
    return len(_first_of_families(texts, near_pairs))
