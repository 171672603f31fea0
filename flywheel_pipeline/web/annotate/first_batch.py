"""The empty labelling page: an export that a person chooses, or what is captured already, becomes the first batch."""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flywheel_pipeline.errors import EditError
from flywheel_pipeline.flows.sample import read_batches
from flywheel_pipeline.flows.start import describe_start, draw_first, start_from
from flywheel_pipeline.flows.workbench import Workbench

MEGABYTES = 32
"""The largest export that the page takes; `flywheel start` takes any."""
MAX_BODY = MEGABYTES * 1_400_000
_NAME = re.compile(r"[\w()+@, -][\w()+@,. -]{0,199}")


def describe_home(bench: Workbench) -> dict[str, int]:
    """Return how many traces are captured and how many batches were drawn: {n_traces, n_batches}."""
    n_traces = int(bench.lake.frame("select count(*) as n from raw_traces")["n"][0])
    return {"n_traces": n_traces, "n_batches": len(read_batches(bench))}


def start_labelling(bench: Workbench, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Make the first batch of an export, {name, data: its bytes in base64}, or, without one, of the captured traces.

    Returns {lines}: what was captured and what was not.

    Raises:
        EditError: a batch was drawn already, or the file cannot be taken.
        HomeError: no trace could be read.
    """
    if read_batches(bench):
        raise EditError("A batch was drawn already: reload the page.")
    if "data" not in sent:
        batch, n = draw_first(bench)
        return {"lines": [f"{n} traces to label, batch {batch}"]}
    name = str(sent.get("name") or "")
    if not _NAME.fullmatch(name):
        raise EditError("The name of the file has characters that cannot be kept: rename it.")
    try:
        data = base64.b64decode(str(sent["data"]), validate=True)
    except (binascii.Error, ValueError):
        raise EditError("The file did not arrive whole: try again.") from None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(data)
        return {"lines": describe_start(start_from(bench, file))}
