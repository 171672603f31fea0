"""Half-written labels, so that a reload, a crash or another machine finds them again."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flywheel_pipeline.atomic_write import replace_text
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.web.annotate.journal import FOLDER, file_name_of

Draft = Mapping[str, Any]


class Drafts:
    """The drafts of one annotator, {item key: fields of a label}, in one small file that is replaced as a whole."""

    def __init__(self, labels: Path, annotator: str) -> None:
        self.path = labels / FOLDER / f"{file_name_of(annotator)}.drafts.json"
        self._alone = threading.Lock()

    def all(self) -> dict[str, Draft]:
        """Return all drafts.

        Raises:
            CorruptFileError: the file is not a JSON object.
        """
        if not self.path.exists():
            return {}
        try:
            drafts = json.loads(self.path.read_bytes())
        except ValueError as error:
            raise CorruptFileError(f"{self.path} is not JSON: {error}. Restore or delete the file.") from None
        if not isinstance(drafts, dict):
            raise CorruptFileError(f"{self.path} is not a JSON object. Restore or delete the file.")
        return drafts

    def keep(self, key: str, draft: Draft | None) -> None:
        """Make `draft` the one of an item, or discard that of the item (None); it is on the disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        with self._alone:
            before = self.all()
            after = {k: d for k, d in before.items() if k != key} | ({key: draft} if draft else {})
            if after != before:
                replace_text(self.path, json.dumps(after))
