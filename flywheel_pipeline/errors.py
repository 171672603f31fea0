"""Every error raised on purpose: what is wrong, where, and what to do about it."""

from flywheel_pipeline.masking import mask


class FlywheelError(Exception):
    """The base of all of them; the command line prints its text without a traceback, keys in it are masked."""

    def __init__(self, message: str = "") -> None:
        super().__init__(mask(message))


class SettingsError(FlywheelError):
    """`flywheel.yaml` or a `FLYWHEEL_*` variable holds a wrong key or value; the text names both."""


class HomeError(FlywheelError):
    """The flywheel home lacks something a step needs; the text names the file and how to get it."""


class CorruptFileError(FlywheelError):
    """A reviewed file (taxonomy, golden set, prompt registry) cannot be read; nothing was overwritten."""


class BudgetError(FlywheelError):
    """The spending limit for model calls is reached; finished calls are cached and not repeated."""


class ModelError(FlywheelError):
    """Model calls failed in a way that makes the step's result meaningless (for example, all of them)."""


class NoAnswerError(ModelError):
    """The app answered none of the cases that it was asked."""


class GateError(FlywheelError):
    """A prompt cannot be promoted: the gate did not decide `ship`, or there is no such candidate."""


class PublishError(FlywheelError):
    """A prompt could not be published elsewhere; the text says where and why, and production here is as it was."""


class QueryError(FlywheelError):
    """A SQL query given by a person does not run; the text is DuckDB's own."""


class EditError(FlywheelError):
    """A change of the taxonomy that cannot be made; the text says why, and nothing was changed."""


class ConflictError(FlywheelError):
    """A reviewed file was changed by another writer in the meantime; nothing was overwritten."""


class EvaluationError(FlywheelError):
    """Nothing was measured that could decide; the text says what is missing."""


class PullError(FlywheelError):
    """Traces cannot be fetched from a tool; what was fetched is kept, and the next pull goes on from there."""


class NotOfferedError(PullError):
    """The server of a tool has no such endpoint, or nothing under an id."""
