"""A text is embedded once, whichever process asked, and a broken cache is as good as none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flywheel_pipeline.adapters.embed.cached import CachedEmbed


@dataclass
class CountingEmbed:
    """Embeds a text as its length; remembers what it embedded."""

    seen: list[str] = field(default_factory=list)

    def embed(self, texts: Sequence[str]) -> Any:
        self.seen += texts
        return np.array([[len(t), 1.0] for t in texts], dtype=np.float32).reshape(len(texts), 2)


def test_only_new_texts_are_embedded_and_rows_keep_their_order(tmp_path: Path) -> None:
    first, second = CountingEmbed(), CountingEmbed()
    CachedEmbed(first, "m", tmp_path / "deep" / "v.sqlite").embed(["a", "bb", "a"])
    assert first.seen == ["a", "bb"]
    rows = CachedEmbed(second, "m", tmp_path / "deep" / "v.sqlite").embed(["ccc", "bb", "a", "bb"])
    assert second.seen == ["ccc"]
    assert rows[:, 0].tolist() == [3, 2, 1, 2]


def test_models_do_not_share_vectors(tmp_path: Path) -> None:
    CachedEmbed(CountingEmbed(), "one", tmp_path / "v.sqlite").embed(["a"])
    other = CountingEmbed()
    CachedEmbed(other, "other", tmp_path / "v.sqlite").embed(["a"])
    assert other.seen == ["a"]


def test_more_texts_than_one_query_takes(tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(1201)]
    CachedEmbed(CountingEmbed(), "m", tmp_path / "v.sqlite").embed(texts)
    again = CountingEmbed()
    assert len(CachedEmbed(again, "m", tmp_path / "v.sqlite").embed(texts)) == 1201
    assert again.seen == []


def test_a_damaged_file_is_reported_and_costs_only_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "v.sqlite").write_bytes(b"not a database" * 100)
    inner = CountingEmbed()
    assert CachedEmbed(inner, "m", tmp_path / "v.sqlite").embed(["a", "bb"])[:, 0].tolist() == [1, 2]
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize("texts", [[], ["\ud83d lone"], ["", " "]])
def test_odd_texts_are_kept_too(tmp_path: Path, texts: list[str]) -> None:
    cached = CachedEmbed(CountingEmbed(), "m", tmp_path / "v.sqlite")
    assert len(cached.embed(texts)) == len(texts)
    assert np.array_equal(cached.embed(texts), cached.embed(texts))
