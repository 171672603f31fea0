"""Read a prompt in an application, in one line; only the standard library is imported.

    from flywheel_pipeline import prompts

    prompt = prompts.get("support", variables={"customer": name}, key=session_id)
    answer = call_model(system=prompt.text)
    span.set_attributes(prompt.attributes())  # so that traces come back with their prompt version

Where prompts come from is `FLYWHEEL_PROMPTS`: the URL of `flywheel serve` (which gets `FLYWHEEL_TOKEN`), or a flywheel
home; without it `FLYWHEEL_HOME`, else `data`. A prompt is kept for `FRESH_SECONDS`; after that the kept one is still
returned at once and refreshed in a thread. The last good copy is also on disk, so that an application starts while the
source is down. A source that is down is logged and never an error while there is a copy; a label that was removed is an
error `REMOVED_SECONDS` after it was last seen.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FRESH_SECONDS = 60.0
REMOVED_SECONDS = 600.0
TIMEOUT_SECONDS = 5.0
LONGEST = 5_000_000
VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*\}\}")

log = logging.getLogger(__name__)


class PromptError(Exception):
    """There is no prompt: the source cannot be read and there is no copy, or a variable has no value."""


class PromptNotFoundError(PromptError):
    """There is no such label, or the labelled prompt has another name."""


@dataclass(frozen=True)
class Prompt:
    """A prompt with its variables filled in; `template` has them still. `str(prompt)` is the text.

    `age_seconds` is how long ago the source was last seen to hold it, `canary` whether it is the version of a canary.
    """

    name: str
    label: str
    version: str
    text: str
    template: str
    model: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    canary: bool = False
    age_seconds: float = 0.0

    def __str__(self) -> str:
        return self.text

    def attributes(self) -> dict[str, str]:
        """Return the attributes for the application's span, which bring its traces back with this version."""
        return {"gen_ai.prompt.name": self.name, "gen_ai.prompt.version": self.version}


def get(
    name: str | None = None,
    *,
    label: str = "production",
    variables: Mapping[str, Any] | None = None,
    key: str | None = None,
    source: str | Path | None = None,
) -> Prompt:
    """Return the prompt that `label` points at.

    Args:
        name: the prompt's name (`app.prompt_name` of the home); a label on another prompt is an error.
        label: `production`, or any other label of the registry.
        variables: values of the template's `{{variables}}`; without any the template is returned as it is.
        key: the session or user. Who is in a canary depends on it and on nothing else, so that a session keeps its
            version, also in another process; without a key nobody is in a canary.
        source: a URL of `flywheel serve` or a flywheel home, instead of that of the environment.

    Raises:
        PromptNotFoundError: there is no such label, or it is on a prompt of another name.
        PromptError: the source cannot be read and no copy of the prompt is left, or a variable has no value.
    """
    place = str(source or os.environ.get("FLYWHEEL_PROMPTS") or os.environ.get("FLYWHEEL_HOME") or "data")
    found = _entry(place, label).read()
    served, canary = found["content"], False
    if key is not None and found["content"].get("canary") and in_canary(served["canary"], key):
        served, canary = {**served, **served["canary"]}, True
    if name is not None and served["name"] != name:
        raise PromptNotFoundError(f"The label {label!r} is on the prompt {served['name']!r}, not on {name!r}.")
    template = str(served["text"])
    return Prompt(
        served["name"], label, served["version"], fill(template, variables or {}), template, served.get("model"),
        dict(served.get("parameters") or {}), canary, max(0.0, time.time() - found["seen_at"]),
    )  # fmt: skip


def fill(template: str, variables: Mapping[str, Any]) -> str:
    """Return a template with the values of its `{{variables}}`; a value is never searched for variables itself.

    Without any values the template is returned as it is: its braces may mean something else.

    Raises:
        PromptError: the template has a variable without a value; the message names it.
    """
    missing = sorted({m[1] for m in VARIABLE.finditer(template)} - set(variables)) if variables else []
    if missing:
        raise PromptError(f"The prompt needs a value for {', '.join(missing)}.")
    return VARIABLE.sub(lambda m: str(variables[m[1]]), template) if variables else template


