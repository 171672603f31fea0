"""Tables of the sample step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flywheel_pipeline.records.schema import Column


@dataclass(frozen=True)
class SampledTrace:
    """One trace chosen for labelling, with why and with what probability."""

    batch: Annotated[str, Column("The batch: its window, size and a hash of the design")]
    trace_id: Annotated[str, Column("The chosen trace", references="raw_traces.trace_id")]
    stratum: Annotated[str, Column("The part of the population it is from: by sample.strata, else flagged or ordinary")]
    reason: Annotated[str, Column("Why it was likely to be chosen, for people")]
    to_label: Annotated[
        bool, Column("Drawn for the expert; else judged before, and here for its part of the population")
    ]
    risk: Annotated[float, Column("Risk score of the trace, 1 for an ordinary one", low=1)]
    inclusion_probability: Annotated[float, Column("The probability with which the design chooses it", low=0, high=1)]
    weight: Annotated[float, Column("n_like / inclusion_probability: the traces it stands for", low=1)]
    n_like: Annotated[int, Column("Itself and its near-duplicates: same words, answer and signals", low=1)]
    design: Annotated[str, Column("The id of the design: a hash of all that decides the draw")]
    seed: Annotated[int, Column("The seed of the draw")]
    n_frame: Annotated[int, Column("Traces that could have been chosen", low=1)]
