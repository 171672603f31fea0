"""How well the failure taxonomy recovers the categories that people gave to failures.

    python -m flywheel_pipeline_tests.benchmarks.taxonomy FILE.jsonl [--model M] [--labels-per-category K]
        [--embedder E] [--ordinary]

Every line of the file is `{"text": …, "category": …}`, and may have the `trace` the text is about. The categories are
only looked at to measure: adjusted Rand index and adjusted mutual information between them and the modes over all
failures (all unassigned ones count as one mode), the share that was assigned, and how much of each category is in the
mode that holds most of it. With `--labels-per-category K`, K failures of every category (drawn with the seed) have the
category as the expert's, at least one of each is left, and only the others are measured; there recall is that of the
category itself. `--ordinary` adds two dozen ordinary clusterings, each at several numbers of clusters, of which the
best can only be known afterwards.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from flywheel_pipeline.adapters.embed import choose_embedder
from flywheel_pipeline.adapters.llm import Limits, ModelClient, ReplyStore, RoleModel
from flywheel_pipeline.steps.cluster import Analyst, Failure, ModelAnalyst, WordAnalyst, build_taxonomy

UNASSIGNED = "unassigned"


@dataclass(frozen=True)
class Labelled:
    """One failure of the file."""

    text: str
    category: str
    trace: str = ""


@dataclass(frozen=True)
class Measured:
    """What one way of building the taxonomy reached."""

    way: str
    n_modes: int
    ari: float
    ami: float
    coverage: float
    recall: dict[str, float]
    seconds: float


def read_labelled(path: Path) -> list[Labelled]:
    """Read the lines; other keys are ignored."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [Labelled(str(r["text"]), str(r["category"]), str(r.get("trace") or "")) for r in rows]


def given_labels(rows: Sequence[Labelled], per_category: int, seed: int) -> set[int]:
    """Return the numbers of the failures that have their category from the expert, at most all but one of each."""
    members = defaultdict(list)
    for i, r in enumerate(rows):
        members[r.category].append(i)
    rng = np.random.default_rng(seed)
    drawn = (rng.permutation(own)[: min(per_category, len(own) - 1)] for own in members.values())
    return {int(i) for part in drawn for i in part}


def measure(rows: Sequence[Labelled], analyst: Analyst, given: set[int], max_modes: int, way: str) -> Measured:
    """Build the taxonomy of the rows and compare it with their categories."""
    failures = [
        Failure(str(i), " ".join(r.text.split()), r.text, r.category if i in given else None)
        for i, r in enumerate(rows)
    ]
    start = time.perf_counter()
    built = build_taxonomy(failures, (), analyst, max_modes)
    seconds = time.perf_counter() - start
    names = {m.mode_id: m.name for m in built.modes}
    mode_of = {int(x.trace_id): names[m.mode_id] for m in built.modes for x in m.members}
    asked = [i for i in range(len(rows)) if i not in given]
    found = [mode_of.get(i, UNASSIGNED) for i in asked]
    truth = [rows[i].category for i in asked]
    return Measured(
        way, len({f for f in found if f != UNASSIGNED}), *agreement(truth, found),
        sum(f != UNASSIGNED for f in found) / len(found), recall(truth, found, bool(given)), seconds,
    )  # fmt: skip


def agreement(truth: Sequence[str], found: Sequence[Any]) -> tuple[float, float]:
    """Return ARI (Hubert & Arabie 1985) and AMI (Vinh et al. 2010): 0 is chance, 1 is equal."""
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    return float(adjusted_rand_score(truth, found)), float(adjusted_mutual_info_score(truth, found))


def recall(truth: Sequence[str], found: Sequence[str], named: bool) -> dict[str, float]:
    """Return for every category the share that is in its own mode, where categories were given, else in one mode."""
    shares = {}
    for category in sorted(set(truth)):
        own = Counter(f for t, f in zip(truth, found, strict=True) if t == category and f != UNASSIGNED)
        hits = own[category] if named else max(own.values(), default=0)
        shares[category] = hits / sum(t == category for t in truth)
    return shares


