"""The libraries of other tools read what we write.

They are heavy, and one of them brings plugins for pytest that change every test of a project: they are no part of
`dev`. Install any of `inspect_ai deepeval langfuse langsmith mlflow openai` into an environment of their own and name
its Python in EVAL_TOOLS_PYTHON; what is not there is skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.records import GoldenCase, Json
from flywheel_pipeline.steps.golden.exchange import export_cases
from flywheel_pipeline.steps.golden.exchange.criteria import to_remark
from flywheel_pipeline.steps.golden.exchange.rows import row_of
from flywheel_pipeline_tests.steps.golden.exchange.cases import BY_NAME, HOSTILE, a_real_case

PYTHON = os.environ.get("EVAL_TOOLS_PYTHON", sys.executable)
QUIET = {
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES", "DEEPEVAL_UPDATE_WARNING_OPT_IN": "NO", "LANGSMITH_TRACING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONWARNINGS": "ignore",
}  # fmt: skip
CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": "hub"}'}}
TOOLS: list[dict[str, Any]] = [
    {"role": "user", "content": "Find the hub."},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "A hub.", "tool_call_id": "c1", "name": "find"},
    {"role": "user", "content": "And its price?"},
]
CASES: list[GoldenCase] = [
    a_real_case(
        kind="happy_path", reference="No.", criteria=None, mode_id=None, context=Json('[{"content": "None."}]')
    ),
    a_real_case(TOOLS, expected_doc_ids=Json('["d1"]')),
    *(a_real_case(input=t, reference=t, criteria=t) for t in HOSTILE if t.strip()),
]


@cache
def installed(module: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([PYTHON, "-c", code], capture_output=True, timeout=60).returncode == 0


def loaded(name: str, module: str, code: str, folder: Path) -> Any:
    """What `code` prints as JSON, in the other environment, of the file `path` with the cases."""
    if not installed(module):
        pytest.skip(f"{module} is not installed: name a Python that has it in EVAL_TOOLS_PYTHON")
    form = BY_NAME[name]
    path = folder / f"golden.{form.container}"
    path.write_bytes(export_cases(CASES, form).data)
    script = f"import json\npath = {str(path)!r}\n{code}\nprint('\\n' + json.dumps(reported))"
    env = {**os.environ, **QUIET, "HOME": str(folder), "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    words = [PYTHON, "-c", script]
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def said(case: GoldenCase) -> list[str]:
    return [m["content"] or "" for m in json.loads(case.messages)]


def test_inspect_reads_samples(tmp_path: Path) -> None:
    code = """
from inspect_ai.dataset import json_dataset
reported = [[s.id, [[m.role, m.text, [[c.function, c.arguments] for c in getattr(m, 'tool_calls', None) or []]]
         for m in s.input], s.target, s.metadata['kind']] for s in json_dataset(path)]
"""
    reported = loaded("inspect", "inspect_ai", code, tmp_path)
    assert [t[0] for t in reported] == [c.case_id for c in CASES]
    assert [[m[1] for m in t[1]] for t in reported] == [said(c) for c in CASES]
    assert reported[1][1][1] == ["assistant", "", [["find", {"q": "hub"}]]]
    assert reported[0][2] == "No." and reported[1][2].endswith("There is no discount.")


def test_deepeval_reads_goldens(tmp_path: Path) -> None:
    code = """
from deepeval.dataset import EvaluationDataset
data = EvaluationDataset()
data.add_goldens_from_json_file(path)
reported = [[g.name, g.input, g.expected_output, g.comments, g.context, g.actual_output] for g in data.goldens]
"""
    reported = loaded("deepeval", "deepeval", code, tmp_path)
    assert [t[:4] for t in reported] == [[c.case_id, c.input, c.reference, to_remark(row_of(c))] for c in CASES]
    assert reported[0][4] == ["None."] and {t[5] for t in reported} == {None}


def test_langfuse_takes_dataset_items(tmp_path: Path) -> None:
    code = """
from langfuse.api import CreateDatasetItemRequest
from langfuse.api.core.pydantic_utilities import parse_obj_as
items = [parse_obj_as(CreateDatasetItemRequest, i) for i in json.load(open(path))]
reported = [[i.id, i.dataset_name, i.input, i.expected_output, i.source_trace_id, i.status.value] for i in items]
"""
    reported = loaded("langfuse", "langfuse", code, tmp_path)
    want = [[c.case_id, "golden-set", json.loads(c.messages), c.reference, "t1", "ACTIVE"] for c in CASES]
    assert reported == want


def test_langsmith_takes_examples(tmp_path: Path) -> None:
    code = """
from langsmith.schemas import ExampleCreate
made = [ExampleCreate(**json.loads(line)) for line in open(path)]
reported = [[e.inputs, e.model_dump(by_alias=True)['outputs'], e.split, str(e.id)] for e in made]
"""
    reported = loaded("langsmith", "langsmith", code, tmp_path)
    assert [t[0]["messages"] for t in reported] == [json.loads(c.messages) for c in CASES]
    assert [t[1] and t[1]["answer"] for t in reported] == [c.reference for c in CASES]
    assert [t[2] for t in reported] == [c.split for c in CASES] and len({t[3] for t in reported}) == len(CASES)


def test_mlflow_merges_records_into_an_evaluation_dataset(tmp_path: Path) -> None:
    code = """
from mlflow.genai.datasets import create_dataset
data = create_dataset(name='golden')
data.merge_records(json.load(open(path)))
reported = data.to_df()[['inputs', 'expectations', 'tags']].values.tolist()
"""
    reported = loaded("mlflow", "mlflow", code, tmp_path)
    by_id = {t[2]["case_id"]: t for t in reported}
    assert by_id.keys() == {c.case_id for c in CASES}
    for case in CASES:
        inputs, expectations, _ = by_id[case.case_id]
        assert inputs["messages"] == json.loads(case.messages)
        assert expectations.get("expected_response") == case.reference


def test_openai_takes_items_of_evals_and_training_examples(tmp_path: Path) -> None:
    code = """
import openai.types.evals.create_eval_jsonl_run_data_source_param as evals
from pydantic import TypeAdapter
check = TypeAdapter(evals.SourceFileContentContent).validate_python
reported = [check(json.loads(line))['item']['ideal'] for line in open(path)]
"""
    assert loaded("openai-evals-api", "openai", code, tmp_path) == [c.reference or "" for c in CASES]
    code = """
from openai.types.chat import ChatCompletionMessageParam
from pydantic import TypeAdapter
check = TypeAdapter(list[ChatCompletionMessageParam]).validate_python
reported = [list(check(json.loads(line)['messages'])[-1]['content']) for line in open(path)]
"""
    reported = loaded("openai-finetune", "openai", code, tmp_path)
    assert ["".join(t) for t in reported] == [c.reference for c in CASES if c.split == "train" and c.reference]
