"""A judge learned from the expert's own labels: logistic regression on words, for homes with labels and no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass as plain_dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from flywheel_pipeline.leakage import asked
from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.stats import JudgeError, Recall
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS

NearPairs = Callable[[Sequence[str]], Iterable[tuple[int, int]]]
"""Returns pairs of indices of near-duplicate texts, enough to connect all that belong together."""

MIN_LABELS = 10
"""Fails, and passes, each in different families, that it takes to learn."""
FOLDS = 5
WORDS_SHOWN = 3


@dataclass(frozen=True, config=SETTINGS)
class Learned:
    """Decides where the probability of its verdict is at least `min_confidence`, and is unsure elsewhere."""

    kind: ClassVar[str] = "learned"
    code_version: ClassVar[str] = "1"

    min_confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.8


@plain_dataclass(frozen=True)
class Lesson:
    """A labelled answer to learn from: `family` is that of its question's near-duplicates."""

    trace_id: str
    question: str
    answer: str
    failed: bool
    family: int


@plain_dataclass(frozen=True)
class CrossValidation:
    """How the judge did on families that it had not learned from: what it recognised, and how often it was unsure."""

    error: JudgeError
    n_unsure: int


@plain_dataclass(frozen=True)
class LearnedJudge:
    """A trained judge. `seen` are the traces that it learned from and can therefore not be measured on."""

    settings: Learned
    code_version: str
    seen: frozenset[str]
    checked: CrossValidation
    model: Any

    def check(self, case: GoldenCase, answer: Answer) -> Judgement:
        """Judge an answer; the score is the probability of a pass."""
        fails, words = self.model.explain(asked(case.messages), answer.output or "")
        label = label_of(fails, self.settings.min_confidence)
        because = f"; for it speak {', '.join(words)}" if words else ""
        return Judgement(label, f"fails with probability {fails:.2f}{because}", 1 - fails)


@plain_dataclass(frozen=True)
class Untrained:
    """In the place of a judge that has too few labels to learn from: it says what is missing, and judges nothing."""

    missing: str
    code_version: str = "untrained"

    def check(self, case: GoldenCase, answer: Answer) -> Judgement:
        """Return no judgement."""
        return Judgement(None, f"nothing is learned yet: {self.missing}")


def lessons_of(
    answers: Sequence[tuple[GoldenCase, bool]], kept_back: Sequence[GoldenCase], near_pairs: NearPairs
) -> list[Lesson]:
    """Return what may be learned from labelled answers (case, failed): all that is nearly asked by no `kept_back` case.

    Those are the cases of dev and test, on which the judge is measured and prompts are compared. Families are those
    of near-duplicate questions.
    """
    sources = {c.source_trace_id for c in kept_back}
    usable = [(c, failed) for c, failed in answers if (c.observed_output or "").strip()]
    texts = [asked(c.messages) for c in kept_back] + [asked(c.messages) for c, _ in usable]
    family = _connected(len(texts), near_pairs(texts))
    taken = {family[i] for i in range(len(kept_back))}
    taken |= {family[i] for i, (c, _) in enumerate(usable, len(kept_back)) if c.source_trace_id in sources}
    return [
        Lesson(c.source_trace_id or "", asked(c.messages), c.observed_output or "", failed, family[i])
        for i, (c, failed) in enumerate(usable, len(kept_back))
        if family[i] not in taken
    ]


def _connected(n: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return the family of each of n texts: the lowest index that pairs connect it with."""
    root = list(range(n))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for a, b in pairs:
        low, high = sorted((find(a), find(b)))
        root[high] = low
    return [find(i) for i in range(n)]


def label_of(fails: float, min_confidence: float) -> str:
    """Return the label for the probability of a fail."""
    if fails >= min_confidence:
        return "fail"
    return "pass" if 1 - fails >= min_confidence else "unsure"


def too_few(lessons: Sequence[Lesson]) -> str:
    """Return what has to be labelled before anything can be learned; empty if there is enough.

    Near-duplicates of one question count once: they teach one thing.
    """
    n_fail, n_pass = (len({x.family for x in lessons if x.failed == failed}) for failed in (True, False))
    missing = [f"{MIN_LABELS - n} more {what}" for n, what in ((n_fail, "fails"), (n_pass, "passes")) if n < MIN_LABELS]
    return f"label {' and '.join(missing)} outside the dev and test splits" if missing else ""


def learn(settings: Learned, lessons: Sequence[Lesson]) -> LearnedJudge:
    """Train a judge, and measure it on whole families that it has not seen (`FOLDS`-fold, grouped).

    Raises:
        ValueError: there are too few labels to learn from (`too_few`).
    """
    if missing := too_few(lessons):
        raise ValueError(missing)
    from sklearn.model_selection import StratifiedGroupKFold

    labels, groups = [x.failed for x in lessons], [x.family for x in lessons]
    found: dict[int, str] = {}
    for learned, left in StratifiedGroupKFold(FOLDS).split(lessons, labels, groups):
        model = _Words([lessons[i] for i in learned])
        for i in left:
            found[i] = label_of(model.explain(lessons[i].question, lessons[i].answer)[0], settings.min_confidence)
    recalls = [
        Recall(sum(found[i] == wanted for i in of), len(of))
        for wanted, of in (
            ("pass", [i for i, f in enumerate(labels) if not f]), ("fail", [i for i, f in enumerate(labels) if f]),
        )
    ]  # fmt: skip
    checked = CrossValidation(JudgeError(recalls[0], recalls[1]), sum(label == "unsure" for label in found.values()))
    content = json.dumps([Learned.code_version, [[x.trace_id, x.question, x.answer, x.failed] for x in lessons]])
    version = hashlib.sha256(content.encode()).hexdigest()[:10]
    return LearnedJudge(settings, version, frozenset(x.trace_id for x in lessons), checked, _Words(lessons))


class _Words:
    """TF-IDF over the words of question and answer, each on its own, and logistic regression, classes balanced."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        from scipy.sparse import hstack
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        self._parts = [
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b") for _ in range(2)
        ]
        texts = [x.question or "-" for x in lessons], [x.answer or "-" for x in lessons]
        vectors = hstack([part.fit_transform(t or ["-"]) for part, t in zip(self._parts, texts, strict=True)])
        self._model = LogisticRegression(class_weight="balanced", C=10.0, max_iter=1000)
        self._model.fit(vectors.tocsr(), [x.failed for x in lessons])
        self._names = [f'"{w}"' for part in self._parts for w in part.get_feature_names_out()]

    def explain(self, question: str, answer: str) -> tuple[float, list[str]]:
        """Return the probability of a fail, and the words that speak most for the likelier verdict."""
        from scipy.sparse import hstack

        vector = hstack([part.transform([t]) for part, t in zip(self._parts, (question, answer), strict=True)]).tocsr()
        fails = float(self._model.predict_proba(vector)[0, list(self._model.classes_).index(True)])
        weights = vector.multiply(self._model.coef_[0] * (1 if fails >= 0.5 else -1)).tocoo()
        best = sorted(zip(weights.data, weights.col, strict=True), key=lambda pair: (-pair[0], pair[1]))
        return fails, [self._names[i] for value, i in best[:WORDS_SHOWN] if value > 0]