def in_canary(canary: Mapping[str, Any], key: str) -> bool:
    """Return whether a session or user belongs to the canary's share of traffic; the same in every process."""
    digest = hashlib.sha256(f"{canary['canary_id']}\x00{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < float(canary["share"]) * 2**64


def read_home(home: Path, label: str) -> dict[str, Any]:
    """Return what a label of a home's registry points at, as `flywheel serve` sends it.

    Raises:
        PromptNotFoundError: there is no such label.
        PromptError: the registry cannot be read.
    """
    folder, row = home / "prompts", None
    try:
        for line in (folder / "labels.jsonl").read_text("utf-8").split("\n"):  # a message may hold other line ends
            moved = json.loads(line) if line.strip() else {}
            row = moved if moved.get("label") == label else row
        if row is None or row.get("version") is None:
            raise PromptNotFoundError(f"There is no label {label!r} in {folder}.")
        canary = row.get("canary")
        found = {"label": label, **_version(folder, row["version"])}
        return {**found, "canary": {**canary, **_version(folder, canary["version"])}} if canary else found
    except FileNotFoundError as error:
        if error.filename and str(error.filename).endswith("labels.jsonl") and folder.is_dir():
            raise PromptNotFoundError(f"There is no label {label!r} in {folder}.") from None
        raise PromptError(f"{error.filename} is not there: {home} is no flywheel home with prompts.") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PromptError(f"The prompts in {folder} cannot be read: {error!r}") from None


def _version(folder: Path, version: str) -> dict[str, Any]:
    if not re.fullmatch(r"[\w-]{1,64}", version):
        raise ValueError(f"{version!r} is not the name of a version")
    _, head, text = re.split(r"^---\n", (folder / f"{version}.md").read_text("utf-8"), maxsplit=2, flags=re.MULTILINE)
    about = json.loads(head)
    more = {"model": about.get("model"), "parameters": about.get("parameters") or {}}
    return {"version": version, "name": about["name"], "text": text.strip(), **more}


def _read_url(url: str, label: str, etag: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """Return (content, ETag); the content is None where it is still that of `etag`."""
    import urllib.error  # takes longer to import than all the rest, and a home on disk does not need it
    import urllib.parse
    import urllib.request

    request = urllib.request.Request(f"{url.rstrip('/')}/v1/prompts/{urllib.parse.quote(label, safe='')}")
    token = os.environ.get("FLYWHEEL_TOKEN")
    headers = {"Authorization": f"Bearer {token}" if token else None, "If-None-Match": etag}
    for header, value in headers.items():
        if value:
            request.add_header(header, value)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            content = json.loads(answer.read(LONGEST))
            if not isinstance(content, dict) or not {"name", "version", "text"} <= set(content):
                raise PromptError(f"{url} does not answer with a prompt: is it the address of `flywheel serve`?")
            return content, answer.headers.get("ETag")
    except urllib.error.HTTPError as error:
        if error.code == 304:
            return None, etag
        if error.code == 404:
            raise PromptNotFoundError(f"There is no label {label!r} at {url}.") from None
        raise PromptError(f"{url} answered {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        raise PromptError(f"{url} cannot be read: {error}") from None


class _Entry:
    """One label of one source: what is known of it, and when it is asked for again."""

    def __init__(self, source: str, label: str) -> None:
        self.source, self.label = source, label
        self.known: dict[str, Any] | None = None
        self.next_at = 0.0
        self.gone: PromptNotFoundError | None = None
        self.lock = threading.Lock()
        self.refreshing = threading.Lock()

    def read(self) -> dict[str, Any]:
        with self.lock:
            if self.known is None:
                self._first()
        known = self.known
        assert known is not None
        if time.monotonic() >= self.next_at and self.refreshing.acquire(blocking=False):
            threading.Thread(target=self._refresh, name="flywheel-prompts", daemon=True).start()
        if self.gone is not None and time.time() - known["seen_at"] >= REMOVED_SECONDS:
            raise self.gone
        return known

    def _first(self) -> None:
        try:
            self._fetch()
        except PromptError as error:
            kept = _kept(self.source, self.label)
            if kept is None:
                raise
            log.warning("%s; the copy of %.0f seconds ago is used", error, time.time() - kept["seen_at"])
            self.known, self.next_at = kept, time.monotonic() + FRESH_SECONDS
            self.gone = error if isinstance(error, PromptNotFoundError) else None

    def _refresh(self) -> None:
        try:
            self._fetch()
        except PromptError as error:
            self.gone = error if isinstance(error, PromptNotFoundError) else self.gone
            self.next_at = time.monotonic() + FRESH_SECONDS
            log.warning("%s; the copy is used", error)
        finally:
            self.refreshing.release()

    def _fetch(self) -> None:
        etag = self.known.get("etag") if self.known else None
        if self.source.startswith(("http://", "https://")):
            content, etag = _read_url(self.source, self.label, etag)
        else:
            content = read_home(Path(self.source), self.label)
        content = self.known["content"] if content is None and self.known else content
        self.known = {"content": content, "etag": etag, "seen_at": time.time()}
        self.next_at, self.gone = time.monotonic() + FRESH_SECONDS, None
        _keep(self.source, self.label, self.known)


_entries: dict[tuple[str, str], _Entry] = {}
_entries_lock = threading.Lock()


def _entry(source: str, label: str) -> _Entry:
    with _entries_lock:
        return _entries.setdefault((source, label), _Entry(source, label))


def _copy_of(source: str, label: str) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    where = source if source.startswith("http") else str(Path(source).absolute())
    return Path(cache) / "flywheel" / f"{hashlib.sha256(f'{where} {label}'.encode()).hexdigest()[:20]}.json"


def _kept(source: str, label: str) -> dict[str, Any] | None:
    try:
        kept = json.loads(_copy_of(source, label).read_text("utf-8"))
        return kept if {"name", "version", "text"} <= set(kept["content"]) and kept["seen_at"] else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _keep(source: str, label: str, known: Mapping[str, Any]) -> None:
    """Write the last good copy for the next process; a disk that is full or read-only costs only that."""
    path = _copy_of(source, label)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(known, file)
        Path(name).replace(path)
    except OSError as error:
        log.warning("The copy of a prompt could not be kept: %s", error)
