"""Flywheel homes on disk for the tests, and one turn in them."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.commands.dagster_runs import TurnResult, run_turn
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.flows.home import init_home
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureAssignment, Json
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline_tests.builders import a_chat_record, a_conversation, a_mode, a_trace, an_annotation


@dataclass
class Place:
    """A home under test."""

    root: Path
    said: list[str] = field(default_factory=list)
    result: TurnResult | None = None

    @property
    def lake(self) -> Lake:
        return Lake(self.root / "lake")

    @property
    def resource(self) -> LakeResource:
        return LakeResource(root=str(self.root / "lake"))

    @property
    def bench(self) -> Workbench:
        return Workbench(load_settings(self.root, {}))

    def turn(self) -> TurnResult:
        self.said = []
        self.result = run_turn(self.bench, self.said.append)
        return self.result

    def one(self, sql: str) -> Any:
        return self.lake.frame(sql).iat[0, 0]

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The rows of an append-only file of the home."""
        return self.bench.home.append_only(name).read().rows

    def append(self, name: str, rows: list[dict[str, Any]]) -> None:
        self.bench.home.append_only(name).extend(lambda _: rows)

    def put_traces(self, name: str, *lines: dict[str, Any] | bytes) -> Path:
        path = self.root / "traces" / name
        path.write_bytes(b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines))
        return path

    def put_labels(self, name: str, text: str | bytes) -> Path:
        path = self.root / "labels" / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path


def a_home(path: Path) -> Place:
    """An empty home."""
    init_home(path)
    (path / "flywheel.yaml").write_text("automation: {settle_seconds: 0}\n")
    return Place(path)


def an_instance() -> AbstractContextManager[dg.DagsterInstance]:
    """Dagster's own storage for one test; what steps print is not kept, which would leave a `tail` a stream behind."""
    module = "dagster._core.storage.noop_compute_log_manager"
    return dg.instance_for_test(overrides={"compute_logs": {"module": module, "class": "NoOpComputeLogManager"}})


def a_labelled_home(path: Path, n: int = 12) -> Place:
    """A home with n failures of the mode `fm-1`, which claim to have done something, and 2n passes; no golden cases."""
    place = a_home(path)
    (path / "taxonomy").mkdir(exist_ok=True)
    traces, labels, members = [], [], []
    for i in range(3 * n):
        failed, subject = i < n, chr(97 + i % 26) * 4
        said = f"I have cancelled your {subject}." if failed else f"Our team can help with the {subject}."
        messages = Json(json.dumps(a_conversation(f"Question {i} on {subject}?", said)))
        trace = f"t{i:02}"
        traces.append(a_trace(trace_id=trace, input=f"Question {i} on {subject}?", output=said, messages=messages))
        labels.append(an_annotation(trace_id=trace, verdict="fail" if failed else "pass", comment="It cannot do that."))
        members += [{"trace_id": trace, "text": "claims it is done"}] if failed else []
    mode = {"mode_id": "fm-1", "name": "Claims it is done", "definition": "Says what it cannot do.", "members": members}
    (path / "taxonomy" / "failure_modes.yaml").write_text(yaml.safe_dump({"modes": [mode]}))
    place.lake.write("raw_traces", traces, part="2025-06-02")
    place.lake.write("annotations", labels)
    place.lake.write("failure_taxonomy", [a_mode(name="Claims it is done")])
    place.lake.write(
        "failure_assignments", [FailureAssignment(m["trace_id"], "fm-1", "HUMAN", 1.0, "done", "") for m in members]
    )
    return place


def some_traces(n: int, day: str = "2025-06-02") -> list[dict[str, Any]]:
    """Traces with one question each, all different, that hold a system prompt."""
    subjects = ("hub", "valve", "probe", "parcel", "refund", "plan", "battery", "wifi")
    return [
        a_chat_record(
            trace_id=f"{day}-{i}",
            started_at=f"{day}T{i % 24:02}:00:00Z",
            messages=a_conversation(
                f"Question {i} on the {subjects[i % 8]}?", f"Answer {i} on the {subjects[i % 8]}.", system="Be helpful."
            ),
        )
        for i in range(n)
    ]
