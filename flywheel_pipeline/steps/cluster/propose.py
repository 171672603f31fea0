"""What the pipeline would change about the modes, with its evidence; a person decides."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.cluster.history import PIPELINE, Reviewed
from flywheel_pipeline.steps.cluster.modes import MAX_NAME, Member, Mode
from flywheel_pipeline.steps.cluster.preprocess import first_point

Floats = NDArray[np.float64]

SHOWN, LOOKED_AT = 3, 60
"""Examples of a mode that a proposal shows, and members of a mode that similarity is measured on."""
SAME_CENTRE, SAME_SPREAD = 0.75, 0.9
"""Two modes are alike when the cosine of their centres is this high, or when notes of the two are on average this part
as alike as notes within the looser one; the second does not depend on the embedder."""
MIN_COMPARED, MIN_HALF, MIN_SILHOUETTE = 3, 4, 0.5
"""Notes of a mode to compare it by, different notes of a half, and where a structure is called reasonable (Kaufman &
Rousseeuw 1990, table 2.4)."""
QUIET_BATCHES, MIN_SINCE = 3, 20
"""Label batches without a failure of a mode, and failures in them, after which it may be retired."""
NEGATIONS = frozenset(("no", "not", "nothing", "never", "cannot", "without", "only"))
"""Stop words that distinguish failures."""
COMMON_NOTE = 0.4
"""The part of a mode's failures that must be described in the same words to name it."""


@dataclass(frozen=True)
class ProposedChange:
    """One change: `what` in words, `why` with numbers, failures to look at, and a model's opinion if one was asked.

    `name` is the new name of what is renamed or split off, `traces` are the failures to split off, or those that a
    judge is to be shown. For a judge there are the texts of its criterion, and `base`, the version of the criterion
    (`criterion_version`) that the evidence compares them with.
    """

    kind: str
    modes: tuple[str, ...]
    what: str
    why: str
    name: str = ""
    traces: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    model: str = ""
    status: str = "open"
    by: str = ""
    at: str = ""
    belongs: str = ""
    does_not_belong: str = ""
    guidance: str = ""
    verdict_first: bool = False
    base: str = ""

    @property
    def proposal_id(self) -> str:
        """Hash of what is proposed about which modes, so that a rejection is known again whatever the evidence."""
        named: Sequence[str] = (self.name,) if self.kind == "rename" else ()
        if self.kind == "judge":
            order = ("verdict first",) if self.verdict_first else ()
            named = (self.belongs, self.does_not_belong, self.guidance, *order, *self.traces)
        key = [self.kind, sorted(self.modes), "\n".join(named)]
        digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
        return f"p-{digest[:8]}"


def propose_changes(known: Reviewed, batches: Sequence[Sequence[str]], embed: Embed) -> list[ProposedChange]:
    """Return what should be merged, split, renamed or retired by the evidence, most useful kind first.

    `batches` holds the failed traces of every label batch, the oldest first.
    """
    live = [m for m in known.modes if m.is_live and m.members]
    parts = _parts(live, embed) if live else []
    named = {c.modes[0] for c in known.history if c.action == "renamed" and c.by != PIPELINE}
    return [
        *(p for a, b in combinations(parts, 2) if (p := _merge(a, b))),
        *(p for part in parts if (p := _split(part))),
        *(p for part in parts if part.mode.mode_id not in named and (p := _rename(part, parts))),
        *(p for m in live if (p := _retire(m, batches))),
    ]


@dataclass(frozen=True)
class _Part:
    """A mode with the members that are looked at, and their unit vectors."""

    mode: Mode
    members: Sequence[Member]
    vectors: Floats

    @property
    def centre(self) -> Floats:
        mean: Floats = self.vectors.mean(axis=0)
        return mean / (np.linalg.norm(mean) or 1.0)

    @property
    def spread(self) -> float:
        """The mean cosine of two of its notes."""
        n = len(self.vectors)
        return float((np.square(self.vectors.sum(axis=0)).sum() - n) / (n * (n - 1))) if n > 1 else 1.0


