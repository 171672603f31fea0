"""A branch of a git repository: a commit is made of objects alone, so that no working tree is touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path, PurePosixPath

from flywheel_pipeline.adapters.publish.target import Found, Release
from flywheel_pipeline.errors import ConflictError, PublishError

AUTHOR = ("flywheel", "flywheel@localhost")
"""Who commits where the repository names nobody."""
NEW = "0" * 40
TIMEOUT_SECONDS = 60
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")
"""Variables that git sets for its hooks, and that would have it work on their repository."""


class GitTarget:
    """One file on one branch; `path` may hold `{name}`. Every release is a commit, on top of what is there."""

    def __init__(self, repository: Path, branch: str, path: str) -> None:
        self.repository, self.branch, self.path = repository, branch, path

    @property
    def where(self) -> str:
        """See `Target`."""
        return f"git {self.repository} ({self.branch})"

    def read(self, name: str) -> Found | None:
        """See `Target`."""
        tip = self._tip()
        if tip is None:
            return None
        done = self._git("cat-file", "blob", f"{tip}:{self._place(name)}", check=False)
        return None if done.returncode else Found(done.stdout.decode("utf-8", "replace").strip(), tip)

    def write(self, release: Release, known: str | None) -> str:
        """See `Target`; a branch that is not there begins at the repository's HEAD."""
        self._refuse_checked_out()
        tip = self._tip()
        base = tip or self._commit("HEAD")
        blob = self._line("hash-object", "-w", "--stdin", data=f"{release.text}\n".encode())
        tree = self._tree(f"{base}^{{tree}}" if base else None, self._place(release.name).parts, blob)
        parents = ["-p", base] if base else []
        commit = self._line(
            *self._author(), "commit-tree", tree, *parents, "-F", "-", data=f"{release.commit_message}\n".encode()
        )
        self._move(commit, tip or NEW)
        return commit

    def _move(self, commit: str, seen: str) -> None:
        """Point the branch at a commit if it is still where it was."""
        ref = f"refs/heads/{self.branch}"
        done = self._git("update-ref", "-m", "flywheel", ref, commit, seen, check=False)
        if done.returncode:
            raise ConflictError(f"The branch {self.branch!r} of {self.repository} was moved at the same time.")

    def _tree(self, tree: str | None, parts: tuple[str, ...], blob: str) -> str:
        """Return a tree that is `tree` with the file at `parts` replaced."""
        name, rest = parts[0], parts[1:]
        rows = self._git("ls-tree", "-z", tree).stdout.split(b"\0") if tree else []
        others = [row for row in rows if row and row.split(b"\t", 1)[1] != name.encode()]
        mine = [row for row in rows if row and row.split(b"\t", 1)[1] == name.encode()]
        below = mine[0].split()[2].decode() if mine and mine[0].split()[1] == b"tree" else None
        entry = f"040000 tree {self._tree(below, rest, blob)}" if rest else f"100644 blob {blob}"
        data = b"\0".join([*others, f"{entry}\t{name}".encode()]) + b"\0"
        return self._line("mktree", "-z", data=data)

    def _place(self, name: str) -> PurePosixPath:
        place = PurePosixPath(self.path.replace("{name}", name))
        if place.is_absolute() or not place.parts or {"..", ".git"} & set(place.parts):
            raise PublishError(f"{self.path!r} is no path within a repository.")
        return place

    def _tip(self) -> str | None:
        """Return the commit of the branch; None where there is no such branch.

        Raises:
            PublishError: there is no repository, or the branch's name is none.
        """
        self._git("rev-parse", "--git-dir")
        if self._git("check-ref-format", f"refs/heads/{self.branch}", check=False).returncode:
            raise PublishError(f"{self.branch!r} is no name of a branch.")
        return self._commit(f"refs/heads/{self.branch}")

    def _commit(self, name: str) -> str | None:
        done = self._git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False)
        return None if done.returncode else done.stdout.decode().strip()

    def _refuse_checked_out(self) -> None:
        """Refuse a branch that a working tree has: its files would look changed back."""
        lines = self._git("worktree", "list", "--porcelain").stdout.decode("utf-8", "replace").splitlines()
        if f"branch refs/heads/{self.branch}" in lines:
            raise ConflictError(f"The branch {self.branch!r} is checked out in {self.repository}: name another one.")

    def _author(self) -> list[str]:
        known = self._git("config", "user.email", check=False).stdout.strip()
        return [] if known else ["-c", f"user.name={AUTHOR[0]}", "-c", f"user.email={AUTHOR[1]}"]

    def _line(self, *arguments: str, data: bytes | None = None) -> str:
        return self._git(*arguments, data=data).stdout.decode().strip()

    def _git(
        self, *arguments: str, data: bytes | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-C", str(self.repository), *arguments]
        env = {k: v for k, v in os.environ.items() if k not in ELSEWHERE}
        try:
            done = subprocess.run(command, input=data or b"", capture_output=True, timeout=TIMEOUT_SECONDS, env=env)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PublishError(f"git cannot be run: {error}") from None
        if check and done.returncode:
            problem = done.stderr.decode("utf-8", "replace").strip()[:300]
            raise PublishError(f"git in {self.repository}: {problem}")
        return done
