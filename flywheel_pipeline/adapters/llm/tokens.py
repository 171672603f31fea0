"""Tokens of a text, as litellm counts them for a model: exactly for known tokenizers, else by OpenAI's cl100k."""

from __future__ import annotations

from collections.abc import Callable


def token_counter(model: str) -> Callable[[str], int]:
    """Return a function that counts the tokens of a text for a model; litellm is imported by its first call."""

    def count(text: str) -> int:
        import litellm

        return int(litellm.token_counter(model=model, text=text))

    return count
