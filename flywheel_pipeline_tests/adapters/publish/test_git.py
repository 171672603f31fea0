"""A prompt on a branch of git: a commit without a working tree, and never over somebody else's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flywheel_pipeline.adapters.publish import GitTarget, Release
from flywheel_pipeline.errors import ConflictError, PublishError

FIRST, SECOND = Release("fern", "aaa111", "Be kind. größe", "13 fixed"), Release("fern", "bbb222", "Be brief.")


def git(repository: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(["git", "-C", str(repository), *who, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "other.md").write_text("kept\n")
    (tmp_path / "app.py").write_text("print()\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "start")
    (tmp_path / "app.py").write_text("print(1)\n")  # somebody is at work
    return tmp_path


def test_a_release_is_a_commit_on_a_branch_and_the_working_tree_stays(repository: Path) -> None:
    there = GitTarget(repository, "release", "prompts/{name}.md")
    before = git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")
    assert there.read("fern") is None
    commit = there.write(FIRST, None)
    assert (git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")) == before
    found = there.read("fern")
    assert found is not None and (found.text, found.remote) == (FIRST.text, commit)
    assert git(repository, "log", "-1", "--format=%s", "release") == "flywheel aaa111: 13 fixed"
    assert git(repository, "ls-tree", "-r", "--name-only", "release").split() == [
        "app.py", "prompts/fern.md", "prompts/other.md",
    ]  # fmt: skip
    there.write(SECOND, None)
    assert git(repository, "rev-list", "--count", "release") == "3"
    git(repository, "fsck", "--strict")


def test_a_branch_that_was_moved_meanwhile_is_a_conflict(repository: Path) -> None:
    git(repository, "branch", "release")

    class Raced(GitTarget):
        def _author(self) -> list[str]:
            tree = git(repository, "write-tree")
            other = git(repository, "commit-tree", tree, "-p", "release", "-m", "mine")
            git(repository, "update-ref", "refs/heads/release", other)
            return super()._author()

    with pytest.raises(ConflictError, match="moved at the same time"):
        Raced(repository, "release", "fern.md").write(FIRST, None)
    assert git(repository, "log", "-1", "--format=%s", "release") == "mine"


def test_a_branch_that_is_checked_out_is_left_alone(repository: Path) -> None:
    with pytest.raises(ConflictError, match="checked out"):
        GitTarget(repository, "main", "fern.md").write(FIRST, None)


def test_an_empty_repository_gets_its_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare")
    there = GitTarget(tmp_path, "prompts", "a/b/{name}.md")
    there.write(FIRST, None)
    found = there.read("fern")
    assert found is not None and found.text == FIRST.text


@pytest.mark.parametrize(
    ("branch", "path", "reported"),
    [
        ("a..b", "x.md", "no name of a branch"),
        ("-x y", "x.md", "no name"),
        ("p", "../x.md", "no path"),
        ("p", "/x", "no path"),
    ],
)
def test_names_that_are_none_are_refused(repository: Path, branch: str, path: str, reported: str) -> None:
    with pytest.raises(PublishError, match=reported):
        GitTarget(repository, branch, path).write(FIRST, None)


def test_a_folder_that_is_no_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="not a git repository"):
        GitTarget(tmp_path, "p", "x.md").read("fern")


def test_a_hook_of_another_repository_does_not_take_the_place_of_this_one(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    commit = GitTarget(repository, "release", "prompts/{name}.md").write(FIRST, None)
    monkeypatch.delenv("GIT_DIR")
    assert git(repository, "rev-parse", "release") == commit
