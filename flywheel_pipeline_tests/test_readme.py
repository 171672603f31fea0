"""Every command in the README runs; its numbers, tree and links are those of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flywheel_pipeline.defs.assets import build_assets
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.records import TABLES
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline_tests.conftest import REPO

README = (REPO / "README.md").read_text("utf-8")
CHAPTERS = sorted((REPO / "flywheel_pipeline" / "steps").glob("*/README.md"))
PAGES = [
    REPO / "README.md",
    REPO / ".github" / "CONTRIBUTING.md",
    REPO / ".github" / "SECURITY.md",
    *CHAPTERS,
    REPO / "flywheel_pipeline" / "web" / "README.md",
    REPO / "flywheel_pipeline" / "defs" / "README.md",
    REPO / "flywheel_pipeline" / "web" / "annotate" / "README.md",
    REPO / "flywheel_pipeline" / "adapters" / "apps" / "README.md",
    REPO / "flywheel_pipeline" / "steps" / "capture" / "formats" / "README.md",
]


def blocks(page: Path) -> list[str]:
    """The shell blocks of a page that the tests run."""
    return [b.strip() for b in re.findall(r"^```bash\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)]


SETUP, TEST, UI, *_ = blocks(PAGES[0])
LATER = [
    pytest.param(line, id=f"{page.parent.name}: {line}")
    for page in PAGES
    for block in blocks(page)[3 if page == PAGES[0] else 0 :]
    for line in block.splitlines()
]


def environment(**more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "LITELLM_LOCAL_MODEL_COST_MAP": "True", **more}


def shell(command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-euo", "pipefail", "-c", command]
    return subprocess.run(words, cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own files, as a clone would hold them."""
    target = tmp_path_factory.mktemp("readme") / "clone"
    shutil.copytree(REPO, target, ignore=not_in_a_clone)
    return target


def not_in_a_clone(folder: str, names: list[str]) -> set[str]:
    """What tools leave behind anywhere, and what a demo in the working tree may have written into `data/`."""
    made = {
        n for n in names if n in (".git", ".venv", "__pycache__", ".hypothesis", ".history") or n.endswith("_cache")
    }
    return made | ({"lake", "llm_cache", "dagster", "taxonomy", "golden"} if Path(folder).name == "data" else set())


@pytest.fixture(scope="module")
def demo_output(clone: Path) -> str:
    done = shell(SETUP.split("&&")[1], clone)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_prints_what_the_readme_shows(demo_output: str) -> None:
    shown = re.search(r"^```\n(captured.*?)^```", README, re.M | re.S)
    assert shown
    for line in shown.group(1).splitlines():
        assert line.strip() in ("…", "") or line in demo_output.splitlines(), line


@pytest.mark.parametrize("command", LATER)
def test_every_later_command_runs(command: str, clone: Path, demo_output: str) -> None:
    if command == "flywheel run --home my-data":  # the reader has put a trace there by then
        example = re.search(r"```json\n\s*(\{.*?\})\n", README, re.S)
        assert example
        (clone / "my-data" / "traces" / "a.jsonl").write_text(example.group(1) + "\n", "utf-8")
    done = shell(command, clone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def test_the_command_for_the_ui_starts_dagster_on_the_home() -> None:
    done = shell(f"{UI} --help", REPO)
    assert done.returncode == 0 and "Dagster UI" in done.stdout  # it is started for real in defs/test_running.py


@pytest.mark.skipif(os.environ.get("CI") != "true", reason="takes minutes and an index of packages: set CI=true")
def test_the_first_command_works_in_a_fresh_environment(clone: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    fresh = f"{tmp_path / 'env' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = shell(SETUP, clone, PATH=fresh, VIRTUAL_ENV=str(tmp_path / "env"), PIP_DISABLE_PIP_VERSION_CHECK="1")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "HOLD" in done.stdout


def test_ci_runs_exactly_the_test_command() -> None:
    script = (REPO / ".ci" / "run").read_text("utf-8")
    extract = re.search(r'^command="\$\((.*)\)"$', script, re.M)
    assert extract
    assert shell(extract.group(1), REPO).stdout.strip() == TEST
    newest, oldest = script.split("fresh oldest")
    assert "pip install" not in newest, "nothing hides an installation step from the README's command"
    assert "pytest" in oldest


def test_every_table_is_in_the_readme() -> None:
    steps = re.search(r"^## The steps\n(.*?)^## ", README, re.M | re.S)
    assert steps
    named = set(re.findall(r"`(\w+)`", steps.group(1)))
    assert named & set(TABLES) == set(TABLES) - {"captured_files", "captured_traces"}
    assets = (a for a in build_assets(Scope(load_settings(REPO / "data", {}))) if hasattr(a, "keys"))
    assert {k.to_user_string() for a in assets for k in a.keys} <= named


def test_every_step_has_a_chapter_and_the_readme_links_it() -> None:
    steps = {p.name for p in (REPO / "flywheel_pipeline" / "steps").iterdir() if (p / "__init__.py").exists()}
    assert {chapter.parent.name for chapter in CHAPTERS} == steps
    assert all(f"](flywheel_pipeline/steps/{step}/README.md)" in README for step in steps)


def test_the_python_example_runs(clone: Path, demo_output: str) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    code = example.replace('"my-data"', '"data"') + "\nassert len(fw.table('failure_taxonomy')) > 3"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=clone, env=environment(), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr


def test_the_tree_is_the_real_one() -> None:
    tree = re.search(r"^```\nflywheel_pipeline/\n(.*?)^```", README, re.M | re.S)
    assert tree
    reported = set(re.findall(r"(?<![\w/])(\w+(?:\.py|/))(?=\s|$)", re.sub(r"[├└─│]", " ", tree.group(1))))
    real = {
        p.name + ("/" if p.is_dir() else "")
        for p in (REPO / "flywheel_pipeline").iterdir()
        if p.name[0] not in "_." and p.suffix != ".md"
    }
    assert reported - {"flywheel_pipeline_tests/", "data/"} == real
    for folder in ("steps", "adapters"):
        line = next(x for x in tree.group(1).splitlines() if f" {folder}/" in x)
        inside = {p.name for p in (REPO / "flywheel_pipeline" / folder).iterdir() if p.is_dir() and p.name[0] != "_"}
        assert set(line.split(f"{folder}/")[1].split()) == inside


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_links_and_pictures_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [x for x in re.findall(r"\]\(([^)\s]+)\)", text) if not x.startswith("http")]
    for link in links:
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), link


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