def _parts(modes: Sequence[Mode], embed: Embed) -> list[_Part]:
    looked_at = [m.members[:: -(-len(m.members) // LOOKED_AT)] for m in modes]
    vectors = np.asarray(embed.embed([first_point(x.text) for members in looked_at for x in members]), dtype=float)
    ends = np.cumsum([len(members) for members in looked_at])[:-1]
    return [_Part(*part) for part in zip(modes, looked_at, np.split(vectors, ends), strict=True)]


def _merge(a: _Part, b: _Part) -> ProposedChange | None:
    gone, kept = sorted((a, b), key=lambda p: (p.mode.status == "accepted", len(p.mode.members)))
    centres = float(a.centre @ b.centre)
    between, within = float((a.vectors @ b.vectors.T).mean()), min(a.spread, b.spread)
    enough = min(len(a.members), len(b.members)) >= MIN_COMPARED
    if centres < SAME_CENTRE and not (enough and between >= SAME_SPREAD * within):
        return None
    return ProposedChange(
        "merge",
        (gone.mode.mode_id, kept.mode.mode_id),
        f"Merge “{gone.mode.name}” into “{kept.mode.name}”",
        f"their notes are alike: cosine of the centres {centres:.2f}, of two notes {between:.2f} between them and "
        f"{within:.2f} within the looser one; {len(gone.mode.members)} and {len(kept.mode.members)} failures",
        examples=(*_texts(gone.members), *_texts(kept.members)),
    )


def _split(part: _Part) -> ProposedChange | None:
    first = list({x.text: i for i, x in reversed(list(enumerate(part.members)))}.values())[::-1]
    if len(first) < 2 * MIN_HALF:
        return None
    halves, silhouette = _halves(part.vectors[first])
    smaller, larger = sorted(halves, key=lambda half: (len(half), half)) if len(halves) == 2 else ([], [])
    if len(smaller) < MIN_HALF or silhouette < MIN_SILHOUETTE:
        return None
    chosen, rest = [part.members[first[i]] for i in smaller], [part.members[first[i]] for i in larger]
    notes = {x.text for x in chosen}
    traces = tuple(x.trace_id for x in part.mode.members if x.text in notes)
    return ProposedChange(
        "split",
        (part.mode.mode_id,),
        f"Split “{part.mode.name}”: {len(traces)} failures like “{_typical(chosen)}” become a mode of their own",
        f"its different notes fall into two groups of {len(rest)} and {len(chosen)}, mean silhouette {silhouette:.2f}",
        name=_as_name(_typical(chosen)),
        traces=traces,
        examples=(*_texts(rest), *_texts(chosen)),
    )


def _halves(vectors: Floats) -> tuple[list[list[int]], float]:
    """Return the best two groups by average linkage on cosine, and their mean silhouette (-1 for a single group)."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from sklearn.metrics import silhouette_score

    distances = np.clip(1 - vectors @ vectors.T, 0, None)
    np.fill_diagonal(distances, 0)
    above = distances[np.triu_indices(len(vectors), 1)]
    labels = fcluster(linkage(above, "average"), 2, "maxclust")
    groups = [[int(i) for i in np.flatnonzero(labels == g)] for g in np.unique(labels)]
    return groups, float(silhouette_score(distances, labels, metric="precomputed")) if len(groups) == 2 else -1.0


def _rename(part: _Part, parts: Sequence[_Part]) -> ProposedChange | None:
    """Propose the commonest note as the name of a provisional mode if its name has no characteristic word."""
    mode, terms = part.mode, characteristic_words([p.members for p in parts], parts.index(part))
    note, n = Counter(x.text for x in mode.members).most_common(1)[0]
    name = _as_name(note)
    says_it = set(_content_words(mode.name)) & set(terms)
    if mode.status != "provisional" or says_it or n < max(2, COMMON_NOTE * len(mode.members)) or name == mode.name:
        return None
    return ProposedChange(
        "rename",
        (mode.mode_id,),
        f"Rename “{mode.name}” to “{name}”",
        f"{n} of its {len(mode.members)} failures are described so; its characteristic words are {', '.join(terms)}, "
        "of which its name holds none",
        name=name,
        examples=_texts(part.members),
    )


def characteristic_words(modes: Sequence[Sequence[Member]], at: int, n: int = 5) -> list[str]:
    """Return the words that distinguish mode `at`, by c-TF-IDF: tf x log(1 + A / f) (Grootendorst 2022)."""
    counts = [Counter(w for x in members for w in _content_words(first_point(x.text))) for members in modes]
    total: Counter[str] = sum(counts, Counter())
    average = total.total() / len(counts)
    scores = {w: tf * np.log(1 + average / total[w]) for w, tf in counts[at].items()}
    return sorted(scores, key=lambda w: (-scores[w], w))[:n]


def _content_words(text: str) -> list[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return [w for w in re.findall(r"[^\W_]+", text.lower()) if w not in ENGLISH_STOP_WORDS - NEGATIONS]


def _retire(mode: Mode, batches: Sequence[Sequence[str]]) -> ProposedChange | None:
    own = {x.trace_id for x in mode.members}
    recent = [t for batch in batches[-QUIET_BATCHES:] for t in batch]
    if len(batches) <= QUIET_BATCHES or own & set(recent) or len(recent) < MIN_SINCE:
        return None
    return ProposedChange(
        "retire",
        (mode.mode_id,),
        f"Retire “{mode.name}”",
        f"none of the failures of the last {QUIET_BATCHES} label batches is of it: {proportion(0, len(recent))}",
        examples=_texts(mode.members),
    )


def _typical(members: Sequence[Member]) -> str:
    return Counter(x.text for x in members).most_common(1)[0][0]


def _texts(members: Sequence[Member]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(x.text for x in members))[:SHOWN]


def _as_name(note: str) -> str:
    text = " ".join(note.split()[:8])[:MAX_NAME].strip(" .,;:")
    return text[:1].upper() + text[1:]
