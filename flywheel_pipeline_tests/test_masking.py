"""Keys in errors are masked; what is no key is left as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.adapters.llm.calling import CallFailed
from flywheel_pipeline.errors import ModelError
from flywheel_pipeline.masking import MASK, mask
from flywheel_pipeline.ports import Answer

KEY = "sk-proj-" + "aB3" * 12


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Incorrect API key provided: {KEY}. See", f"Incorrect API key provided: {MASK}. See"),
        ("header Authorization: Bearer abc.def-123456", f"header Authorization: Bearer {MASK}"),
        ('{"api_key": "0123456789abcdef"}', f'{{"api_key": "{MASK}"}}'),
        ("https://joe:hunter22@host/x", f"https://joe:{MASK}@host/x"),
        ("sk_live_0123456789abcdef", MASK),
        ("token=ghp_0123456789abcdefABCDEF012345", f"token={MASK}"),
        ("AIzaSyA0123456789abcdefghijklmnopqrstuv", MASK),
        ("key sk-abcd****wxyz is wrong", f"key {MASK} is wrong"),
    ],
)
def test_what_looks_like_a_key_is_masked(text: str, shown: str) -> None:
    assert mask(text, {}) == shown


@pytest.mark.parametrize(
    "text",
    [
        "openai/gpt-4o-mini: HTTP 429: Rate limit reached for tokens per min. Limit: 30000, Used: 29999",
        "no failure mode asks for a task-list",
        "the judge needs OPENAI_API_KEY in the environment",
        "token: none",
        "http://127.0.0.1:4318/v1/traces?x=a@b",
    ],
)
def test_what_is_no_key_is_left(text: str) -> None:
    assert mask(text, {"TOKEN_COUNT": "30000tokens", "HOME": "/home/joe-the-user"}) == text


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=8, max_size=60))
def test_no_value_of_a_secret_variable_is_left(value: str) -> None:
    for name in ("MY_KEY", "LANGFUSE_SECRET", "HF_TOKEN", "DB_PASSWORD", "flywheel_redact_salt"):
        assert mask(f"<{value}>{value}", {name: value}) == f"<{MASK}>{MASK}"


def test_errors_are_masked_wherever_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "not-of-any-shape-known")
    for error in (
        ModelError("key not-of-any-shape-known is wrong"),
        CallFailed("key not-of-any-shape-known is wrong", "unusable"),
        Answer(None, "key not-of-any-shape-known is wrong").error,
    ):
        assert str(error) == f"key {MASK} is wrong"
    assert Answer("not-of-any-shape-known").output == "not-of-any-shape-known", "answers are not errors"


@pytest.mark.parametrize("text", ["Basic authentication is required", "HTTP 401: Basic Authentication failed"])
def test_words_after_basic_are_no_key(text: str) -> None:
    assert mask(text, {}) == text
    assert mask("Authorization: basic dXNlcjpwYXNz", {}) == "Authorization: basic ***"
