"""Which of several captured rows of one trace counts, and what spans in several files come to together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_pipeline.records import CapturedTrace
from flywheel_pipeline.steps.capture.assemble import assemble_trace, merge_spans
from flywheel_pipeline.steps.capture.spans import Span


def join_pieces(pieces: Sequence[Mapping[str, Any]]) -> CapturedTrace:
    """Return the trace that its pieces, oldest file first, make together.

    A piece is a row of `captured_traces` with `source_format`, `source_file`, `source_line`, `app` and `spans`. The row
    says that it came from the first piece.
    """
    spans, repeated = merge_spans(Span.of(s) for p in pieces for s in json.loads(p["spans"]))
    first = pieces[0]
    place = (first["source_format"], first["source_file"], int(first["source_line"]))
    n_rows = max(1, sum(int(p["n_rows"]) for p in pieces) - repeated)
    return assemble_trace(spans, place, str(first["app"]), n_rows, is_whole=False)
