"""Regular expressions by RE2: its time grows linearly with the text, whatever the pattern and whoever wrote the text.

Python's `re` backtracks, so that one answer could stop a run; a time limit would make the verdict depend on how busy
the machine is. google-re2 is RE2's own binding (BSD, 0.6 MB, no dependencies).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import re2
from pydantic import AfterValidator

from flywheel_pipeline.steps.evaluate.evaluators.text import Text


def search(pattern: str, text: str) -> str | None:
    """Return the first match of `pattern` in `text`, or None."""
    found = _compiled(pattern).search(text.encode("utf-8", "replace").decode())
    return None if found is None else str(found[0])


def checked(pattern: str) -> str:
    """Return `pattern`.

    Raises:
        ValueError: RE2 cannot read it.
    """
    try:
        _compiled(pattern)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0]
        problem = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else "not valid Unicode"
        limits = "RE2 has no lookaround and no back-references"
        raise ValueError(f"RE2 cannot read the pattern {pattern!r}: {problem} ({limits})") from None
    return pattern


Pattern = Annotated[Text, AfterValidator(checked)]
"""A setting that is a regular expression."""


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)
