"""The rows of a label file, counted without reading them as labels: the oracle of the reader's account."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zipfile
from typing import Any

from flywheel_pipeline.steps.annotate.xlsx import MAX_UNPACKED

_ROW = re.compile(rb"<row\b[^>]*>(.*?)</row>", re.S)
_FILLED = re.compile(rb"<v>[^<]+</v>|<t\b[^>]*>[^<]*\S[^<]*</t>|<f\b")
_PAGES = ("data", "items", "results", "records", "scores", "feedback", "traces", "content")


def count_rows(name: str, data: bytes, titles: int = 0) -> int:
    """Return how many rows a label file has below `titles` rows and the header; one that cannot be read counts as one.

    Sheets of a workbook are all counted: the tests do not mix sheets of labels with others.
    """
    if name.lower().endswith((".xlsx", ".xlsm")):
        return _count_sheets(data, titles)
    try:
        text = _text(data)
    except UnicodeDecodeError:
        return 1
    if text.count("\x00") * 4 > len(text) > 8:
        return 1
    text = text.replace("\x00", "")
    if not text.strip():
        return 1
    if name.lower().endswith((".csv", ".tsv")):
        return _count_csv(text) - titles
    if name.lower().endswith((".json", ".jsonl", ".ndjson")):
        return _count_json(text, name.lower().endswith(".json"))
    return 1


def _text(data: bytes) -> str:
    for mark, encoding in ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
                           (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):  # fmt: skip
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    return data.decode("utf-8-sig")


def _count_csv(text: str) -> int:
    delimiter = max(",;\t", key=text.lstrip().split("\n", 1)[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return sum(any(c.strip() for c in row) for row in rows) - 1


def _count_json(text: str, whole: bool) -> int:
    lines = [line for line in text.split("\n") if line.strip()]
    documents = [_load(line) for line in lines]
    if whole or any(d is None for d in documents):
        document = _load(text)
        if isinstance(document, list | dict):
            return _count_items(document)
        if whole and (len(lines) < 2 or not isinstance(documents[0], dict)):
            return 1
    return sum(_within(d) for d in documents)


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _count_items(document: Any) -> int:
    if isinstance(document, list):
        return sum(_within(item) for item in document)
    pages = [document[k] for k in _PAGES if isinstance(document.get(k), list)]
    whole = [p for p in pages if p and all(isinstance(i, dict) for i in p)]
    return _count_items(whole[0]) if whole else _within(document)


def _within(item: Any) -> int:
    """Return how many judgements the item of an export holds, at least 1."""
    if not isinstance(item, dict):
        return 1
    if _is_task(item):
        return max(1, sum(isinstance(a, dict) for a in _listed(item.get("annotations"))))
    info = item.get("info")
    info = info if isinstance(info, dict) else {}
    for scores in (info.get("assessments", item.get("assessments")), item.get("feedback_scores")):
        if isinstance(scores, list):
            return max(1, sum(isinstance(s, dict) for s in scores))
    given = item.get("responses") if isinstance(item.get("fields"), dict) else None
    answers = [r for rs in given.values() for r in _listed(rs)] if isinstance(given, dict) else _listed(given)
    people = {_name(r.get("user_id")) for r in answers if isinstance(r, dict)}
    flat = [v for k, v in item.items() if str(k).endswith(".responses.users") and isinstance(v, list)]
    return max(1, len(people | {_name(u) for users in flat for u in users}))


def _is_task(item: dict[str, Any]) -> bool:
    names = {re.sub(r"[^a-z0-9]", "", str(k).lower()) for k in item}
    data = item.get("data")
    if not isinstance(data, dict) or names & {"traceid", "verdict"}:
        return False
    shown = {re.sub(r"[^a-z0-9]", "", str(k).lower()) for k in data}
    return isinstance(item.get("annotations"), list) or bool(shown & {"traceid", "trace", "id"})


def _name(value: Any) -> str:
    return "" if value is None else str(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _count_sheets(data: bytes, titles: int) -> int:
    """Count the filled rows in the XML of every sheet, without its header and titles."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            sheets = [n for n in book.namelist() if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", n)]
            if sum(part.file_size for part in book.infolist()) > MAX_UNPACKED:
                return 1  # a bomb is one row that is rejected, and is not decompressed to count it
            counts = [sum(bool(_FILLED.search(row)) for row in _ROW.findall(book.read(n))) for n in sheets]
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, RuntimeError, NotImplementedError):
        return 1
    return sum(max(n - 1 - titles, 0) for n in counts if n) if any(counts) else 1
