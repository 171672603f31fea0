"""The bytes of a file and its items, each with the line on which it begins or the reason why it cannot be read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from flywheel_pipeline.csv_injection import neutral, plain
from flywheel_pipeline.steps.golden.exchange.format import Found, Item
from flywheel_pipeline.steps.golden.exchange.yaml_items import dump_yaml, yaml_items

ENDINGS = {"csv": ".csv", "json": ".json", "jsonl": ".jsonl", "yaml": ".yaml"}
MAX_BYTES = 100_000_000
"""The largest file that is read."""
HOLDERS = ("tests", "items", "data", "examples", "samples", "goldens", "records", "results", "cases", "scenarios")
"""Keys under which a JSON or YAML document holds its items: the first of them that has a list."""

csv.field_size_limit(2**31 - 1)  # the file is in memory already


def write_items(container: str, items: Sequence[Item]) -> bytes:
    """Return the file that holds the items."""
    if container == "csv":
        return _csv(items)
    if container == "yaml":
        return dump_yaml(list(items)).encode("utf-8", "replace")
    if container == "jsonl":
        return "".join(json.dumps(i, ensure_ascii=False) + "\n" for i in items).encode("utf-8", "replace")
    return (json.dumps(list(items), ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")


def _csv(items: Sequence[Item]) -> bytes:
    names = list(dict.fromkeys(name for item in items for name in item))
    rows = [[neutral(item.get(name, "")) for name in names] for item in items]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerows([names, *rows])
    return out.getvalue().encode("utf-8", "replace")


def is_table(name: str) -> bool:
    """Return whether a file of this name has rows of cells."""
    return PurePath(name).suffix.lower() in (".csv", ".tsv")


def read_items(name: str, data: bytes) -> Iterator[Found]:
    """Yield the items of a file: by its ending, or where that says nothing by how it begins."""
    if len(data) > MAX_BYTES:
        yield Found(0, {}, "", f"larger than {MAX_BYTES // 10**6} MB: split it into several files")
        return
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Found(0, {}, "", f"not valid UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8")
        return
    if not text.strip():
        yield Found(0, {}, "", "the file is empty")
    else:
        yield from _items(name, text)


def _items(name: str, text: str) -> Iterator[Found]:
    ending = PurePath(name).suffix.lower()
    if is_table(name):
        yield from _csv_items(text)
    elif ending in (".yaml", ".yml"):
        items, document = yaml_items(text, HOLDERS)
        yield from (_checked(line, item, problem, document=document) for line, item, problem in items)
    elif text.lstrip()[:1] in ("[", "{"):
        yield from _json_items(text)
    else:
        yield Found(0, {}, text[:200], f"unknown kind of file {ending!r}; known: .csv, .json, .jsonl, .yaml")


def _checked(
    line: int, item: Any, problem: str = "", raw: str = "", document: Mapping[str, Any] | None = None
) -> Found:
    if not problem and not isinstance(item, dict):
        problem = "must be an object"
        raw = raw or str(item)
    return Found(line, item if isinstance(item, dict) else {}, raw[:200], problem, document or {})


def _json_items(text: str) -> Iterator[Found]:
    first = text.lstrip().partition("\n")[0]
    document, problem = _loads(text)
    if problem and isinstance(_loads(first)[0], dict):
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield _checked(number, *_loads(line), line)
    elif problem:
        yield Found(0, {}, text[:200], problem)
    else:
        items, beside = _listed(document)
        for number, item in enumerate(items, 1):
            yield _checked(number, item, document=beside)


def _listed(document: Any) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Return the items of a document and what it says beside them."""
    if isinstance(document, list):
        return document, {}
    held = next((k for k in HOLDERS if isinstance(document.get(k), list)), None)
    return ([document], {}) if held is None else (document[held], {k: v for k, v in document.items() if k != held})


def _loads(text: str) -> tuple[Any, str]:
    try:
        return json.loads(text), ""
    except (ValueError, RecursionError) as error:
        return None, f"not valid JSON: {error}"


def _csv_items(text: str) -> Iterator[Found]:
    lines = io.StringIO(text.replace("\x00", ""), newline="").readlines()
    reader = csv.reader(lines, delimiter=max(",;\t", key=next(x for x in lines if x.strip()).count))
    names: list[str] | None = None
    line = 1
    for cells in reader:
        start, line = line, reader.line_num + 1
        if names is None:
            names = [n.strip() for n in cells]
        elif any(c.strip() for c in cells):
            raw = "".join(lines[start - 1 : line - 1])
            yield Found(start, _named(names, cells), raw[:200], _csv_problem(names, cells, raw))


def _named(names: Sequence[str], cells: Sequence[str]) -> Item:
    return {n: plain(c) for n, c in zip(names, cells, strict=False) if n}


def _csv_problem(names: Sequence[str], cells: Sequence[str], raw: str) -> str:
    twice = sorted({n for n in names if n and names.count(n) > 1})
    if twice:
        return f"the columns {', '.join(twice)} are there twice: rename one"
    if len(cells) > len(names):
        return f"{len(cells)} cells, but the header has {len(names)}: quote cells that hold the delimiter"
    return "a quote is opened and never closed" if raw.count('"') % 2 else ""
