"""The file of templates that people review: `templates`, a list of `text` and `status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.steps.deploy.templates.template import Template

PROPOSED, ACCEPTED, REJECTED = STATUSES = ("proposed", "accepted", "rejected")


def load_templates(value: Any, file: str) -> list[tuple[Template, str]]:
    """Return (template, status) of the content of a file; `file` is its name in messages.

    Raises:
        CorruptFileError: an entry has no text, or no known status.
    """
    if value is None:
        return []
    rows = value.get("templates") if isinstance(value, Mapping) else None
    if not isinstance(rows, list):
        raise CorruptFileError(f"{file} must hold a list `templates`. Restore it.")
    return [_template(row, f"{file}, template {n}") for n, row in enumerate(rows, 1)]


def _template(row: Any, place: str) -> tuple[Template, str]:
    text, status = (row.get(k) for k in ("text", "status")) if isinstance(row, Mapping) else (None, None)
    if not isinstance(text, str) or not text.strip() or status not in STATUSES:
        raise CorruptFileError(f"{place}: it needs a `text`, and a `status` of {', '.join(STATUSES)}.")
    return Template.of(text), str(status)
