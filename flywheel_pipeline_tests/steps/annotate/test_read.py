"""Label files -> annotations and rejects: any usual spelling, and every row in exactly one of the two."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.records import Annotation, Reject
from flywheel_pipeline.steps.annotate import LabelFile, read_labels
from flywheel_pipeline_tests.builders import an_annotation
from flywheel_pipeline_tests.steps.annotate.counting import count_rows

COVERS = ("steps/annotate/judgements.py", "steps/annotate/read.py")


def read(text: str, file: str = "b.csv") -> LabelFile:
    return read_labels(file, text.encode())


def the_annotation(text: str, file: str = "b.csv") -> Annotation:
    found = read(text, file)
    assert found.rejects == ()
    (annotation,) = found.annotations
    return annotation


def the_reject(text: str, file: str = "b.csv") -> Reject:
    found = read(text, file)
    assert found.annotations == ()
    (reject,) = found.rejects
    return reject


def test_a_row_with_everything_fills_every_column() -> None:
    text = (
        "trace_id,verdict,code,comment,category,annotator,labelled_at,first_failure_step,severity,rubric_version,is_repeat\n"
        't1, Fail ,invented,"Made up, twice",Made up,mira,2025-06-02T14:00:00+02:00,3,high,r2,yes\n'
    )
    assert the_annotation(text) == an_annotation(
        code="invented", comment="Made up, twice", category="Made up", annotator="mira", first_failure_step=3,
        labelled_at=datetime(2025, 6, 2, 12), severity="high", rubric_version="r2", is_repeat=True, is_current=False,
            source_version=hashlib.sha256(text.encode()).hexdigest()[:16],
    )  # fmt: skip


def test_an_id_and_a_pass_are_enough() -> None:
    made = the_annotation("trace_id,verdict\nt1,pass\n")
    version = made.source_version
    assert made == an_annotation(verdict="pass", code=None, comment=None, is_current=False, source_version=version)


ID_NAMES = ("trace_id", "traceId", "Trace ID", "TraceID", "trace", "id", "ID")
VERDICT_NAMES = ("verdict", "Label", "result", "judgement", "judgment", "outcome", "pass", "Passed?")


@pytest.mark.parametrize(
    ("column", "name"), [*(("trace_id", n) for n in ID_NAMES), *(("verdict", n) for n in VERDICT_NAMES)]
)
def test_a_needed_column_goes_by_any_of_its_names(column: Any, name: Any) -> None:
    other = {"trace_id": "verdict", "verdict": "trace_id"}[column]
    values = {"trace_id": "t1", "verdict": "pass"}
    found = the_annotation(f"{name},{other}\n{values[column]},{values[other]}\n")
    assert (found.trace_id, found.verdict) == ("t1", "pass")


@pytest.mark.parametrize(
    "name", ["comment", "Comments", " NOTE ", "notes", "Critique", "reason", "explanation", "(comment)"]
)
def test_a_comment_goes_by_many_names_in_any_case(name: str) -> None:
    assert the_annotation(f"trace_id,verdict,{name}\nt1,fail,wrong\n").comment == "wrong"


def test_names_with_spaces_are_understood_and_the_first_synonym_wins() -> None:
    assert the_annotation("Trace ID;Verdict;Open Code;Labeled At\nt1;fail;x;2025-06-02\n").labelled_at == datetime(
        2025, 6, 2
    )
    assert the_annotation("id,label,trace_id,verdict\n7,bad,t1,pass\n").trace_id == "t1"
    assert the_annotation("id,label,trace_id,verdict\n7,bad,t1,pass\n").verdict == "pass"


WORDS = {
    "pass": "pass passed good ok okay yes true 1 1.0",
    "fail": "fail failed bad no false 0 0.0",
    "defer": "defer deferred skip skipped unsure later",
}


@pytest.mark.parametrize(("verdict", "word"), [(v, w) for v, words in WORDS.items() for w in words.split()])
def test_a_verdict_is_understood_in_many_words(verdict: Any, word: Any) -> None:
    for spelt in (word, word.upper(), f" {word} "):
        assert the_annotation(f"trace_id,verdict,comment\nt1,{spelt},because\n").verdict == verdict


@pytest.mark.parametrize(
    ("value", "verdict"), [(True, "pass"), (False, "fail"), (1, "pass"), (0, "fail"), (1.0, "pass")]
)
def test_a_verdict_may_be_a_json_value(value: Any, verdict: str) -> None:
    row = json.dumps({"trace_id": 12, "passed": value, "comment": "because"})
    assert (the_annotation(row, "b.jsonl").verdict, the_annotation(row, "b.jsonl").trace_id) == (verdict, "12")


def test_a_row_that_nobody_filled_in_is_counted_and_not_rejected() -> None:
    found = read("trace_id,verdict,code,comment,annotator\nt1,,,,mira\nt2,pass,,,\nt3, , ,nan,\n")
    assert (len(found.annotations), found.rejects, found.n_unlabelled, found.n_rows) == (1, (), 2, 3)


def test_columns_beyond_ours_are_kept_under_their_own_names() -> None:
    row = {"id": 7, "trace_id": "t1", "verdict": "pass", "Team": "north", "n": 2, "deep": {"a": [1]}, "none": None}
    assert json.loads(the_annotation(json.dumps(row), "b.jsonl").extra) == {
        "id": 7, "Team": "north", "n": 2, "deep": '{"a": [1]}',
    }  # fmt: skip
    assert json.loads(the_annotation("trace_id,verdict,team,\nt1,pass,'=1+1,x\n").extra) == {"team": "=1+1", "": "x"}
    assert json.loads(the_annotation('trace_id,verdict,extra\nt1,pass,"{""a"": 1}"\n').extra) == {"a": 1}
    assert json.loads(the_annotation("trace_id,verdict,extra\nt1,pass,see below\n").extra) == {"extra": "see below"}


def test_what_an_export_shows_of_the_trace_is_not_kept_a_second_time() -> None:
    text = "trace_id,input,conversation,team,verdict,exported\nt1,Q,user: Q,north,pass,2025-06-02T12:00:00Z\n"
    assert json.loads(the_annotation(text).extra) == {"team": "north"}
    assert json.loads(the_annotation(text.replace("exported", "at")).extra)["input"] == "Q"


def test_very_long_texts_are_refused_in_our_columns_and_cut_in_others() -> None:
    assert "comment has 200000 characters" in the_reject(f"trace_id,verdict,comment\nt1,fail,{'x' * 200_000}\n").reason
    (value,) = json.loads(the_annotation(f"trace_id,verdict,team\nt1,pass,{'x' * 200_000}\n").extra).values()
    assert len(value) < 3000


@pytest.mark.parametrize("word", ["", "maybe", "2", "passfail", "null", "x", "n/a"])
def test_another_verdict_is_refused_with_the_words_that_are_known(word: str) -> None:
    reject = the_reject(f"trace_id,verdict,comment\nt1,{word},because\n")
    assert f"verdict {word!r} is not one of pass, fail, defer" in reject.reason


def test_a_fail_needs_a_comment_or_a_code_and_a_pass_neither() -> None:
    text = "trace_id,verdict,comment,code\nt1,fail,,\nt2,fail, ,invented\nt3,fail,x,\nt4,pass,,\nt5,defer,,\nt6,fail,\x00,\n"
    found = read(text)
    assert [a.trace_id for a in found.annotations] == ["t2", "t3", "t4", "t5"]
    assert [(r.line, "needs a comment or a code" in r.reason) for r in found.rejects] == [(2, True), (7, True)]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("trace_id,comment\nt1,x\n", "missing column verdict; the file has trace_id, comment"),
        ("conversation,verdict\nt1,pass\n", "missing column trace_id; the file has conversation, verdict"),
        ("a,b\n1,2\n", "missing column trace_id, verdict; the file has a, b"),
    ],
)
def test_a_missing_column_is_named_with_those_that_are_there(text: str, missing: str) -> None:
    assert the_reject(text).reason == missing


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("trace_id", " ", "trace_id is empty"),
        ("first_failure_step", "-1", "first_failure_step '-1' is not the number of a message"),
        ("first_failure_step", "third", "first_failure_step 'third' is not"),
        ("first_failure_step", "1.5", "first_failure_step '1.5' is not"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(column: str, value: str, problem: str) -> None:
    cells = {"trace_id": "t1", "verdict": "pass", column: value}
    reject = the_reject(",".join(cells) + "\n" + ",".join(cells.values()) + "\n")
    assert problem in reject.reason
    assert (reject.source, reject.file, reject.line) == ("labels", "b.csv", 2)


@pytest.mark.parametrize(("value", "step"), [("0", 0), ("3.0", 3), (" 12 ", 12), ("", None)])
def test_a_step_is_a_whole_number_also_where_a_spreadsheet_made_it_decimal(value: str, step: int | None) -> None:
    assert the_annotation(f"trace_id,verdict,step,note\nt1,fail,{value},made up\n").first_failure_step == step


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2025-06-02", datetime(2025, 6, 2)),
        ("2025-06-02T12:00:00Z", datetime(2025, 6, 2, 12)),
        ("2025-06-02 23:00:00-02:00", datetime(2025, 6, 3, 1)),
    ],
)
def test_a_time_becomes_utc(value: str, at: Any) -> None:
    assert the_annotation(f"trace_id,verdict,date\nt1,pass,{value}\n").labelled_at == at


@pytest.mark.parametrize(
    ("value", "is_repeat"), [("1", True), ("TRUE", True), ("yes", True), ("", False), ("no", False)]
)
def test_a_repeat_is_marked(value: str, is_repeat: bool) -> None:
    assert the_annotation(f"trace_id,verdict,repeat\nt1,pass,{value}\n").is_repeat is is_repeat
    assert the_annotation(f"trace_id,verdict,is_picked\nt1,pass,{value}\n").is_picked is is_repeat


def test_a_bad_row_leaves_the_others_and_the_line_is_that_of_the_file() -> None:
    data = b'trace_id;verdict;comment\nt1;fail;"two\nlines"\nt3;never;\n\nt4;fail;too;many\nt5;pass;\n'
    found = read_labels("b.csv", data)
    assert [(a.trace_id, a.source_line) for a in found.annotations] == [("t1", 2), ("t5", 7)]
    assert [(r.line, r.reason.split(":")[0][:15]) for r in found.rejects] == [
        (4, "verdict 'never'"),
        (6, "4 cells, but th"),
    ]
    assert found.n_rows == 4


def test_a_file_in_another_encoding_is_refused_whole() -> None:
    for data in (HOSTILE["a.csv"], b"trace_id,verdict,comment\nt1,pass,\nt2,fail,Gr\xf6\xdfe\n"):
        (reject,) = read_labels("b.csv", data).rejects
        assert reject.line == 0 and "save the file as UTF-8" in reject.reason


@pytest.mark.parametrize(
    ("file", "text"), [("b.csv", ""), ("b.jsonl", "\n\n"), ("b.xlsx", "PK"), ("b.xlsx", ""), ("b.json", "{")]
)
def test_a_file_without_readable_rows_is_one_reject_of_the_whole_file(file: str, text: str) -> None:
    reject = the_reject(text, file)
    assert (reject.file, reject.line, read(text, file).n_rows) == (file, 0, 1)


def test_a_long_row_is_shown_in_part() -> None:
    assert len(the_reject("trace_id,verdict\nt1," + "x" * 5000 + "\n").excerpt) == 200
    assert len(the_reject("trace_id,verdict\nt1," + "x" * 5000 + "\n").reason) < 400


HOSTILE = {
    "a.csv": b"trace_id,urteil f\xfcr\nt1,x\n",
    "b.csv": b"trace_id,verdict\n\xff,pass\n",
    "a.xlsx": b"PK\x03\x04\xff\xfe\x00",
    "a.json": b'[{"trace_id": "t1", "verdict": "fail", "comment": "\xff"}]',
    "b.json": b"[\xff",
    "a.jsonl": b'{"trace_id": "\\ud800", "verdict": "fail", "comment": "\\udfff\\u0000"}',
    "b.jsonl": b'["\xff"]',
    "c.jsonl": b'{"\\ud800": 1}',
}


@pytest.mark.parametrize("file", HOSTILE)
def test_what_comes_of_hostile_bytes_can_be_stored(file: Any) -> None:
    found = read_labels(file, HOSTILE[file])
    assert found.n_rows == 1
    for record in (*found.annotations, *found.rejects):
        for value in vars(record).values():
            if isinstance(value, str):
                assert value.encode("utf-8").decode("utf-8") == value


def test_no_depth_of_nesting_stops_the_reader() -> None:
    for depth in (*range(900, 1100), 10_000, 100_000):
        row = '{"trace_id": "t1", "verdict": "fail", "comment": ' + "[" * depth + "]" * depth + "}"
        assert read(row, "b.jsonl").n_rows == read(row, "b.json").n_rows == 1


words = st.sampled_from(["pass", "FAIL", "0", "defer", "", "perhaps"])
moments = st.sampled_from(["", "2025-06-02", "2025-06-02T12:00:00Z", "9999-12-31T23:59:59-14:00", "soon"])
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
label_table = st.lists(st.tuples(st.sampled_from(["t1", "t2", " "]), words, texts, moments, texts), max_size=8)
HEADER = ("trace_id", "verdict", "comment", "labelled_at", "step")


def check_accounting(found: LabelFile, n: int) -> None:
    places = [a.source_line for a in found.annotations] + [r.line for r in found.rejects]
    assert found.n_rows == len(places) + found.n_unlabelled == len(set(places)) + found.n_unlabelled == n
    assert all(a.verdict != "fail" or a.comment or a.code for a in found.annotations)
    assert all(a.trace_id.strip() and a.source_line >= 1 for a in found.annotations)
    assert all(r.reason for r in found.rejects)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(label_table, st.sampled_from(",;\t"))
def test_every_row_of_a_spreadsheet_is_either_an_annotation_or_a_reject(table: Any, delimiter: Any) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows([HEADER, *table])
    check_accounting(read(out.getvalue()), sum(any(c.strip() for c in cells) for cells in table))


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
label_lines = st.lists(
    st.tuples(words, any_json, moments, any_json).map(
        lambda v: json.dumps(dict(zip(HEADER, ("t1", *v), strict=True))).encode()
    )
    | st.dictionaries(st.sampled_from(HEADER), any_json).map(lambda d: json.dumps(d).encode())
    | st.text(st.characters(codec="utf-8"), max_size=20).map(lambda t: t.replace("\n", "").encode()),
    max_size=6,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(label_lines)
def test_every_line_of_json_is_either_an_annotation_or_a_reject(lines: Any) -> None:
    data = b"\n".join(lines)
    check_accounting(read_labels("b.jsonl", data), count_rows("b.jsonl", data))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=80), st.sampled_from(["a.csv", "a.tsv", "a.xlsx", "a.jsonl", "a.json", "a.pdf", "a"]))
def test_no_bytes_stop_the_reader(data: Any, file: Any) -> None:
    found = read_labels(file, b"trace_id,verdict\n" + data if file == "a.csv" else data)
    assert found.n_rows == len(found.annotations) + len(found.rejects) + found.n_unlabelled


@pytest.mark.parametrize("name", ["rating", "Grade", "quality"])
def test_a_rating_of_one_alone_is_no_verdict(name: str) -> None:
    found = read(f"trace_id,{name},comment\nt1,1,useless\nt2,1,bad\n")
    assert found.annotations == () and all("is on a scale (1)" in r.reason for r in found.rejects)
    both = read(f"trace_id,{name},comment\nt1,0,useless\nt2,1,\n")
    assert [a.verdict for a in both.annotations] == ["fail", "pass"]


def test_a_score_of_failures_is_not_read_as_one_of_passes() -> None:
    assert "missing column verdict" in the_reject("trace_id,failure_score,comment\nt1,1,wrong\n").reason


def test_a_verdict_with_a_question_mark_is_doubtful() -> None:
    assert "is not one of" in the_reject("trace_id,verdict,comment\nt1,pass?,look again\n").reason


@pytest.mark.parametrize(
    ("column", "value"), [("label_type", "auto"), ("method", "llm-judge"), ("generated_by", "gpt-4o")]
)
def test_a_column_that_says_how_a_verdict_was_made_keeps_a_models_from_being_the_experts(
    column: str, value: str
) -> None:
    found = read(f"trace_id,verdict,{column},comment\nt1,fail,{value},wrong\n")
    assert (found.annotations, found.rejects, len(found.scores)) == ((), (), 1)


def test_a_method_of_something_else_says_nothing_about_who_judged() -> None:
    assert the_annotation("trace_id,verdict,method,comment\nt1,fail,card payment,wrong\n").annotator == "expert"


def test_the_name_of_a_metric_is_no_person() -> None:
    assert "may be a model or a person" in the_reject("trace_id,evaluator_name,verdict\nt1,faithfulness,pass\n").reason
