"""The evaluator `groundedness`: what the answer claims stands in the documents that it was given."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.facts.names import Names, fold, names_in
from flywheel_pipeline.steps.evaluate.evaluators.facts.negation import contradiction, telling_stems
from flywheel_pipeline.steps.evaluate.evaluators.facts.quantities import Quantity, quantities
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.references import conversation, document_id, documents, texts_in
from flywheel_pipeline.steps.evaluate.evaluators.sentences import sentences, without_code, words
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, TextEvaluator, quoted

_COURTESY = re.compile(
    r"\b(?:sorry (?:for|about|to hear)|apologi[sz]e|(?:happy|glad) to help|let me know|feel free|thank(?:s| you)"
    r"|hope (?:this|that|it) helps|welcome|hello|have a (?:great|nice|good)|anything else|good (?:morning|evening|day)"
    r"|i (?:do not|don't|cannot|can't|could not|couldn't) (?:know|find|see))\b",
    re.I,
)
_COURTESY_WORDS = 12
"""Words of the longest sentence that may be a mere courtesy."""
WINDOW = 3
"""Sentences in a row of a document that may support one sentence of the answer together."""
MOST = 300
"""Sentences of an answer that are looked up."""
MOST_TEXT = 300_000
"""Characters of a case's documents that are read."""
_SAME = 0.8
"""Share of a sentence's words in one sentence of a document from which both say the same, but for a negation."""


class Quantities:
    """The quantities that are known, looked up by unit and number."""

    def __init__(self, known: Sequence[Quantity]) -> None:
        self._exact = {(q.unit, v) for q in known for v in q.values}
        self._any = {v for q in known for v in q.values}
        self._bare = {v for q in known for v in q.values if not _has_unit(q)}
        self._first = known[:60]

    def holds(self, quantity: Quantity) -> bool:
        """Return whether a quantity is known, or the number is where the unit of one of them is not, as in a table."""
        same = self._bare if _has_unit(quantity) else self._any
        return any((quantity.unit, v) in self._exact or v in same for v in quantity.values)

    def may_make(self, quantity: Quantity) -> bool:
        """Return whether a quantity is the sum, difference or product of two of the first 60 that are known."""
        wanted = [v for v in quantity.values if isinstance(v, float)]
        same = {v for q in self._first if q.unit == quantity.unit for v in q.values if isinstance(v, float)}
        every = {v for q in self._first for v in q.values if isinstance(v, float)}
        made = {round(r, 6) for a in same for b in same for r in (a + b, abs(a - b))}
        made |= {round(a * b, 6) for a in same for b in every}
        return any(v in made for v in wanted)


def _has_unit(quantity: Quantity) -> bool:
    return quantity.unit != "" and not quantity.unit.startswith("before ")


@plain_dataclass(frozen=True)
class Source:
    """What an answer may rest on: all quantities and names, every sentence with its stems, and stems window by window.

    A window is `WINDOW` sentences in a row of one document.
    """

    quantities: Quantities
    names: Names
    sentences: Sequence[tuple[str, frozenset[str]]]
    windows: Sequence[frozenset[str]]


