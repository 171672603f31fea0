"""Exchange: the golden set as other tools keep theirs, and theirs as cases, with a report of what is lost."""

from flywheel_pipeline.steps.golden.exchange.admit import Admitted, admit_cases
from flywheel_pipeline.steps.golden.exchange.export import Export, export_cases
from flywheel_pipeline.steps.golden.exchange.format import Format
from flywheel_pipeline.steps.golden.exchange.formats import FORMATS
from flywheel_pipeline.steps.golden.exchange.loss import LeftOut, Loss, LossReport
from flywheel_pipeline.steps.golden.exchange.read import ReadFile, Rejected, read_cases

__all__ = [
    "FORMATS",
    "Admitted",
    "Export",
    "Format",
    "LeftOut",
    "Loss",
    "LossReport",
    "ReadFile",
    "Rejected",
    "admit_cases",
    "export_cases",
    "read_cases",
]
