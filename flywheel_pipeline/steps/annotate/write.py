"""A batch -> a file to label in: for a spreadsheet (CSV, XLSX), as JSONL, or as tasks of Label Studio.

Every row shows the trace as plain text and has the columns to fill in, with the verdict that counts where there is
one. A row that comes back unchanged is read as the same verdict, a changed one as a later verdict (`exported`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flywheel_pipeline.csv_injection import neutral
from flywheel_pipeline.prompting import text_of, tool_calls
from flywheel_pipeline.records import VERDICTS, Annotation
from flywheel_pipeline.steps.annotate.columns import CONTEXT
from flywheel_pipeline.steps.annotate.judgements import digest
from flywheel_pipeline.steps.annotate.xlsx import write_sheet

FORMATS: Mapping[str, str] = {"csv": ".csv", "xlsx": ".xlsx", "jsonl": ".jsonl", "label-studio": ".json"}
"""The formats, and the file ending by which each is recognised when it comes back."""

FILLED = (
    "verdict", "code", "comment", "category", "first_failure_step", "severity", "annotator", "labelled_at",
    "rubric_version", "is_repeat", "is_picked",
)  # fmt: skip
COLUMNS = ("trace_id", *CONTEXT, *FILLED, "extra", "exported")
ANSWERED: Mapping[str, str] = {
    "verdict": "choices", "code": "textarea", "comment": "textarea", "first_failure_step": "number",
}  # fmt: skip
"""What a person answers in Label Studio, and with which of its controls."""
MAX_SHOWN: Mapping[str, int] = {"csv": 30_000, "xlsx": 30_000}
"""The most characters of a displayed text; a cell of a spreadsheet holds 32,767. Elsewhere:"""
MAX_SHOWN_JSON = 500_000


@dataclass(frozen=True)
class ToLabel:
    """One trace to label: what is shown of it, and the verdict that counts, if any.

    A verdict on a `picked` trace, which no sample drew, is marked as picked.
    """

    trace_id: str
    input: str
    output: str
    messages: tuple[Mapping[str, Any], ...]
    why_sampled: str
    label: Annotation | None = None
    picked: bool = False


def write_labels(rows: Sequence[ToLabel], file_format: str, exported_at: datetime, annotator: str) -> bytes:
    """Return the content of the file.

    `annotator` is who will fill in the rows without a verdict; `exported_at` is UTC.

    Raises:
        WorkbookError: a text of a label is longer than a cell of a workbook can hold.
    """
    most = MAX_SHOWN.get(file_format, MAX_SHOWN_JSON)
    cells = [_cells(row, most, exported_at, annotator) for row in rows]
    if file_format == "label-studio":
        tasks = [_task(row, c) for row, c in zip(rows, cells, strict=True)]
        return json.dumps(tasks, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    if file_format == "jsonl":
        return "".join(json.dumps(c, ensure_ascii=False) + "\n" for c in cells).encode("utf-8", "replace")
    table = [[neutral(c.get(name, "")).encode("utf-8", "replace").decode() for name in COLUMNS] for c in cells]
    return write_sheet(COLUMNS, table, {"verdict": VERDICTS}) if file_format == "xlsx" else _csv(table)


def _csv(table: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerows([COLUMNS, *table])
    return b"\xef\xbb\xbf" + out.getvalue().encode()  # by this mark Excel recognises UTF-8


def _cells(row: ToLabel, most: int, exported_at: datetime, annotator: str) -> dict[str, str]:
    """Return the texts of a row by column; columns without a text are left out, except those to fill in."""
    shown = {
        "trace_id": row.trace_id, "input": row.input, "output": row.output,
        "conversation": readable(row.messages), "why_sampled": row.why_sampled,
    }  # fmt: skip
    label, at = row.label, exported_at.isoformat(timespec="seconds") + "Z"
    if label is None:
        blank = dict.fromkeys(("verdict", "code", "comment"), "")
        marks = {"is_picked": "true"} if row.picked else {}
        return {**{k: cut(v, most) for k, v in shown.items()}, **blank, **marks, "annotator": annotator, "exported": at}
    filled = {name: _text(getattr(label, name)) for name in FILLED}
    return {
        **{k: cut(v, most) for k, v in shown.items()}, **filled,
        **({} if label.extra == "{}" else {"extra": label.extra}),
        "exported": f"{at} {label.verdict} {digest(label)}",
    }  # fmt: skip


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    if isinstance(value, bool):
        return "true" if value else ""
    return "" if value is None else str(value)


def cut(text: str, most: int) -> str:
    """Return a displayed text, with a mark where its middle was left out."""
    half = most // 2 - 20
    mark = f"\n[… {len(text) - 2 * half} characters left out …]\n"
    return text if len(text) <= most else text[:half] + mark + text[-half:]


def readable(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return a conversation as plain text; messages are numbered as `first_failure_step` counts them, from 0."""
    return "\n\n".join(f"[{number}] {_readable(m)}" for number, m in enumerate(messages) if isinstance(m, Mapping))


def _readable(message: Mapping[str, Any]) -> str:
    text, calls = text_of(message.get("content")), [f"calls {call}" for call in tool_calls(message)]
    return "\n".join([str(message.get("role") or "unknown").upper(), *([text] if text else []), *calls])


def _task(row: ToLabel, cells: Mapping[str, str]) -> dict[str, Any]:
    """Return a task; the verdict that counts is a prediction, which a person accepts or changes."""
    task: dict[str, Any] = {"data": {name: cells[name] for name in ("trace_id", *CONTEXT)}}
    if cells.get("is_picked"):
        task["data"]["is_picked"] = cells["is_picked"]
    if row.label:
        result = [_answer(name, cells[name]) for name in ANSWERED if cells[name]]
        task["predictions"] = [{"model_version": "the verdict that counts", "result": result}]
    return task


def _answer(name: str, text: str) -> dict[str, Any]:
    kind = ANSWERED[name]
    answer: Any = int(text) if kind == "number" else [text]
    value = {"text" if kind == "textarea" else kind: answer}
    return {"id": name, "from_name": name, "to_name": "conversation", "type": kind, "value": value}


LABEL_STUDIO_CONFIG = """\
<View>
  <Style>.htx-text { white-space: pre-wrap; }</Style>
  <View style="display: flex; gap: 2em;">
    <View style="flex: 60%;">
      <Header value="$why_sampled" size="6"/>
      <Text name="conversation" value="$conversation" valueType="text"/>
    </View>
    <View style="flex: 40%; position: sticky; top: 0; align-self: flex-start;">
      <Choices name="verdict" toName="conversation" choice="single-radio" showInline="true" required="true">
        <Choice value="pass" hotkey="1"/>
        <Choice value="fail" hotkey="2"/>
        <Choice value="defer" hotkey="3"/>
      </Choices>
      <Header value="For a fail: the first thing that went wrong. Observe, do not diagnose." size="6"/>
      <TextArea name="comment" toName="conversation" rows="4" maxSubmissions="1" editable="true"/>
      <Header value="Short name (max. 8 words), without the subject" size="6"/>
      <TextArea name="code" toName="conversation" rows="1" maxSubmissions="1" editable="true"/>
      <Header value="The number of the message where it first went wrong" size="6"/>
      <Number name="first_failure_step" toName="conversation" min="0"/>
    </View>
  </View>
</View>
"""
"""The labelling interface for a Label Studio project; its names are those that are read on import."""
