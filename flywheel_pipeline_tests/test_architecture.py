"""The rules of the house: who imports whom, how large things may grow, what a step may not touch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flywheel_pipeline_tests.conftest import REPO

PACKAGE, TESTS = REPO / "flywheel_pipeline", REPO / "flywheel_pipeline_tests"
SOURCES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE, MAX_FUNCTION, MAX_ASSET, MAX_COMMAND = 400, 60, 15, 12
ASSET_DECORATORS = {"asset", "multi_asset"}
COMMAND_DECORATORS = {"command"}
OUTSIDE = {"open", "print", "input"}
OUTSIDE_MODULES = {"os", "socket", "subprocess", "pathlib", "time", "requests", "urllib", "shutil", "tempfile"}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=REPO, capture_output=True, text=True, timeout=300)


def test_imports_keep_their_direction() -> None:
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(script)], cwd=REPO, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


def test_ruff_finds_nothing() -> None:
    done = run("ruff", "check", "flywheel_pipeline", "flywheel_pipeline_tests", "--output-format", "concise")
    assert done.returncode == 0, done.stdout


def test_the_code_is_formatted() -> None:
    done = run("ruff", "format", "--check", "flywheel_pipeline", "flywheel_pipeline_tests")
    assert done.returncode == 0, done.stdout


def test_types_are_sound() -> None:
    done = run("mypy")
    assert done.returncode == 0, done.stdout


def has_code(path: Path) -> bool:
    tree = ast.parse(path.read_text("utf-8"))
    return any(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for n in tree.body)


def test_every_module_has_a_test_file_that_its_path_finds() -> None:
    """`a/b.py` is tested in `a/test_b.py`, `a/__init__.py` in `a/test_a.py`, or a test file lists them in `COVERS`."""
    covered: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        listed = re.search(r"^COVERS = \((.*?)\)", path.read_text("utf-8"), re.M | re.S)
        covered |= set(re.findall(r'"([^"]+)"', listed.group(1))) if listed else set()
    modules = {str(p.relative_to(PACKAGE)) for p in SOURCES if has_code(p)}
    assert covered <= {str(p.relative_to(PACKAGE)) for p in SOURCES}, "COVERS names modules that are not there"
    lost = []
    for module in sorted(modules - covered):
        path = Path(module)
        name = path.parent.name if path.name == "__init__.py" else path.stem
        if not (TESTS / path.parent / f"test_{name}.py").exists():
            lost.append(module)
    assert not lost


BANNED = re.compile(r"\b(can not|told|likeness|runs of letters|hand(ed|s)? in|takes? back|looked through)\b", re.I)
PROSE = {".py", ".md", ".html", ".js", ".yaml", ".sql"}
NOT_OURS = ("known_failures.md", "demo/documents/", "demo/home/", "adapters/llm/offline/")
"""Text of a made-up company and of its users."""


def test_words_that_make_a_reader_stumble_do_not_come_back() -> None:
    pages = [*REPO.glob("*.md"), *(REPO / ".github").rglob("*.md"), *PACKAGE.rglob("*")]
    ours = [p for p in pages if p.suffix in PROSE and not any(part in str(p) for part in NOT_OURS)]
    found = [
        f"{p.relative_to(REPO)}:{n}: {line.strip()[:100]}"
        for p in ours
        for n, line in enumerate(p.read_text("utf-8").splitlines(), 1)
        if BANNED.search(line)
    ]
    assert not found, "\n".join(found)


def test_files_stay_small() -> None:
    tests = (REPO / "flywheel_pipeline_tests").rglob("*.py")
    large = {str(p): n for p in [*SOURCES, *tests] if (n := len(p.read_text("utf-8").splitlines())) > MAX_FILE}
    assert not large


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def names(decorators: list[ast.expr]) -> set[str]:
    called = [d.func if isinstance(d, ast.Call) else d for d in decorators]
    return {d.attr if isinstance(d, ast.Attribute) else getattr(d, "id", "") for d in called}


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    statements = node.body[1:] if ast.get_docstring(node) else node.body
    return statements[-1].end_lineno - statements[0].lineno + 1 if statements else 0  # type: ignore[operator]


def limit_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    decorators = names(node.decorator_list)
    if decorators & ASSET_DECORATORS:
        return MAX_ASSET
    return MAX_COMMAND if decorators & COMMAND_DECORATORS else MAX_FUNCTION


def test_functions_stay_small() -> None:
    large = [f"{p.name}:{f.name} has {n}" for p, f in functions() if (n := body_lines(f)) > limit_of(f)]
    assert not large


@pytest.mark.parametrize("path", sorted((PACKAGE / "steps").rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_step_touches_nothing_outside(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    imported = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imported |= {(n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    clocks = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)} & {"now", "utcnow", "today"}
    pure_paths = "from pathlib import PurePath" in path.read_text("utf-8")
    assert not (imported & OUTSIDE_MODULES) - ({"pathlib"} if pure_paths else set())
    assert not called & OUTSIDE
    assert not {c for c in clocks if c != "now" or "datetime.now" in path.read_text("utf-8")}


def test_the_environment_is_read_in_one_place() -> None:
    others = {
        "calling.py",
        "dagster_runs.py",
        "instance.py",
        "masking.py",
        "progress.py",
        "prompts.py",
        "otlp_http.py",
        "git.py",
    }  # fmt: skip; what they read concerns other programs
    readers = [p for p in SOURCES if "os.environ" in p.read_text("utf-8")]
    readers = [p for p in readers if p.parent.name != "settings" and p.name not in others]
    assert not readers


def test_definitions_load_without_heavy_imports() -> None:
    code = (
        "import sys, flywheel_pipeline.definitions as d; d.defs();"
        "print([m for m in ('litellm', 'sklearn', 'great_expectations', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


def test_dagster_files_agree() -> None:
    import yaml

    from flywheel_pipeline.defs.instance import WORKSPACE, instance_config

    assert yaml.safe_load((REPO / "dagster.yaml").read_text("utf-8")) == instance_config("data/dagster")
    assert yaml.safe_load((REPO / "workspace.yaml").read_text("utf-8")) == WORKSPACE


def test_no_test_mocks_or_sleeps_for_long() -> None:
    tests = [p for p in (REPO / "flywheel_pipeline_tests").rglob("*.py") if p != Path(__file__)]
    banned = ("mock.patch", "MagicMock", "pytest.mark.xfail")
    assert not [f"{p.name}: {b}" for p in tests for b in banned if b in p.read_text("utf-8")]
