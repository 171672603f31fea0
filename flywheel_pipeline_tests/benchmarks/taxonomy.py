"""How well the failure taxonomy recovers the categories that people gave to failures.

    python -m flywheel_pipeline_tests.benchmarks.taxonomy FILE.jsonl [--model M] [--labels-per-category K]
        [--embedder E] [--ordinary] [--seeds N]

Every line of the file is `{"text": …, "category": …}`. The categories are only looked at to measure: adjusted Rand
index and adjusted mutual information between them and the modes over all failures (all unassigned ones count as one
mode), the share that was assigned, and how much of each category is in the mode that holds most of it. Every figure is
a mean over seeds, with its standard deviation; each seed draws 80 % of the failures. With `--labels-per-category K`,
each seed has K failures of every category labelled by the expert (at least one of each is left), and only the others
are measured: recall is then that of the category itself, and a nearest centroid and a logistic regression on the
embedder's vectors are measured beside it, with a paired t-test of the difference. `--ordinary` adds three dozen
ordinary clusterings, of which the best can only be known afterwards. The calibration says how often failures of a
given confidence are right: in the mode of their category or, without labels, in a mode where theirs is the commonest.
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
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from flywheel_pipeline.adapters.embed import choose_embedder
from flywheel_pipeline.adapters.llm import ModelClient, ReplyStore
from flywheel_pipeline.steps.cluster import Analyst, Failure, ModelAnalyst, WordAnalyst, build_taxonomy
from flywheel_pipeline_tests.adapters.llm.clients import a_model, some_limits

UNASSIGNED = "unassigned"
DRAWN = 0.8
"""The part of the failures that a seed draws."""

BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.01)
MEASURES = ("modes", "ARI", "AMI", "coverage", "recall", "seconds")


@dataclass(frozen=True)
class Labelled:
    """One failure of the file."""

    text: str
    category: str


@dataclass(frozen=True)
class Measured:
    """What one way of building the taxonomy reached; `sure` has (confidence, whether right) of what was assigned."""

    n_modes: int
    ari: float
    ami: float
    coverage: float
    recall: dict[str, float]
    sure: tuple[tuple[float, bool], ...] = ()
    seconds: float = 0.0

    def row(self) -> tuple[float, ...]:
        """Return the measures, in the order of `MEASURES`."""
        mean = sum(self.recall.values()) / len(self.recall)
        return (self.n_modes, self.ari, self.ami, self.coverage, mean, self.seconds)


def read_labelled(path: Path) -> list[Labelled]:
    """Read the lines; other keys are ignored."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [Labelled(str(r["text"]), str(r["category"])) for r in rows]


def drawn(rows: Sequence[Labelled], seed: int) -> list[Labelled]:
    """Return the failures that a seed draws."""
    order = np.random.default_rng(seed).permutation(len(rows))[: max(2, round(DRAWN * len(rows)))]
    return [rows[i] for i in order]


def given_labels(rows: Sequence[Labelled], per_category: int, seed: int) -> set[int]:
    """Return the numbers of the failures that have their category from the expert, at most all but one of each."""
    members = defaultdict(list)
    for i, r in enumerate(rows):
        members[r.category].append(i)
    rng = np.random.default_rng(seed)
    chosen = (rng.permutation(own)[: min(per_category, len(own) - 1)] for own in members.values())
    return {int(i) for part in chosen for i in part}


def measure(rows: Sequence[Labelled], analyst: Analyst, given: set[int], max_modes: int) -> Measured:
    """Build the taxonomy of the rows and compare it with their categories."""
    failures = [
        Failure(f"{i:06d}", " ".join(r.text.split()), r.text, r.category if i in given else None)
        for i, r in enumerate(rows)
    ]
    start = time.perf_counter()
    built = build_taxonomy(failures, (), analyst, max_modes)
    seconds = time.perf_counter() - start
    place = {int(x.trace_id): (m.name, x.confidence) for m in built.modes for x in m.members}
    asked = [i for i in range(len(rows)) if i not in given]
    found = [place.get(i, (UNASSIGNED, 0.0)) for i in asked]
    return score([rows[i].category for i in asked], found, bool(given), seconds)


