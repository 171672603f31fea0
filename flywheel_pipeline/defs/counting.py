"""The rows of a label file, counted without reading them as labels, so that the reader's account can be checked."""

import csv
import io
import json
import re
import zipfile
from typing import Any

from flywheel_pipeline.steps.annotate.xlsx import MAX_UNPACKED

_ROW = re.compile(rb"<row\b[^>]*>(.*?)</row>", re.S)
_FILLED = re.compile(rb"<v>[^<]+</v>|<t\b[^>]*>[^<]*\S[^<]*</t>")


def count_rows(name: str, data: bytes) -> int:
    """Return how many rows a label file has; one that can not be read counts as one."""
    if name.lower().endswith((".xlsx", ".xlsm")):
        return _count_sheet(data)
    text = data.decode("utf-8-sig", "replace").replace("\x00", "")
    if not text.strip():
        return 1
    if name.lower().endswith((".csv", ".tsv")):
        return _count_csv(text)
    if name.lower().endswith((".json", ".jsonl", ".ndjson")):
        return _count_json(text, name.lower().endswith(".json"))
    return 1


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
    pages = [v for k, v in document.items() if k in ("data", "items", "results", "records", "scores", "feedback")]
    if pages and isinstance(pages[0], list) and pages[0] and all(isinstance(i, dict) for i in pages[0]):
        return _count_items(pages[0])
    return _within(document)


def _within(item: Any) -> int:
    """Return how many people judged the item of an export, at least 1."""
    if not isinstance(item, dict):
        return 1
    if isinstance(item.get("data"), dict) and not {"trace_id", "traceId", "verdict"} & set(item):
        return max(1, sum(isinstance(a, dict) for a in _listed(item.get("annotations"))))
    given = item.get("responses") if isinstance(item.get("fields"), dict) else None
    answers = [r for rs in given.values() for r in _listed(rs)] if isinstance(given, dict) else _listed(given)
    people = {str(r.get("user_id")) for r in answers if isinstance(r, dict)}
    flat = [v for k, v in item.items() if str(k).endswith(".responses.users") and isinstance(v, list)]
    return max(1, len(people | {str(u) for users in flat for u in users}))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _count_sheet(data: bytes) -> int:
    """Count the filled rows in the XML of the first sheet, without the header; one more for each other sheet's."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            sheets = sorted(
                (n for n in book.namelist() if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", n)),
                key=lambda n: int(re.sub(r"\D", "", n)),
            )
            if sum(part.file_size for part in book.infolist()) > MAX_UNPACKED:
                return 1  # a bomb is one row that is rejected, and is not unpacked to count it
            counts = [sum(bool(_FILLED.search(row)) for row in _ROW.findall(book.read(n))) for n in sheets]
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, RuntimeError, NotImplementedError):
        return 1
    if not counts:
        return 1
    return max(counts[0] - 1, 0) + any(counts[1:]) + (counts[0] == 0)
