"""The traces whose questions are similar to that of one trace, found among all traces of a home.

A query over the whole table finds the questions that share enough of the trace's words, as letters, to be similar at
all; these are compared word by word. How rare a word is, is measured on a part of the questions.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flywheel_pipeline.flows.traces.filters import FilterError, Filters
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.steps.golden.near_duplicates.neighbours import Terms, TermWeights, root_of, terms_of

LEAST = 0.3
"""The similarity from which on a trace is listed."""
MOST = 500
"""Traces that are listed."""
MEASURED, COMPARED, SEARCHED = 3_000, 3_000, 20
"""Questions by which words are weighed, questions that are compared word by word, and words that are searched."""
LONGEST = 4_000
"""Characters of a question that count."""
KEPT = 16

SAMPLE = "select left(input, $longest) from raw_traces where input != '' order by hash(trace_id), trace_id limit $n"
CANDIDATES = """
select trace_id, left(input, $longest) from (
    select *, {shared} as shared from (select trace_id, started_at, input, lower(input) as x from raw_traces))
where shared >= $least and trace_id != $id order by shared desc, length(x), started_at desc, trace_id limit $n
"""


@dataclass(frozen=True)
class Similar:
    """The traces that are similar to one, the most similar first.

    Attributes:
        trace_id: the trace that the others are similar to.
        question: its question.
        found: {trace id: similarity} from `LEAST` on.
        is_cut: whether there may be more than these.
        has_terms: whether the question has words to compare.
    """

    trace_id: str
    question: str
    found: Mapping[str, float]
    is_cut: bool = False
    has_terms: bool = True


class Neighbours:
    """The similar traces of a home's traces; the last answers are kept until the traces change."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._alone = threading.Lock()
        self._kept: OrderedDict[Hashable, Similar] = OrderedDict()

    def of(self, trace_id: str) -> Similar:
        """Return the traces that are similar to this one.

        Raises:
            FilterError: no captured trace has the id.
        """
        with self._alone:  # the list and its counts ask at the same time
            key = (trace_id, self._bench.lake.stamp("raw_traces"))
            found = self._kept[key] = self._kept.get(key) or find_similar(self._bench, trace_id)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found

    def narrowed(self, filters: Filters) -> Filters:
        """Return the filters with the ids that `like` stands for; raises like `of`."""
        return replace(filters, among=tuple(self.of(filters.like).found)) if filters.like else filters


def find_similar(bench: Workbench, trace_id: str) -> Similar:
    """Return the traces that are similar to this one; raises like `Neighbours.of`."""
    with bench.lake.connect(["raw_traces"]) as con:
        own = con.execute(
            "select left(input, $longest) from raw_traces where trace_id = $id limit 1",
            {"longest": LONGEST, "id": trace_id},
        ).fetchone()
        if own is None:
            raise FilterError(f"no captured trace has the id {trace_id[:80]!r}")
        asked = terms_of(own[0])
        if not asked:
            return Similar(trace_id, own[0], {}, has_terms=False)
        sample = con.execute(SAMPLE, {"longest": LONGEST, "n": MEASURED}).fetchall()
        weights = TermWeights.measured(terms_of(text) for (text,) in sample)
        rows = _candidates(con, trace_id, asked, weights)
    similar = [(other, weights.similarity(asked, terms_of(text))) for other, text in rows]
    listed = sorted((s for s in similar if s[1] >= LEAST), key=lambda s: -round(s[1], 3))
    return Similar(trace_id, own[0], dict(listed[:MOST]), len(listed) > MOST or len(rows) == COMPARED)


def _candidates(con: Any, trace_id: str, asked: Terms, weights: TermWeights) -> Sequence[tuple[str, str]]:
    """Return (trace id, question) of the questions that hold enough of the terms that weigh most.

    Two vectors with the cosine c share terms of at least c² of the squared length of either. So the search loses none
    of the similar questions, as long as they are written with the letters that the stems of their words begin with, and
    all terms are searched.
    """
    searched = sorted(asked, key=lambda t: (-weights.of(t), t))[:SEARCHED]
    roots = {f"t{n}": root_of(term) for n, term in enumerate(searched)}
    squares = {f"w{n}": weights.of(term) ** 2 for n, term in enumerate(searched)}
    shared = " + ".join(f"case when contains(x, $t{n}) then $w{n}::double else 0 end" for n in range(len(searched)))
    limits = {"least": LEAST**2 * sum(squares.values()), "id": trace_id, "n": COMPARED, "longest": LONGEST}
    found: list[tuple[str, str]] = con.execute(
        CANDIDATES.format(shared=shared), {**roots, **squares, **limits}
    ).fetchall()
    return found
