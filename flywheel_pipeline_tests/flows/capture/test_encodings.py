"""Text that is not UTF-8: read where its encoding is known for certain, else reported row by row, never replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline_tests.builders import a_chat_record, a_conversation
from flywheel_pipeline_tests.homes import Place, a_home

TABLE = "id,timestamp,question,answer\nt1,2025-06-02T10:00:00Z,Größe?,Zwölf.\nt2,2025-06-02T10:00:00Z,Offen?,Ja.\n"


def captured(tmp_path: Path, data: bytes, name: str = "a.csv", settings: str = "") -> Place:
    place = a_home(tmp_path / "home")
    (place.root / "flywheel.yaml").write_text(f"automation: {{settle_seconds: 0}}\n{settings}")
    (place.root / "traces" / name).write_bytes(data)
    capture_traces(place.bench)
    return place


def questions(place: Place) -> list[str]:
    return [str(q) for q in place.lake.frame("select input from raw_traces order by trace_id")["input"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides(tmp_path: Path, encoding: str) -> None:
    assert questions(captured(tmp_path, TABLE.encode(encoding))) == ["Größe?", "Offen?"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "iso-8859-15"])
def test_without_one_the_rows_with_such_letters_are_rejected_and_the_others_kept(tmp_path: Path, encoding: str) -> None:
    place = captured(tmp_path, TABLE.encode(encoding))
    assert questions(place) == ["Offen?"]
    line, reason = place.lake.frame("select line, reason from rejects").values.tolist()[0]
    assert line == 2
    assert reason.startswith("not valid UTF-8 in column 'question' (as Windows-1252 it would be 'Größe?')")


def test_a_stated_encoding_is_used(tmp_path: Path) -> None:
    settings = 'capture: {sources: [{files: "*.csv", encoding: windows-1252}]}\n'
    assert questions(captured(tmp_path, TABLE.encode("cp1252"), settings=settings)) == ["Größe?", "Offen?"]


def test_a_byte_order_mark_wins_over_a_stated_encoding(tmp_path: Path) -> None:
    settings = 'capture: {sources: [{files: "*.csv", encoding: windows-1252}]}\n'
    for n, encoding in enumerate(("utf-8-sig", "utf-16")):
        assert questions(captured(tmp_path / str(n), TABLE.encode(encoding), settings=settings)) == ["Größe?", "Offen?"]


def test_a_line_of_json_that_is_not_utf_8_costs_that_line(tmp_path: Path) -> None:
    lines = [
        json.dumps(a_chat_record(trace_id=t, messages=a_conversation(q, "Ja.")), ensure_ascii=False)
        for t, q in (("t1", "Größe?"), ("t2", "Offen?"))
    ]
    place = captured(tmp_path, "\n".join(lines).encode("latin-1"), "a.jsonl")
    assert questions(place) == ["Offen?"]
    assert "not valid UTF-8" in place.one("select reason from rejects where line = 1")


def test_an_unknown_encoding_is_an_error_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "flywheel.yaml").write_text('capture: {sources: [{files: "*", encoding: klingon}]}\n')
    with pytest.raises(SettingsError, match="'klingon' is not an encoding"):
        load_settings(tmp_path, {})