@dataclass(frozen=True, config=SETTINGS)
class Groundedness(TextEvaluator):
    """Every sentence of the answer is supported by the case's documents or conversation.

    A quantity, name, address or link that none of them has fails, and so does the negation of one of their sentences.
    A sentence is supported if `support` of its telling words stand in three sentences in a row of one document. What
    code cannot decide is `unsure`: other words for the same, a number that may be counted or calculated, a capitalised
    word that may be no name. Short courtesies and questions claim nothing.
    """

    kind: ClassVar[str] = "groundedness"
    code_version: ClassVar[str] = "1"
    longest: ClassVar[int] = 20_000

    support: Annotated[float, Field(gt=0, le=1)] = 0.75
    conversation_counts: bool = True

    def check(self, case: GoldenCase, answer: Answer) -> Judgement:
        """Judge an answer; no label where the documents that it rests on are not those of the case."""
        held = {document_id(d) for d in documents(case)}
        others = [i for i in answer.retrieved_doc_ids if i not in held]
        if others and not answer.error:
            problem = f"the answer rests on a document that the case does not hold: {others[0][:80]}"
            return Judgement(None, problem, broken=True)
        return super().check(case, answer)

    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text; the score is the share of its sentences that are supported."""
        sources = ["\n".join(texts_in(_content(d))) for d in documents(case)]
        if not any(s.strip() for s in sources):
            return Judgement(None, "the case has no documents")
        if sum(map(len, sources)) > MOST_TEXT:
            return Judgement(None, f"the documents have more than {MOST_TEXT:,} characters", broken=True)
        sources += conversation(case) if self.conversation_counts else []
        source = read_source(sources)
        claims = [s for s in sentences(without_code(text)) if _claims(s)]
        if not claims:
            return Judgement("unsure", "the answer claims nothing that code can look for")
        if len(claims) > MOST:
            return Judgement(None, f"the answer has {len(claims):,} sentences; at most {MOST} are judged", broken=True)
        found = [self._support(s, source) for s in claims]
        score = sum(label == "pass" for label, _ in found) / len(found)
        for label in ("fail", "unsure"):
            reason = next(
                (f"{why}: {quoted(s)}" for s, (got, why) in zip(claims, found, strict=True) if got == label), ""
            )
            if reason:
                return Judgement(label, reason, score)
        return Judgement("pass", f"{len(claims)} of {len(claims)} sentences are supported", score)

    def _support(self, sentence: str, source: Source) -> tuple[str, str]:
        wrong, doubt = _unknown_facts(sentence, source)
        if wrong:
            return "fail", wrong
        mine = telling_stems(sentence)
        best, near = max(((_share(mine, held), t) for t, held in source.sentences), default=(0.0, ""))
        opposed, certain = contradiction(near, sentence) if best >= _SAME else ("", False)
        if opposed:
            return ("fail" if certain else "unsure"), f"a document says otherwise ({opposed})"
        if doubt:
            return "unsure", doubt
        shared = max((_share(mine, held) for held in source.windows), default=0.0)
        if shared >= self.support:
            return "pass", ""
        return "unsure", f"only {shared:.0%} of its words are in a document"


def _content(document: Any) -> Any:
    """Return a document without its id and what the retriever adds, such as its score."""
    about = ("id", "score", "distance", "rank")
    return {k: v for k, v in document.items() if k not in about} if isinstance(document, Mapping) else document


def read_source(texts: Sequence[str]) -> Source:
    """Return what texts, one per document or message, support."""
    held = [[(s, telling_stems(s)) for s in sentences(t)] for t in texts]
    windows = [
        frozenset().union(*(words for _, words in document[i : i + WINDOW]))
        for document in held
        for i in range(max(1, len(document) - WINDOW + 1))
    ]
    whole = "\n\n".join(texts)
    return Source(Quantities(quantities(whole)), names_in(whole), [s for document in held for s in document], windows)


def _share(mine: frozenset[str], held: frozenset[str]) -> float:
    return len(mine & held) / len(mine) if mine else 1.0


def _claims(sentence: str) -> bool:
    """Return whether a sentence claims something: it is neither a question nor a short courtesy without any fact."""
    if sentence.rstrip("\"'”*_) ").endswith("?") or not telling_stems(sentence):
        return False
    if not _COURTESY.search(sentence) or len(words(sentence)) > _COURTESY_WORDS:
        return True
    names = names_in(sentence)
    return bool(quantities(sentence) or names.exact or names.capitalised)


def _unknown_facts(sentence: str, source: Source) -> tuple[str, str]:
    """Return (a fact of the sentence that no document has, one that may be): either may be empty."""
    doubt = ""
    for quantity in quantities(sentence):
        if source.quantities.holds(quantity):
            continue
        if not (_is_small_count(quantity) or source.quantities.may_make(quantity)):
            return f'no document has "{quantity.text}"', ""
        doubt = f'"{quantity.text}" is in no document; it may be counted or calculated'
    names = names_in(sentence)
    exact = names.exact - source.names.exact
    if exact:
        return f'no document has "{min(exact)}"', ""
    unknown = {key: w for key, w in names.capitalised.items() if key not in source.names.words}
    certain = _proper(sentence, unknown)
    if certain:
        return f'no document has the name "{certain}"', ""
    return "", f'"{min(unknown.values())}" is in no document; it may be a name' if unknown else doubt


def _is_small_count(quantity: Quantity) -> bool:
    small = all(isinstance(v, float) and v <= 12 for v in quantity.values)
    return small and not _has_unit(quantity)


def _proper(sentence: str, unknown: Collection[str]) -> str:
    """Return an unknown word that is certainly a name: two of them in a row, or with capitals inside; else empty."""
    found: list[str] = re.findall(r"[^\W\d_]+", sentence)
    for before, word in pairwise(found):
        if fold(word) in unknown and sum(c.isupper() for c in word) >= 2:
            return word
        if fold(before) in unknown and fold(word) in unknown:
            return f"{before} {word}"
    return ""
