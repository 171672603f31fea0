"""The formats of label files that are recognised, one module each, in the order in which they are tried.

A format module has `NAME`, `recognises(cells) -> bool`, by what a row of it must have, and
`read(rows, rules) -> Entries`, which sees all rows of the format in a file together. `native` reads every row that is
of no other format.
"""

from flywheel_pipeline.steps.annotate.formats import (
    argilla,
    label_studio,
    langfuse,
    langsmith,
    mlflow,
    native,
    opik,
    phoenix,
)

FORMATS = (label_studio, argilla, langfuse, langsmith, phoenix, mlflow, opik, native)

__all__ = ["FORMATS"]
