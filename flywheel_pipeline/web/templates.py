"""The HTML of all pages: Jinja2 templates, one or more per page, in which every value is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from flywheel_pipeline.words import count


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("flywheel_pipeline", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = count
    return environment


def render(template: str, **values: Any) -> str:
    """Return a template of this package, such as `annotate/label.html`, with values in it."""
    return _environment().get_template(template).render(values)
