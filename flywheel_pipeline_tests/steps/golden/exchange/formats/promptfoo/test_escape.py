"""promptfoo shows our texts and neither runs nor loads them: also the program itself, where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.csv_injection import neutral
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.golden.exchange import export_cases
from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.escape import JOINER, escape, escape_json, unescape
from flywheel_pipeline_tests.steps.golden.exchange.cases import BY_NAME, HOSTILE, a_real_case, texts

PROMPTFOO = os.environ.get("PROMPTFOO") or shutil.which("promptfoo")
MARKS = ("{{", "{%", "{#", "#}")
ASKED = [t for t in HOSTILE if t.strip()]
CASES = [
    a_real_case(
        input=t, reference=t, criteria=t, mode_id=t, observed_output=t,
        context=Json(json.dumps([{"$ref": "file:///etc/hostname", "content": t}])),
    )
    for t in ASKED
]  # fmt: skip
marked = st.text(st.sampled_from([*"{%#}ab:/", JOINER]), max_size=8) | texts


@given(marked)
def test_every_text_becomes_inert_and_comes_back(text: Any) -> None:
    assert unescape(escape(text)) == text
    assert not any(mark in escape(text) for mark in MARKS)
    assert not escape(text).lstrip().lower().startswith(("file://", "package:"))


@given(marked)
def test_json_is_inert_without_a_change(text: Any) -> None:
    made = escape_json([{"content": text, text: 1}])
    assert json.loads(made) == [{"content": text, text: 1}]
    assert not any(mark in made for mark in MARKS)


def test_ordinary_texts_are_left_as_they_are() -> None:
    for text in ("Where is {name}?", "100 % of #1", "a file: b", "see file://x", "{ {x} }"):
        assert escape(text) == text


def test_no_string_of_the_file_is_a_template_a_reference_or_an_object_that_is_resolved() -> None:
    def strings(value: Any) -> Any:
        if isinstance(value, dict):
            assert "$ref" not in value
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [value] if isinstance(value, str) else [s for v in inner for s in strings(v)]

    found = strings(yaml.safe_load(export_cases(CASES, BY_NAME["promptfoo"]).data))
    assert len(found) > 5 * len(CASES)
    assert not [s for s in found if any(m in s for m in MARKS) or s.strip().lower().startswith(("file:/", "package:"))]


@pytest.mark.parametrize(
    ("reference", "kind"),
    [("42", "icontains"), ("in Bonn", "icontains"), ("Yes.", "factuality"), ("{{x}}", "factuality")],
)
def test_a_short_answer_is_looked_for_as_it_is_unless_its_text_had_to_be_changed(reference: str, kind: str) -> None:
    (test,) = yaml.safe_load(export_cases([a_real_case(reference=reference, criteria=None)], BY_NAME["promptfoo"]).data)
    assert test["assert"] == [{"type": kind, "value": escape(reference)}]


def test_the_report_names_what_promptfoo_sees_otherwise() -> None:
    changed = {x.what: x.cases for x in export_cases(CASES, BY_NAME["promptfoo"]).loss.changed}
    assert changed["input"] == sum(escape(t) != t for t in ASKED) and changed["end of input"] == 1


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What each prompt became, {(file, prompt): [texts]}, by promptfoo with a provider that repeats its prompt."""
    if not PROMPTFOO:
        pytest.skip("promptfoo is not installed: put it on PATH, or name it in PROMPTFOO")
    folder = tmp_path_factory.mktemp("promptfoo")
    return {form: evaluated(folder, form) for form in ("promptfoo", "promptfoo-csv")}


def evaluated(folder: Path, name: str) -> list[dict[str, Any]]:
    form = BY_NAME[name]
    file, config, out = (folder / f"{name}.{end}" for end in (form.container, "config.yaml", "out.json"))
    file.write_bytes(export_cases(CASES, form).data)
    prompts = ["{{messages}}", "{{input}}", '[{"role": "user", "content": "{{input}}"}]']
    grader = {"options": {"provider": "echo"}}
    config.write_text(
        json.dumps({"prompts": prompts, "providers": ["echo"], "tests": f"file://{file.name}", "defaultTest": grader})
    )
    off = ("TELEMETRY", "UPDATE", "REMOTE_GENERATION", "SHARING")
    env = {
        **os.environ, **{f"PROMPTFOO_DISABLE_{x}": "1" for x in off}, "PROMPTFOO_CONFIG_DIR": str(folder / "config"),
        "CANARY": "leaked",
    }  # fmt: skip

    def promptfoo(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(PROMPTFOO), *words]
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)

    assert promptfoo("validate", "-c", str(config)).returncode == 0
    promptfoo("eval", "-c", str(config), "--no-cache", "--no-table", "--no-progress-bar", "-o", str(out))
    results: list[dict[str, Any]] = json.loads(out.read_text())["results"]["results"]
    return results


@pytest.mark.parametrize("name", ["promptfoo", "promptfoo-csv"])
def test_promptfoo_loads_the_file_and_shows_every_text_as_it_is(answers: Any, name: str) -> None:
    cell = neutral if name.endswith("csv") else str
    assert len(answers[name]) == 3 * len(CASES)
    for result in answers[name]:
        text = ASKED[result["testIdx"]]
        shown = result["response"]["output"]
        if result["promptIdx"] == 0:
            assert json.loads(shown) == [{"role": "user", "content": text}]
        else:
            said = shown if result["promptIdx"] == 1 else json.loads(shown)[0]["content"]
            assert said == cell(escape(text)).removesuffix("\n")


@pytest.mark.parametrize("name", ["promptfoo", "promptfoo-csv"])
def test_promptfoo_grades_by_the_criteria_and_the_reference_and_renders_neither(answers: Any, name: str) -> None:
    kinds = set()
    for result in answers[name]:
        for graded in result["gradingResult"]["componentResults"]:
            kinds.add(graded["assertion"]["type"])
            assert "renderedAssertionValue" not in (graded.get("metadata") or {})
    assert kinds == {"llm-rubric", "factuality", "icontains"}
    assert "leaked" not in json.dumps(answers[name])
