"""The prompt registry: every version is a file that is never changed, `production.yaml` points at one."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from flywheel_pipeline.atomic_write import locked, replace_text
from flywheel_pipeline.errors import CorruptFileError, GateError
from flywheel_pipeline.records import PromptVersion

POINTER = "production.yaml"


class Registry:
    """The prompts of one home: `<version>.md` with a YAML head, and the pointer for production."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def production(self) -> PromptVersion | None:
        """Return the prompt in production, None before the first one.

        Raises:
            CorruptFileError: the pointer or the prompt it names cannot be read.
        """
        history = self.history()
        return self.get(history[-1]) if history else None

    def history(self) -> list[str]:
        """Return the versions that were in production, oldest first; the last one is in production."""
        path = self.root / POINTER
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {"history": []}
            versions = content["history"]
            if not isinstance(versions, list):
                raise TypeError("history is not a list")
        except (yaml.YAMLError, ValueError, TypeError, KeyError) as error:
            raise CorruptFileError(f"{path} must hold `history: [version, …]`: {error!r}. Restore it.") from None
        return [str(v) for v in versions]

    def get(self, version: str) -> PromptVersion:
        """Return one version.

        Raises:
            CorruptFileError: there is no such file, or it is damaged.
        """
        path = self.root / f"{version}.md"
        try:
            _, head, text = re.split(r"^---\n", path.read_text(encoding="utf-8"), maxsplit=2, flags=re.MULTILINE)
            about = yaml.safe_load(head)
            return PromptVersion(version, about["name"], text.strip(), about["base_version"], about["note"])
        except (OSError, yaml.YAMLError, ValueError, TypeError, KeyError) as error:
            raise CorruptFileError(f"{path} is not a prompt version ({error!r}). Restore it.") from None

    def add(self, prompt: PromptVersion) -> None:
        """Keep a version; an existing one stays as it is."""
        head = {"name": prompt.name, "base_version": prompt.base_version, "note": prompt.note}
        path = self.root / f"{prompt.version}.md"
        if not path.exists():
            replace_text(path, f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n{prompt.text}\n")

    def promote(self, version: str) -> None:
        """Make a kept version the production prompt; the one before stays in the history."""
        self.get(version)
        with locked(self.root):
            history = self.history()
            if history[-1:] != [version]:
                replace_text(self.root / POINTER, yaml.safe_dump({"history": [*history, version]}))

    def roll_back(self) -> PromptVersion:
        """Make the previous production prompt the production prompt again, and return it.

        Raises:
            GateError: there is none.
        """
        history = self.history()
        if len(history) < 2:
            raise GateError("There is no earlier production prompt to roll back to.")
        self.promote(history[-2])
        return self.get(history[-2])
