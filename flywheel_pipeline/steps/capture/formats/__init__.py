"""The trace formats that are recognised, one module each, in the order in which they are tried.

A format module has `NAME`, `recognises(record) -> bool` and `read(record, source) -> RawTrace`; `read`
raises `UnreadableError` with the reason when the record is of the format but can not be used.
"""

from flywheel_pipeline.steps.capture.formats import chat
from flywheel_pipeline.steps.capture.formats.common import Source, UnreadableError

FORMATS = (chat,)

__all__ = ["FORMATS", "Source", "UnreadableError"]
