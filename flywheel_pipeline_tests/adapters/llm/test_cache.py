"""What was paid for once is kept by its content, and a damaged file is no answer."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.llm.cache import ReplyCache, cache_key

REQUEST: dict[str, Any] = {
    "model": "openai/x",
    "messages": [{"role": "user", "content": "Hi"}],
    "temperature": 0.0,
    "max_tokens": 10,
}


def _only_file(root: Path) -> Path:
    (path,) = [p for p in root.rglob("*") if p.is_file()]
    return path


@pytest.mark.parametrize(
    "change",
    [
        {"model": "openai/y"},
        {"messages": [{"role": "user", "content": "Hi!"}]},
        {"messages": [{"role": "system", "content": "Hi"}]},
        {"temperature": 0.1},
        {"max_tokens": 11},
        {"api_base": "http://127.0.0.1/v1"},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "Verdict"}}},
    ],
)
def test_anything_that_decides_the_reply_decides_the_key(change: dict[str, Any]) -> None:
    assert cache_key({**REQUEST, **change}) != cache_key(REQUEST)


def test_the_order_of_a_request_does_not_decide_the_key() -> None:
    assert cache_key(dict(reversed(REQUEST.items()))) == cache_key(REQUEST)


@pytest.mark.parametrize("text", ["Hello", "", "größe 😀\x00\u2028\r\n\"'", "lone \ud83d", "None"])
def test_a_reply_comes_back_as_it_was_kept_also_in_another_process(tmp_path: Path, text: str) -> None:
    key = cache_key({**REQUEST, "messages": [{"role": "user", "content": text}]})
    ReplyCache(tmp_path).put(key, "openai/x", text, 0.01)
    assert ReplyCache(tmp_path).get(key) == text


def test_what_was_never_kept_is_none(tmp_path: Path) -> None:
    assert ReplyCache(tmp_path / "not there").get(cache_key(REQUEST)) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"text"', b'{"txt": "a"}', b"\xff", b'{"text": null}'])
def test_a_damaged_file_counts_as_none_and_can_be_replaced(tmp_path: Path, content: bytes) -> None:
    cache, key = ReplyCache(tmp_path), cache_key(REQUEST)
    cache.put(key, "openai/x", "Hello", 0.0)
    _only_file(tmp_path).write_bytes(content)
    assert cache.get(key) is None
    cache.put(key, "openai/x", "Hello again", 0.0)
    assert cache.get(key) == "Hello again"


def test_many_writers_of_one_reply_leave_one_whole_file(tmp_path: Path) -> None:
    cache, key, seen = ReplyCache(tmp_path), cache_key(REQUEST), set()

    def work(letter: str) -> None:
        for _ in range(10):
            cache.put(key, "openai/x", letter * 5_000, 0.0)
            text = cache.get(key) or "nothing"
            seen.add((text[:1], len(set(text)), len(text)))

    threads = [threading.Thread(target=work, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {shape[1:] for shape in seen} == {(1, 5_000)}
    assert _only_file(tmp_path).suffix == ".json"
