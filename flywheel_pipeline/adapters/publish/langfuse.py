"""Langfuse: `GET` and `POST /api/public/v2/prompts`, `PATCH …/versions/{version}`; labels point at versions."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

from flywheel_pipeline.adapters.publish.http import Api, field_of
from flywheel_pipeline.adapters.publish.target import Found, Release
from flywheel_pipeline.errors import PublishError

PATH = "/api/public/v2/prompts"


class LangfuseTarget:
    """A text prompt of a Langfuse project; every release is a version of it, and the label is moved to it."""

    def __init__(self, url: str, label: str, public_key: str, secret_key: str) -> None:
        token = b64encode(f"{public_key}:{secret_key}".encode()).decode()
        self.api = Api(url.rstrip("/"), {"Authorization": f"Basic {token}"}, (secret_key, token))
        self.label = label

    @property
    def where(self) -> str:
        """See `Target`."""
        return f"langfuse {self.api.url} ({self.label})"

    def read(self, name: str) -> Found | None:
        """See `Target`."""
        body = self.api.get(f"{PATH}/{quote(name, safe='')}", {"label": self.label})
        if body is None:
            return None
        text, version = field_of(body, "prompt"), field_of(body, "version")
        if not isinstance(text, str) or version is None:
            raise PublishError(f"The prompt {name!r} at {self.api.url} is no text prompt: name another in its place.")
        return Found(text, str(version))

    def write(self, release: Release, known: str | None) -> str:
        """See `Target`; Langfuse removes the label from the version that has it."""
        path = f"{PATH}/{quote(release.name, safe='')}"
        if known is not None and field_of(self.api.get(path, {"version": known}), "prompt") == release.text:
            self.api.send("PATCH", f"{path}/versions/{quote(known)}", {"newLabels": [self.label]}, again=True)
            return known
        body = self.api.send("POST", PATH, {
            "type": "text", "name": release.name, "prompt": release.text, "labels": [self.label],
            "config": {"flywheel_version": release.version, "model": release.model, **release.parameters},
            "commitMessage": release.commit_message,
        })  # fmt: skip
        version = field_of(body, "version")
        if version is None:
            raise PublishError(f"{self.api.url} created a prompt and did not say which version it is.")
        return str(version)
