"""Recorded answers as the app under test: what production, or another tool, answered to the same cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.adapters.apps.common import answer_of, version_of
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase


@dataclass(frozen=True)
class RecordedApp:
    """Answers by case id, by the id of the trace that a case was made of, or by the user's message, in this order.

    A case without a recorded answer has an error that says so. The prompt plays no part.
    """

    answers: Mapping[str, tuple[Answer, ...]]
    version: str

    async def answer(self, prompt: str, case: GoldenCase, repeat: int = 0) -> Answer:
        """Return the recorded answer of a case; the repeats of a case are its answers in the order of the file."""
        for key in (case.case_id, case.source_trace_id, case.input):
            if key and key in self.answers:
                found = self.answers[key]
                missing = f"only {len(found)} recorded answers"
                return found[repeat] if repeat < len(found) else Answer(None, missing)
        return Answer(None, "no recorded answer")


def read_answers(rows: Iterable[tuple[int, Mapping[str, Any]]], file: str) -> RecordedApp:
    """Return the app of a file's rows, (line, mapping): `output` or `error`, and `case_id`, `trace_id` or `input`.

    Raises:
        CorruptFileError: a row is no mapping, or names no case.
    """
    answers: dict[str, tuple[Answer, ...]] = {}
    seen: list[Mapping[str, Any]] = []
    for line, row in rows:
        if not isinstance(row, Mapping):
            raise CorruptFileError(
                f"{file}, line {line}: a recorded answer must be an object, not {type(row).__name__}"
            )
        key = next((row[k] for k in ("case_id", "trace_id", "input") if row.get(k)), None)
        if not isinstance(key, str):
            raise CorruptFileError(f"{file}, line {line}: a recorded answer needs case_id, trace_id or input")
        answers[key] = (*answers.get(key, ()), answer_of(row))
        seen.append(row)
    return RecordedApp(answers, version_of(file, seen))
