"""Write or send the evaluation of a prompt as OpenTelemetry GenAI spans, for the user's own tracing."""

from __future__ import annotations

import json
from datetime import timezone
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.otlp import Sent, Target, send_requests, target_of
from flywheel_pipeline.atomic_write import replace_text
from flywheel_pipeline.flows.compare import evaluated_versions, find_version
from flywheel_pipeline.flows.evaluate import active_cases
from flywheel_pipeline.flows.workbench import Workbench, utc_now
from flywheel_pipeline.records import CaseAnswer, EvalResult
from flywheel_pipeline.steps.capture import semconv
from flywheel_pipeline.steps.evaluate.spans import Run, export_requests

NANOSECONDS = 1_000_000_000
FIELDS = ("messages", "reply", "input_tokens", "output_tokens", "prompt_name", "prompt_version")
NAMES = {field: next(n for n in semconv.NAMES[field] if n.startswith("gen_ai.")) for field in FIELDS}
"""The names of OpenTelemetry GenAI, from the table by which capture reads them."""


def export_evals(bench: Workbench, name: str, path: Path) -> tuple[str, int]:
    """Write the answers and verdicts under a version, named as for `find_version`; return it and the number of spans.

    The file has one OTLP export request per line.

    Raises:
        HomeError: there is no such version.
    """
    version, n, requests = _requests(bench, name)
    replace_text(path, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in requests))
    return version, n


def send_evals(bench: Workbench, name: str) -> tuple[str, int, Target, Sent]:
    """Send them to the endpoint that `OTEL_EXPORTER_OTLP_ENDPOINT` names; return as well where, and what it took.

    Raises:
        HomeError: there is no such version.
        SettingsError: the environment names no endpoint, or not as OpenTelemetry does.
        FlywheelError: the endpoint refuses the spans.
    """
    target = target_of()
    version, n, requests = _requests(bench, name)
    return version, n, target, send_requests(target, requests)


def _requests(bench: Workbench, name: str) -> tuple[str, int, list[dict[str, Any]]]:
    """Return the version, the number of spans, and the export requests."""
    version = find_version(evaluated_versions(bench), name).version
    mine = "prompt_version = ?"
    answers = bench.lake.read("answers", CaseAnswer, mine, [version])
    results = bench.lake.read("eval_results", EvalResult, mine, [version])
    cases = {c.case_id: c for c in active_cases(bench)}
    now = int(utc_now().replace(tzinfo=timezone.utc).timestamp()) * NANOSECONDS
    settings = bench.settings.app
    run = Run(f"{settings.name} evals", settings.name, now, NAMES)
    n = sum(a.case_id in cases for a in answers)
    return version, n, list(export_requests(answers, results, cases, run))