def ordinary(texts: Sequence[str], truth: Sequence[str], embed: Any) -> list[tuple[str, float]]:
    """Return the ARI of ordinary clusterings, the best first."""
    scored = [(name, agreement(truth, labels)[0]) for name, labels in _clusterings(texts, embed)]
    return sorted(scored, key=lambda s: -s[1])


def _clusterings(texts: Sequence[str], embed: Any) -> Iterator[tuple[str, Any]]:
    from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans
    from sklearn.decomposition import NMF, TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    tfidf = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit_transform(texts)
    lsa = normalize(TruncatedSVD(min(50, *(s - 1 for s in tfidf.shape)), random_state=0).fit_transform(tfidf))
    for space, vectors in (("tfidf", tfidf.toarray()), ("lsa", lsa), ("embedder", np.asarray(embed.embed(texts)))):
        for k in (k for k in (5, 8, 10, 12) if k < len(texts)):
            yield f"{space} k-means {k}", KMeans(k, n_init=10, random_state=0).fit_predict(vectors)
            yield f"{space} ward {k}", AgglomerativeClustering(k).fit_predict(vectors)
            if vectors.any(axis=1).all():
                average = AgglomerativeClustering(k, metric="cosine", linkage="average")
                yield f"{space} average {k}", average.fit_predict(vectors)
        yield f"{space} hdbscan", HDBSCAN(min_cluster_size=3, copy=True).fit_predict(vectors)
    for k in (5, 8, 10):
        yield f"nmf {k}", NMF(k, random_state=0, max_iter=500).fit_transform(tfidf).argmax(axis=1)


def _report(found: Sequence[Measured]) -> None:
    print(f"{'way':<44} modes    ARI    AMI  coverage  mean recall  seconds")
    for m in found:
        mean = sum(m.recall.values()) / len(m.recall)
        print(
            f"{m.way:<44} {m.n_modes:>5}  {m.ari:>5.3f}  {m.ami:>5.3f}  {m.coverage:>8.3f}  {mean:>11.3f}"
            f"  {m.seconds:>7.1f}"
        )
    for category in found[0].recall:
        print(f"  recall of {category[:34]:<34}", "  ".join(f"{m.recall[category]:.3f}" for m in found))


def _model(name: str, cache: Path) -> ModelClient:
    clock = lambda: datetime.now(timezone.utc).replace(tzinfo=None)  # noqa: E731
    models = {"taxonomy": RoleModel(name)}
    return ModelClient(models, ReplyStore(cache / "replies.sqlite"), Limits(), clock, lambda batch, calls: None)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", help="a litellm model string: measures the model path too")
    parser.add_argument("--labels-per-category", type=int, default=0)
    parser.add_argument("--embedder", default="auto", help="auto, tfidf, minilm or litellm:<model>")
    parser.add_argument("--max-modes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="folder of cached replies and vectors; default: a temporary one")
    parser.add_argument("--ordinary", action="store_true", help="compare with ordinary clusterings")
    args = parser.parse_args(argv)
    rows = read_labelled(args.file)
    given = given_labels(rows, args.labels_per_category, args.seed) if args.labels_per_category else set()
    with TemporaryDirectory() as folder:
        cache = args.cache or Path(folder)
        name, embed = choose_embedder(args.embedder, cache / "embeddings.sqlite")
        print(
            f"{len(rows)} failures in {len({r.category for r in rows})} categories, {len(given)} with a given category"
        )
        words = WordAnalyst(embed, {str(i): r.trace for i, r in enumerate(rows)})
        found = [measure(rows, words, given, args.max_modes, f"no model, {name}")]
        if args.model:
            asked = ModelAnalyst(_model(args.model, cache), embed, "an LLM application")
            found.append(measure(rows, asked, given, args.max_modes, args.model))
        _report(found)
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        if args.ordinary:
            warnings.simplefilter("ignore")
            scores = ordinary([r.text for r in rows], [r.category for r in rows], embed)
            print(f"{len(scores)} ordinary clusterings: median ARI {np.median([s for _, s in scores]):.3f}; the best:")
            for way, score in scores[:5]:
                print(f"  {way:<42} {score:.3f}")


if __name__ == "__main__":
    main()
