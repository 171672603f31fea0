"""A browser that the tests of the pages share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from flywheel_pipeline_tests.web.browsing import open_browser

    with open_browser() as opened:
        yield opened
