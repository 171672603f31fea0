"""Two conversations under one id, far apart or in two files: reported with their lines, never only counted."""

from __future__ import annotations

from pathlib import Path

from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline_tests.homes import Place, a_home

N_FAR = 2_500
"""More rows than a block of a table holds."""
HEADER = "id,timestamp,question,answer,rating"


def a_row(trace_id: str, question: str, day: int = 2, answer: str = "Yes.", rating: str = "") -> str:
    return f"{trace_id},2025-06-{day:02}T10:00:00Z,{question},{answer},{rating}"


def captured(tmp_path: Path, **files: list[str]) -> Place:
    place = a_home(tmp_path / "home")
    for name, rows in files.items():
        place.put_traces(f"{name}.csv", "\n".join([HEADER, *rows]).encode())
    capture_traces(place.bench)
    return place


def rejects(place: Place) -> list[tuple[str, int, str]]:
    found = place.lake.frame("select file, line, reason from rejects order by all")
    return [(file, line, reason.split(",")[0]) for file, line, reason in found.itertuples(index=False)]


def log(place: Place) -> list[list[int]]:
    return place.lake.frame(
        "select n_rows_in, n_rows_out, n_duplicates, n_rejects from capture_log order by source_file"
    ).values.tolist()


def filler(n: int = N_FAR) -> list[str]:
    return [a_row(f"u{i}", "Open?") for i in range(n)]


def test_a_second_conversation_in_another_block_of_a_table_is_reported_with_its_line(tmp_path: Path) -> None:
    place = captured(tmp_path, a=[a_row("t1", "Is it open?"), *filler(), a_row("t1", "Is it far?")])
    assert rejects(place) == [("a.csv", 2, f"the id 't1' is also that of line {N_FAR + 3}")]
    assert place.one("select input from raw_traces where trace_id = 't1'") == "Is it far?"
    assert log(place) == [[N_FAR + 2, N_FAR + 1, 0, 1]]


def test_its_rating_does_not_go_to_the_conversation_that_is_kept(tmp_path: Path) -> None:
    place = captured(tmp_path, a=[a_row("t1", "Is it open?", rating="1/5"), *filler(), a_row("t1", "Is it far?")])
    assert place.one("select count(*) from raw_traces where feedback_score is not null") == 0


def test_the_same_row_in_another_block_is_a_repetition(tmp_path: Path) -> None:
    place = captured(tmp_path, a=[a_row("t1", "Is it open?"), *filler(), a_row("t1", "Is it open?")])
    assert (rejects(place), log(place)) == ([], [[N_FAR + 2, N_FAR + 1, 1, 0]])


def test_numbers_that_begin_again_in_every_file_are_reported(tmp_path: Path) -> None:
    place = captured(tmp_path, monday=[a_row("1", "Is it open?", day=2)], tuesday=[a_row("1", "Is it far?", day=3)])
    assert rejects(place) == [("monday.csv", 2, "the id '1' is also that of line 2 of tuesday.csv")]
    assert log(place) == [[1, 0, 0, 1], [1, 1, 0, 0]]


def test_a_later_file_may_correct_a_trace(tmp_path: Path) -> None:
    place = captured(tmp_path, a=[a_row("1", "Is it open?", answer="No.")], b=[a_row("1", "Is it open?")])
    assert (rejects(place), log(place)) == ([], [[1, 0, 1, 0], [1, 1, 0, 0]])
    assert place.one("select output from raw_traces") == "Yes."
