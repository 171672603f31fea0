"""A home with traces of every kind to label, and the labelling page of it in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.records import Json
from flywheel_pipeline_tests.builders import NOON, a_sampled_trace, a_trace
from flywheel_pipeline_tests.homes import Place, a_home

EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> [x](javascript:window.hacked=1) "


@pytest.fixture
def labelling_home(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, repeated: 0}\nautomation: {settle_seconds: 0}")
    evil = [{"role": "system", "content": EVIL}, {"role": "user", "content": EVIL},
            {"role": "tool", "content": EVIL + "x" * 5_000_000}, {"role": EVIL, "content": EVIL}]  # fmt: skip
    traces = [replace(a_trace(), trace_id=f"t{i:02}", input=f"question {i}") for i in range(12)]
    traces.append(replace(a_trace(), trace_id="evil", messages=Json(json.dumps(evil)), error=EVIL))
    long = [{"role": ("user", "assistant")[n % 2], "content": f"message {n} " + "word " * 400} for n in range(200)]
    traces.append(replace(a_trace(), trace_id="long", messages=Json(json.dumps(long))))
    hebrew = Json(json.dumps([{"role": "user", "content": "שלום, מה שלומך?"}]))
    traces.append(replace(a_trace(), trace_id="hebrew", messages=hebrew))
    made.lake.write("raw_traces", traces, part=f"{NOON:%Y-%m-%d}")
    made.lake.write("sampled_traces", [a_sampled_trace(trace_id=t.trace_id, reason=EVIL) for t in traces])
    return made


@pytest.fixture
def page(browser: Any, labelling_home: Place) -> Iterator[Any]:
    from flywheel_pipeline_tests.web.browsing import open_page, serve_pages

    with serve_pages(labelling_home.root) as url, open_page(browser, url, "label/", ".message") as page:
        yield page
