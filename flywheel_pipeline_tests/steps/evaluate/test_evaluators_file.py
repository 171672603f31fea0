"""`evaluators.yaml` is read strictly: a mistake is an error with its line; additions keep what a person wrote."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.steps.evaluate.evaluators_file import (
    HEAD,
    Entry,
    dump_entries,
    read_entries,
    with_entries,
    with_status,
)
from flywheel_pipeline_tests.conftest import REPO

FILE = """\
# ours
evaluators:
  # short answers
  - name: brief
    mode: Wall of text
    kind: length
    settings: {at_most: 90}
    why: words can be counted
  - name: stiff
    mode: fm-1
    kind: tone
    settings: {scale: formality, one: casual, five: stiff, highest: 4}
    status: proposed
"""


def test_entries_are_read_with_their_lines_and_run_unless_they_say_otherwise() -> None:
    first, second = read_entries(FILE)
    assert (first.name, first.mode, first.kind, first.status, first.line) == (
        "brief", "Wall of text", "length", "accepted", 4,
    )  # fmt: skip
    assert (second.status, second.line) == ("proposed", 9)
    assert first.evaluator().at_most == 90


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "evaluators:\n", "evaluators: []\n"])
def test_an_empty_file_has_no_evaluators(text: str) -> None:
    assert read_entries(text) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("kind: length", "kind: lenght", 4, "no kind 'lenght'; the kinds are contains, exact"),
        ("at_most", "max_words", 4, "no setting 'max_words'; its settings are unit, at_least, at_most"),
        ("90", "many", 4, "settings.at_most"),
        ("scale: formality, ", "", 9, "needs the setting 'scale'"),
        ("highest: 4", "lowest: 4, highest: 2", 9, "no rating is accepted"),
        ("name: stiff", "name: brief", 9, "the name 'brief' is taken by line 4"),
        ("    mode: fm-1\n", "    mode: fm-1\n    mode: fm-2\n", 11, "the key 'mode' stands twice"),
        ("    mode: fm-1\n", "", 9, "the key 'mode' is missing"),
        ("why:", "because:", 4, "unknown key 'because'; the keys are name, mode"),
        ("status: proposed", "status: maybe", 9, "status"),
        ("status: proposed", "requirement: true", 9, "tone may err"),
        ("name: brief", "name: Brief Answers", 4, "name"),
        ("mode: fm-1", "mode: 7", 9, "mode"),
    ],
)
def test_a_mistake_is_an_error_with_its_line(old: str, new: str, line: int, message: str) -> None:
    with pytest.raises(CorruptFileError) as error:
        read_entries(FILE.replace(old, new, 1))
    assert f"evaluators.yaml, line {line}: " in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["[", "- a", "modes: []", "evaluators: []\nother: 1\n", "evaluators: {a: 1}", "x\0"])
def test_what_is_no_list_of_evaluators_is_an_error(text: str) -> None:
    with pytest.raises(CorruptFileError, match=r"evaluators\.yaml"):
        read_entries(text)


def test_a_judge_has_one_mode_and_no_phrases() -> None:
    for extra in ("mode: all", "mode: fm-1, when: [refund]"):
        with pytest.raises(CorruptFileError, match="a judge has one failure mode"):
            read_entries(f"evaluators: [{{name: j, kind: judge, {extra}}}]")


def an_entry(name: str, **changes: object) -> Entry:
    values = {"name": name, "mode": "fm-1", "kind": "contains", "settings": {"texts": ["a"]}, **changes}
    return Entry.model_validate(values)


def test_added_entries_stand_at_the_end_and_nothing_else_changes() -> None:
    made = with_entries(FILE, [an_entry("new", status="proposed", why="é: “quoted”\nand more")])
    assert made.startswith(FILE)
    assert [e.name for e in read_entries(made)] == ["brief", "stiff", "new"]
    assert read_entries(made)[-1].why == "é: “quoted”\nand more"


def test_a_new_file_explains_itself() -> None:
    assert with_entries("", [an_entry("new")]).startswith(HEAD)


def test_a_file_that_cannot_be_added_to_by_lines_keeps_its_entries_and_first_comments() -> None:
    made = with_entries("# ours\nevaluators: [{name: brief, mode: all, kind: length, settings: {at_most: 9}}]\n",
                        [an_entry("new")])  # fmt: skip
    assert made.startswith("# ours\n")
    assert [e.name for e in read_entries(made)] == ["brief", "new"]


@pytest.mark.parametrize(("name", "status"), [("stiff", "accepted"), ("brief", "rejected"), ("stiff", "proposed")])
def test_a_status_is_changed_for_one_entry_alone(name: str, status: str) -> None:
    made = with_status(FILE, name, status)
    after = {e.name: e.status for e in read_entries(made)}
    assert after == {**{"brief": "accepted", "stiff": "proposed"}, name: status}
    assert "# ours" in made


def test_a_status_that_stands_in_the_file_is_changed_in_place_and_comments_stay() -> None:
    assert with_status(FILE, "stiff", "accepted") == FILE.replace("status: proposed", "status: accepted")


def test_an_unknown_name_has_no_status() -> None:
    with pytest.raises(KeyError):
        with_status(FILE, "nobody", "accepted")


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
entries = st.builds(
    lambda mode, phrases, why, status, needed: an_entry(
        "x", mode=mode, settings={"texts": phrases}, why=why, status=status, requirement=needed
    ),
    texts, st.lists(texts.filter(str.strip), min_size=1, max_size=3), texts | st.just(""),
    st.sampled_from(["proposed", "accepted", "rejected"]), st.booleans(),
)  # fmt: skip


@given(st.lists(entries, max_size=4), st.lists(entries, min_size=1, max_size=3))
def test_entries_read_back_as_they_were_written(before: list[Entry], added: list[Entry]) -> None:
    named = [e.model_copy(update={"name": f"e{i}"}) for i, e in enumerate([*before, *added])]
    first, second = named[: len(before)], named[len(before) :]
    text = yaml.safe_dump(dump_entries(first), allow_unicode=True) if first else ""
    assert dump_entries(read_entries(with_entries(text, second))) == dump_entries(named)


def test_every_example_of_the_chapter_is_read() -> None:
    chapter = (REPO / "flywheel_pipeline" / "steps" / "evaluate" / "README.md").read_text("utf-8")
    examples = re.findall(r"^```yaml\n(evaluators:\n.*?)^```", chapter, re.M | re.S)
    assert len(examples) >= 5
    assert all(read_entries(text) for text in examples)


LISTED = "evaluators:\n- {name: a, mode: all, kind: tool_calls, settings: {expected: "
LAUGHS = "x0: &x0 [ha, ha, ha, ha]\n" + "".join(
    f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "line 6: there are more than 100,000 values"),
        ("evaluators: &all\n- *all\n", "an alias contains itself"),
        ("evaluators: " + "[" * 4_000, "nested too deeply"),
        (LISTED + "[" * 4_000 + "]" * 4_000 + "}}\n", "nested too deeply"),
        ("# " + "x" * 10_000_000, "10,000,002 characters; at most 500,000"),
        (LISTED + "[{name: book, arguments: {day: 2026-01-05}}]}}\n", "line 2: 2026-01-05 is a date in YAML"),
        ("evaluators:\n- {name: a, mode: '  ', kind: length, settings: {at_most: 5}}\n", "line 2: mode"),
    ],
    ids=["aliases that multiply", "alias of itself", "deep", "deep settings", "10 MB", "a date", "no mode"],
)
def test_a_hostile_or_ambiguous_file_is_refused_at_once(text: str, message: str) -> None:
    with pytest.raises(CorruptFileError, match=message):
        read_entries(text)


def test_a_date_in_quotation_marks_and_an_alias_are_what_they_say() -> None:
    text = LISTED + "[{name: book, arguments: &same {day: '2026-01-05'}}, {name: hold, arguments: *same}]}}\n"
    (entry,) = read_entries(text)
    assert [e["arguments"] for e in entry.settings["expected"]] == [{"day": "2026-01-05"}] * 2
