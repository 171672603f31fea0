"""A person's own evaluator function: found in the home or installed, sync or async, and never the end of a run."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.apps import OwnEvaluatorFunction
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.ports import Answer
from flywheel_pipeline_tests.builders import a_case

COVERS = ("adapters/apps/own_function.py", "adapters/apps/calls.py")

CODE = """
import asyncio
import helper_of_mine

def length(case, answer):
    return len(answer["output"]) < helper_of_mine.MOST

async def slowly(case, answer):
    await asyncio.sleep(0)
    return {"label": "pass", "explanation": case["input"]}

def broken(case, answer):
    return 1 / 0

async def forever(case, answer):
    await asyncio.sleep(60)

def given(case, answer):
    return [sorted(case), sorted(answer), case["criteria"], case["expected_doc_ids"]]

LIMIT = 3
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "evaluators").mkdir()
    (tmp_path / "evaluators" / "mine.py").write_text(CODE)
    (tmp_path / "helper_of_mine.py").write_text("MOST = 10\n")
    return tmp_path


def run(home: Path, name: str, output: str = "Hello.", seconds: float = 5, **case: Any) -> tuple[Any, str]:
    code = OwnEvaluatorFunction(f"evaluators/mine.py:{name}", home, seconds)
    return asyncio.run(code.run(a_case(**case), Answer(output)))


def test_a_function_of_the_home_judges_and_may_import_from_it(home: Path) -> None:
    assert run(home, "length", "short") == (True, "")
    assert run(home, "length", "much too long") == (False, "")
    assert str(home) not in sys.path


def test_an_async_function_is_awaited(home: Path) -> None:
    assert run(home, "slowly", input="Why?") == ({"label": "pass", "explanation": "Why?"}, "")


def test_an_exception_is_the_reason_why_there_is_no_value(home: Path) -> None:
    assert run(home, "broken") == (None, "evaluators/mine.py:broken: ZeroDivisionError: division by zero")


def test_a_function_that_takes_too_long_is_given_up(home: Path) -> None:
    value, problem = run(home, "forever", seconds=0.05)
    assert value is None and "no judgement in" in problem


def test_a_function_sees_the_case_without_what_the_expert_said_of_another_answer(home: Path) -> None:
    (case, answer, criteria, documents), _ = run(home, "given", criteria="THE REMARK", criteria_kind="criticism")
    assert "THE REMARK" not in str((case, answer, criteria))
    assert {"input", "messages", "documents", "reference", "variables"} <= set(case)
    assert set(answer) == {"output", "tool_calls", "retrieved_doc_ids", "finish_reason"}
    assert (criteria, documents) == (None, [])
    (_, _, criteria, _), _ = run(home, "given", criteria="names the price", criteria_kind="requirement")
    assert criteria == "names the price"


def test_the_version_follows_the_source(home: Path) -> None:
    before = OwnEvaluatorFunction("evaluators/mine.py:length", home).version
    (home / "evaluators" / "mine.py").write_text(CODE.replace("LIMIT = 3", "LIMIT = 4"))
    assert OwnEvaluatorFunction("evaluators/mine.py:length", home).version != before


def test_two_homes_may_have_files_of_the_same_name(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "evaluators").mkdir()
    (other / "evaluators" / "mine.py").write_text("def length(case, answer):\n    return 'unsure'\n")
    assert run(home, "length")[0] is True
    assert run(other, "length")[0] == "unsure"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("evaluators/mine.py:nothing", "AttributeError"),
        ("evaluators/other.py:length", "FileNotFoundError"),
        ("no_such_module_at_all:f", "ModuleNotFoundError"),
        ("evaluators/mine.py:LIMIT", "is not callable"),
    ],
)
def test_what_cannot_be_imported_is_named(home: Path, name: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        _ = OwnEvaluatorFunction(name, home).function


def test_a_file_that_is_wrong_is_an_error_of_the_settings(home: Path) -> None:
    (home / "evaluators" / "mine.py").write_text("def length(:\n")
    with pytest.raises(SettingsError, match="SyntaxError"):
        _ = OwnEvaluatorFunction("evaluators/mine.py:length", home).function


def test_an_installed_function_is_found_by_its_module(home: Path) -> None:
    assert OwnEvaluatorFunction("json:dumps", home).function.__name__ == "dumps"


ODD = """
import time

def leaves(case, answer):
    raise SystemExit(0)

async def leaves_too(case, answer):
    raise SystemExit(0)

def stops(case, answer):
    return next(iter(()))

def hangs(case, answer):
    while True:
        time.sleep(0.05)

def takes_its_time(case, answer):
    time.sleep(0.2)
    return True

def changes(case, answer):
    answer["tool_calls"][0]["function"]["name"] = "another"
    case["messages"].clear(), answer["tool_calls"].clear(), answer.update(output="")
    return True
"""


@pytest.mark.parametrize(
    ("name", "reason"), [("leaves", "SystemExit"), ("leaves_too", "SystemExit"), ("stops", "StopIteration")]
)
def test_a_function_that_ends_the_program_ends_only_its_judgement(home: Path, name: str, reason: str) -> None:
    (home / "evaluators" / "mine.py").write_text(ODD)
    value, problem = run(home, name)
    assert value is None and reason in problem


def test_calls_that_wait_for_others_lose_no_time_by_it(home: Path) -> None:
    (home / "evaluators" / "mine.py").write_text(ODD)
    code = OwnEvaluatorFunction("evaluators/mine.py:takes_its_time", home, 0.7)

    async def all_at_once() -> list[tuple[Any, str]]:
        return await asyncio.gather(*(code.run(a_case(), Answer("Hi")) for _ in range(48)))

    assert asyncio.run(all_at_once()) == [(True, "")] * 48


def test_functions_that_hang_hold_up_neither_other_calls_nor_the_end_of_the_process(home: Path) -> None:
    (home / "evaluators" / "mine.py").write_text(ODD)
    program = f"""
import asyncio
from pathlib import Path
from flywheel_pipeline.adapters.apps import OwnEvaluatorFunction
from flywheel_pipeline.ports import Answer
from flywheel_pipeline_tests.builders import a_case

async def main():
    code = OwnEvaluatorFunction("evaluators/mine.py:hangs", Path({str(home)!r}), 0.1)
    print([problem for _, problem in await asyncio.gather(*(code.run(a_case(), Answer("Hi")) for _ in range(20)))])
    fine = OwnEvaluatorFunction("evaluators/mine.py:takes_its_time", Path({str(home)!r}), 5)
    print(await fine.run(a_case(), Answer("Hi")))

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.count("no judgement in 0.1 s") == 20 and "(True, '')" in done.stdout


def test_a_function_cannot_change_what_is_judged(home: Path) -> None:
    (home / "evaluators" / "mine.py").write_text(ODD)
    answer, case = Answer("Hi", tool_calls=({"function": {"name": "f"}},)), a_case()
    code = OwnEvaluatorFunction("evaluators/mine.py:changes", home)
    assert asyncio.run(code.run(case, answer)) == (True, "")
    assert (answer, case) == (Answer("Hi", tool_calls=({"function": {"name": "f"}},)), a_case())


def test_a_module_that_ends_the_program_when_it_is_imported_is_a_wrong_setting(home: Path) -> None:
    (home / "evaluators" / "mine.py").write_text("raise SystemExit(0)\n")
    with pytest.raises(SettingsError, match="SystemExit"):
        _ = OwnEvaluatorFunction("evaluators/mine.py:f", home).function
