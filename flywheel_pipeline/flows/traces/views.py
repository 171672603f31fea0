"""Named filters of the list of traces, in a file of the home that a team shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flywheel_pipeline.adapters.home.files import VIEWS_FILE
from flywheel_pipeline.errors import CorruptFileError, EditError
from flywheel_pipeline.flows.traces.filters import FilterError, read_filters
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.names import clean_name

LONGEST_NAME, MOST = 80, 200
HEAD = """\
# Views of the page /traces/: {name: filters as in its address}. Edit it here or save views on the page.
"""


def list_views(bench: Workbench) -> dict[str, str]:
    """Return {name: query of a URL} of the saved views, in the order of the file.

    Raises:
        CorruptFileError: the file is no YAML, or does not hold names with filters.
    """
    value = bench.home.reviewed(VIEWS_FILE).read().value
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise CorruptFileError(f"{VIEWS_FILE} must hold names with filters, such as `Bad answers: feedback=negative`.")
    return value


def save_view(bench: Workbench, name: str, query: str) -> dict[str, str]:
    """Save filters under a name, or delete the view where there are none; return all views.

    Raises:
        EditError: the name is missing or too long, there are too many views, or the filters are none.
        ConflictError: the file has changed meanwhile.
    """
    shown = clean_name(name)
    if not 1 <= len(shown) <= LONGEST_NAME:
        raise EditError(f"Name the view in 1 to {LONGEST_NAME} characters.")
    pairs = parse_qsl(query.lstrip("?"))
    try:
        read_filters(pairs)
    except FilterError as error:
        raise EditError(str(error)) from None
    file = bench.home.reviewed(VIEWS_FILE)
    seen = file.read()
    kept: dict[str, Any] = {k: v for k, v in list_views(bench).items() if k != shown}
    if pairs:
        kept[shown] = urlencode(_pairs(pairs))
    if len(kept) > MOST:
        raise EditError(f"There are {MOST} views: delete one.")
    file.replace(kept, seen.version, HEAD)
    return kept


def _pairs(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in pairs if value.strip()]
