"""Verdicts that annotators gave inside trace exports, carried out on a home."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flywheel_pipeline.defs.assets.annotations import _exported
from flywheel_pipeline.flows.annotate import collect_labels
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.flows.sample import draw_batch
from flywheel_pipeline_tests.builders import a_chat_record
from flywheel_pipeline_tests.homes import Place, a_home


def a_verdict(trace_id: str, score: Any, comment: str | None = None, **changes: Any) -> dict[str, Any]:
    """A line of feedback by an annotator."""
    row = {"trace_id": trace_id, "score": score, "comment": comment, "name": "verdict", "source": "annotator"}
    return {**row, "author": "mira", "at": "2025-06-03T10:00:00Z", **changes}


def collected(tmp_path: Path, *lines: dict[str, Any], settings: str = "", labels: str = "") -> Place:
    """A home with the traces t1 to t4, feedback in its export, and label files read."""
    place = a_home(tmp_path / "home")
    (place.root / "flywheel.yaml").write_text(f"automation: {{settle_seconds: 0}}\n{settings}")
    place.put_traces("export.jsonl", *(a_chat_record(trace_id=f"t{n}") for n in range(1, 5)), *lines)
    if labels:
        place.put_labels("batch.csv", labels)
    capture_traces(place.bench)
    collect_labels(place.bench)
    return place


def current(place: Place) -> dict[str, tuple[str, str, int]]:
    rows = place.lake.frame("select trace_id, verdict, source_file, source_line from annotations where is_current")
    return {trace: (verdict, file, line) for trace, verdict, file, line in rows.itertuples(index=False)}


def test_an_annotators_verdict_in_an_export_is_an_annotation(tmp_path: Path) -> None:
    place = collected(tmp_path, a_verdict("t1", "pass"), a_verdict("t2", "fail", "Sold out."), a_verdict("t9", "pass"))
    file = "../traces/export.jsonl"
    assert current(place) == {"t1": ("pass", file, 5), "t2": ("fail", file, 6)}
    assert place.one("select count(*) from rejects") == 0
    assert place.one("select count(*) from label_log") == 0


def test_comments_are_stored_without_personal_data_and_secrets(tmp_path: Path) -> None:
    labels = (
        "trace_id,verdict,comment,code,ticket\n"
        "t1,fail,Wrote to joe@a.com,mail joe@a.com,call +49 30 1234567\n,x,joe@a.com,,\n"
    )
    place = collected(tmp_path, a_verdict("t2", "fail", "Key sk-live-0123456789abcdefghij shown"), labels=labels)
    rows = place.lake.frame("select comment, code, extra from annotations order by trace_id").values.tolist()
    assert rows[0] == ["Wrote to <EMAIL_1>", "mail <EMAIL_1>", '{"ticket": "call <PHONE_1>"}']
    assert rows[1][0] == "Key <SECRET_1> shown"
    assert "joe@a.com" not in str(place.one("select excerpt from rejects"))
    assert "joe@a.com" in (place.root / "labels" / "batch.csv").read_text(), "what people wrote is theirs"


def test_a_corrected_comment_with_personal_data_is_known_again(tmp_path: Path) -> None:
    labels = "trace_id,verdict,comment\nt1,fail,Wrote to joe@a.com\n"
    place = collected(tmp_path, labels=labels)
    place.put_labels("batch.csv", labels.replace("Wrote", "Wrote twice"))
    collect_labels(place.bench)
    assert place.one("select string_agg(comment) from annotations where is_current") == "Wrote twice to <EMAIL_1>"


def test_a_models_score_and_a_users_opinion_are_none(tmp_path: Path) -> None:
    place = collected(tmp_path, a_verdict("t1", "pass", source="llm"), a_verdict("t2", "pass", source="user"))
    assert current(place) == {}


def test_label_files_and_exports_are_resolved_by_the_same_rules(tmp_path: Path) -> None:
    labels = "trace_id,verdict,comment,annotator,labelled_at\nt1,fail,Closed.,mira,2025-06-09\nt2,fail,Late.,expert,\n"
    place = collected(tmp_path, a_verdict("t1", "pass"), a_verdict("t2", "pass"), labels=labels)
    assert current(place) == {"t1": ("fail", "batch.csv", 2), "t2": ("fail", "batch.csv", 3)}
    assert place.one("select count(*) from annotations") == 4


def test_annotators_that_the_settings_do_not_name_stay_named_scores(tmp_path: Path) -> None:
    place = collected(tmp_path, a_verdict("t1", "pass"), settings="annotate: {annotators: [ben]}\n")
    assert current(place) == {}
    assert place.one("select tags->>'score.verdict' from raw_traces where trace_id = 't1'") == "pass"


def test_a_verdict_in_an_export_changes_no_probability_of_the_sample(tmp_path: Path) -> None:
    judged = collected(tmp_path / "judged", a_verdict("t1", "pass"))
    plain = collected(tmp_path / "plain")
    assert draw_batch(judged.bench)[1] == draw_batch(plain.bench)[1] != []


def test_a_failure_without_a_reason_is_reported_with_its_line(tmp_path: Path) -> None:
    place = collected(tmp_path, a_verdict("t1", "fail"))
    assert place.lake.frame("select file, line from rejects").values.tolist() == [["../traces/export.jsonl", 5]]
    assert current(place) == {}


def test_the_asset_accounts_for_every_score_of_an_annotator(tmp_path: Path) -> None:
    lines = (a_verdict("t1", "pass"), a_verdict("t2", "fail"), a_verdict("t3", 4, name="tone"))
    place = collected(tmp_path, *lines)
    labels, _ = collect_labels(place.bench)
    shown: Any = _exported(labels)["verdicts_in_exports"].value
    (row,) = shown.records
    counts = [row.data[n] for n in ("scores", "verdicts", "that count", "joined", "rejected", "named")]
    assert (row.data["file"], counts) == ("../traces/export.jsonl", [3, 1, 1, 0, 1, 1])
