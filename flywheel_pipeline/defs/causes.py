"""What stopped a step, in words."""

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from flywheel_pipeline.errors import FlywheelError

CHECK, INTERRUPTED = "DagsterAssetCheckFailedError", "DagsterExecutionInterruptedError"


def root_of(event: dg.DagsterEvent) -> SerializableErrorInfo | None:
    """Return the error from which a step's failure came, if it had one."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error


def cause_of(event: dg.DagsterEvent) -> str:
    """Return what stopped a step: our own error in full, else the step and the exception's text."""
    error = root_of(event)
    if error is None:
        return f"{event.step_key} failed"
    if error.cls_name == CHECK:
        return f"a blocking check ({event.step_key}): what follows would rest on wrong data, so it was not run"
    if error.cls_name == INTERRUPTED:
        return f"an interruption ({event.step_key}): finished calls are kept, and the next run asks what is missing"
    text = error.message.strip()
    ours = {c.__name__ for c in FlywheelError.__subclasses__()}
    return text.split(": ", 1)[-1] if error.cls_name in ours else f"{event.step_key}: {text}"