def score(truth: Sequence[str], found: Sequence[tuple[str, float]], named: bool, seconds: float = 0.0) -> Measured:
    """Compare the modes found, each with its confidence, with the categories; `named` says that they share names."""
    modes = [m for m, _ in found]
    meant = {m: m if named else Counter(t for t, o in zip(truth, modes, strict=True) if o == m).most_common(1)[0][0]
             for m in set(modes)}  # fmt: skip
    sure = [(c, meant[m] == t) for (m, c), t in zip(found, truth, strict=True) if m != UNASSIGNED]
    return Measured(
        len(set(modes) - {UNASSIGNED}), *agreement(truth, modes), len(sure) / len(modes),
        recall(truth, modes, named), tuple(sure), seconds,
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


def baselines(rows: Sequence[Labelled], embed: Any, given: set[int]) -> dict[str, Measured]:
    """Measure a nearest centroid and a logistic regression on the embedder's vectors, learnt from the given labels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import NearestCentroid

    vectors, truth = np.asarray(embed.embed([r.text for r in rows])), np.array([r.category for r in rows])
    taught, asked = sorted(given), [i for i in range(len(rows)) if i not in given]
    warnings.simplefilter("ignore")  # of features that are equal within a class
    models = {
        "nearest centroid": NearestCentroid(),
        "logistic regression": LogisticRegression(C=10.0, max_iter=2000, class_weight="balanced"),
    }
    found = {n: m.fit(vectors[taught], truth[taught]).predict(vectors[asked]) for n, m in models.items()}
    return {n: score(list(truth[asked]), [(str(p), 1.0) for p in predicted], True) for n, predicted in found.items()}


def calibration(sure: Sequence[tuple[float, bool]]) -> tuple[list[tuple[str, int, float, float]], float]:
    """Return (bin, failures, mean confidence, share right) and the expected calibration error (Guo et al. 2017)."""
    table, error = [], 0.0
    for low, high in pairwise(BINS):
        own = [(c, r) for c, r in sure if low <= c < high]
        if own:
            mean, right = float(np.mean([c for c, _ in own])), float(np.mean([r for _, r in own]))
            table.append((f"{low:.1f} to {min(high, 1.0):.1f}", len(own), mean, right))
            error += len(own) / len(sure) * abs(mean - right)
    return table, error


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


def _report(found: dict[str, list[Measured]]) -> None:
    n = len(next(iter(found.values())))
    print(f"mean (standard deviation) over {n} seeds")
    print(f"{'way':<34}", *(f"{m:>13}" for m in MEASURES))
    for way, runs in found.items():
        rows = np.array([m.row() for m in runs])
        print(f"{way:<34}", *(f"{m:>6.3f} ({s:.3f})" for m, s in zip(rows.mean(axis=0), rows.std(axis=0), strict=True)))
    for category in sorted({c for runs in found.values() for m in runs for c in m.recall}):
        shares = [np.mean([m.recall[category] for m in runs if category in m.recall]) for runs in found.values()]
        print(f"  recall of {category[:34]:<34}", "  ".join(f"{s:.3f}" for s in shares))


def _report_calibration(way: str, runs: Sequence[Measured]) -> None:
    table, error = calibration([s for m in runs for s in m.sure])
    print(f"calibration of {way}: expected error {error:.3f}")
    for name, n, mean, right in table:
        print(f"  confidence {name}: mean {mean:.2f}, right {right:.2f}, n={n}")


def compare(ours: Sequence[Measured], other: Sequence[Measured], measure: int) -> tuple[float, float]:
    """Return the mean difference in a measure (its number in `MEASURES`) and the p-value of a paired t-test."""
    from scipy.stats import ttest_rel

    a, b = ([m.row()[measure] for m in runs] for runs in (ours, other))
    difference = float(np.mean(a) - np.mean(b))
    return difference, float(ttest_rel(a, b).pvalue) if len(a) > 1 and np.ptp(np.subtract(a, b)) > 0 else 1.0


def _report_comparison(found: dict[str, list[Measured]]) -> None:
    way, *others = found
    for other in others:
        parts = [(m, *compare(found[way], found[other], MEASURES.index(m))) for m in ("ARI", "recall")]
        print(f"{way} less {other}: " + ", ".join(f"{m} {d:+.3f} (p={p:.3f})" for m, d, p in parts))


def _report_ordinary(rows: Sequence[Labelled], embed: Any, seeds: int) -> None:
    warnings.simplefilter("ignore")
    draws = [drawn(rows, seed) for seed in range(seeds)]
    runs = [ordinary([r.text for r in d], [r.category for r in d], embed) for d in draws]
    by_name: dict[str, list[float]] = defaultdict(list)
    for scored in runs:
        for name, ari in scored:
            by_name[name].append(ari)
    best = [scored[0][1] for scored in runs]
    median = [float(np.median([s for _, s in scored])) for scored in runs]
    print(f"{len(by_name)} ordinary clusterings, ARI: best of each draw {np.mean(best):.3f} ({np.std(best):.3f}), "
          f"median {np.mean(median):.3f} ({np.std(median):.3f}); the best on average:")  # fmt: skip
    for name, scores in sorted(by_name.items(), key=lambda p: -np.mean(p[1]))[:5]:
        print(f"  {name:<42} {np.mean(scores):.3f} ({np.std(scores):.3f})")


def _model(name: str, cache: Path) -> ModelClient:
    clock = lambda: datetime.now(timezone.utc).replace(tzinfo=None)  # noqa: E731
    models = {"taxonomy": a_model(name)}
    return ModelClient(models, ReplyStore(cache / "replies.sqlite"), some_limits(), clock, lambda batch, calls: None)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", help="a litellm model string: measures the model path too")
    parser.add_argument("--labels-per-category", type=int, default=0)
    parser.add_argument("--embedder", default="auto", help="auto, tfidf, minilm or litellm:<model>")
    parser.add_argument("--max-modes", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--cache", type=Path, help="folder of cached replies and vectors; default: a temporary one")
    parser.add_argument("--ordinary", action="store_true", help="compare with ordinary clusterings")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables."""
    args = _arguments(argv)
    rows, k = read_labelled(args.file), args.labels_per_category
    with TemporaryDirectory() as folder:
        cache = args.cache or Path(folder)
        name, embed = choose_embedder(args.embedder, cache / "embeddings.sqlite")
        analysts: dict[str, Analyst] = {f"no model, {name}": WordAnalyst(embed)}
        if args.model:
            analysts[args.model] = ModelAnalyst(_model(args.model, cache), embed, "an LLM application")
        print(f"{len(rows)} failures in {len({r.category for r in rows})} categories, {k} labels per category")
        found: dict[str, list[Measured]] = defaultdict(list)
        for seed in range(args.seeds):
            own = rows if k else drawn(rows, seed)
            given = given_labels(own, k, seed) if k else set()
            for way, analyst in analysts.items():
                found[way].append(measure(own, analyst, given, args.max_modes))
            for way, measured in (baselines(own, embed, given) if k else {}).items():
                found[way].append(measured)
        _report(found)
        if k:
            _report_comparison(found)
        for way in analysts:
            _report_calibration(way, found[way])
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        if args.ordinary:
            _report_ordinary(rows, embed, args.seeds)


if __name__ == "__main__":
    main()
