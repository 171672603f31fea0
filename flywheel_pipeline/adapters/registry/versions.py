"""Prompt versions as files, `<version>.md`, and what is done with labels on them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from flywheel_pipeline.adapters.registry.labels import PRODUCTION, LabelFile, Labels, Move
from flywheel_pipeline.atomic_write import replace_text
from flywheel_pipeline.errors import CorruptFileError, GateError
from flywheel_pipeline.records import Json, PromptVersion

HEAD = ("name", "base_version", "note", "author", "model", "parameters")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")


class Registry:
    """The prompts of one home: `<version>.md`, a JSON head and the text, and the labels that point at them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._labels = LabelFile(root)

    def labels(self) -> Labels:
        """Return the labels and all their moves.

        Raises:
            CorruptFileError: the file of labels is damaged.
        """
        return self._labels.read()

    def production(self) -> PromptVersion | None:
        """Return the prompt in production, None before the first one.

        Raises:
            CorruptFileError: the labels or the prompt that they name cannot be read.
        """
        history = self.history()
        return self.get(history[-1]) if history else None

    def history(self, label: str = PRODUCTION) -> list[str]:
        """Return the versions that a label pointed at, oldest first; the last one is the present one."""
        return self.labels().history(label)

    def versions(self) -> list[PromptVersion]:
        """Return all versions, by their names."""
        return [self.get(p.stem) for p in sorted(self.root.glob("*.md"))]

    def find(self, name: str) -> str:
        """Return the version that `name`, a label or the beginning of a version, stands for.

        Raises:
            GateError: none, or several, do.
        """
        now = self.labels().now()
        if name in now:
            return str(now[name].version)
        found = [p.stem for p in sorted(self.root.glob("*.md")) if p.stem.startswith(name)]
        if len(found) != 1:
            raise GateError(f"{'No' if not found else 'More than one'} label or prompt version begins with {name!r}.")
        return found[0]

    def get(self, version: str) -> PromptVersion:
        """Return one version.

        Raises:
            CorruptFileError: there is no such file, or it is damaged.
        """
        path = self.root / f"{version}.md"
        try:
            if not VERSION.fullmatch(version):
                raise ValueError("not the name of a version")
            _, head, text = re.split(r"^---\n", path.read_text(encoding="utf-8"), maxsplit=2, flags=re.MULTILINE)
            about = yaml.safe_load(head)
            return PromptVersion(
                version,
                about["name"],
                text.strip(),
                about["base_version"],
                about["note"],
                str(about.get("author") or ""),
                about.get("model"),
                Json(json.dumps(about.get("parameters") or {}, sort_keys=True)),
            )
        except (OSError, yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CorruptFileError(f"{path} is not a prompt version ({error!r}). Restore it.") from None

    def add(self, prompt: PromptVersion) -> None:
        """Keep a version; an existing one stays as it is."""
        path = self.root / f"{prompt.version}.md"
        if not path.exists():
            about = {k: getattr(prompt, k) for k in HEAD[:3]}
            more = {"author": prompt.author, "model": prompt.model, "parameters": json.loads(prompt.parameters)}
            head = json.dumps({**about, **{k: v for k, v in more.items() if v}}, ensure_ascii=False, indent=1)
            replace_text(path, f"---\n{head}\n---\n{prompt.text}\n")

    def move(self, move: Move, seen: str | None = None) -> None:
        """Move a label; `seen` is the state of the labels that the decision was made on (`Labels.seen`).

        Raises:
            ConflictError: a label was moved in the meantime.
            CorruptFileError: there is no such version.
        """
        if move.version is not None:
            self.get(move.version)
        self._labels.append(move, seen)

    def promote(self, version: str, *, at: str = "", by: str = "", message: str = "", seen: str | None = None) -> None:
        """Make a kept version the production prompt; the one before stays in the history.

        Raises:
            ConflictError: a label was moved since it was `seen`.
            CorruptFileError: there is no such version.
        """
        labels = self.labels()
        present = labels.now().get(PRODUCTION)
        self.get(version)
        if present is None or present.version != version or present.canary:
            self.move(Move(PRODUCTION, version, at, by, message), labels.seen if seen is None else seen)

    def roll_back(self, label: str = PRODUCTION, *, at: str = "", by: str = "", message: str = "") -> PromptVersion:
        """Make the previous version of a label the present one again, and return it.

        Raises:
            GateError: there is none.
            ConflictError: a label was moved in the meantime.
        """
        labels = self.labels()
        history = labels.history(label)
        if len(history) < 2:
            raise GateError(f"There is no earlier {label} prompt to roll back to.")
        self.move(Move(label, history[-2], at, by, message or f"rolled back from {history[-1]}"), labels.seen)
        return self.get(history[-2])
