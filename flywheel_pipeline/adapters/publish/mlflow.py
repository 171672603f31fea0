"""MLflow's prompt registry over REST: a prompt is a registered model with the tag `mlflow.prompt.is_prompt`.

`mlflow.genai.register_prompt` makes the same requests: the text is the tag `mlflow.prompt.text` of a model version, and
an alias points at the version that applications load (`prompts:/NAME@ALIAS`).
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from flywheel_pipeline.adapters.publish.http import Api, field_of
from flywheel_pipeline.adapters.publish.target import Found, Release
from flywheel_pipeline.errors import PublishError

BASE = "/api/2.0/mlflow"
IS_PROMPT, TEXT, VERSION = "mlflow.prompt.is_prompt", "mlflow.prompt.text", "flywheel.version"
SOURCE = "prompt-template"


class MlflowTarget:
    """A prompt of an MLflow server; every release is a version of it, and the alias is moved to it."""

    def __init__(self, url: str, alias: str, token: str = "", user: tuple[str, str] = ("", "")) -> None:
        basic = b64encode(":".join(user).encode()).decode() if any(user) else ""
        shown = f"Bearer {token}" if token else f"Basic {basic}" if basic else ""
        self.api = Api(url.rstrip("/"), {"Authorization": shown} if shown else {}, (token, basic, user[1]))
        self.alias = alias

    @property
    def where(self) -> str:
        """See `Target`."""
        return f"mlflow {self.api.url} ({self.alias})"

    def read(self, name: str) -> Found | None:
        """See `Target`."""
        query = {"name": name, "alias": self.alias}  # a missing alias is answered with status 400
        body = self.api.get(f"{BASE}/registered-models/alias", query, missing=(400, 404))
        version = field_of(body, "model_version")
        if version is None:
            return None
        text = _tags(version).get(TEXT)
        if text is None:
            raise PublishError(f"{name!r} at {self.api.url} is a model and no prompt: name another in its place.")
        return Found(text, str(version["version"]))

    def write(self, release: Release, known: str | None) -> str:
        """See `Target`."""
        self._register(release.name)
        version = self._existing(release) or self._create(release)
        body = {"name": release.name, "alias": self.alias, "version": version}
        self.api.send("POST", f"{BASE}/registered-models/alias", body, again=True)
        return version

    def _register(self, name: str) -> None:
        """Create the prompt unless it is there."""
        body = self.api.get(f"{BASE}/registered-models/get", {"name": name})
        if body is None:
            tags = [{"key": IS_PROMPT, "value": "true"}]
            self.api.send("POST", f"{BASE}/registered-models/create", {"name": name, "tags": tags})
        elif _tags(field_of(body, "registered_model")).get(IS_PROMPT) != "true":
            raise PublishError(f"{name!r} at {self.api.url} is a model and no prompt: name another in its place.")

    def _existing(self, release: Release) -> str | None:
        """Return the version that this release has been published as, so that it is created once."""
        name = release.name.replace("'", "")
        wanted = f"name='{name}' AND tags.`{VERSION}`='{release.version}' AND tags.`{IS_PROMPT}`='true'"
        body = self.api.get(f"{BASE}/model-versions/search", {"filter": wanted})
        found = [v for v in field_of(body, "model_versions") or [] if _tags(v).get(TEXT) == release.text]
        return str(found[0]["version"]) if found else None

    def _create(self, release: Release) -> str:
        tags = {IS_PROMPT: "true", TEXT: release.text, VERSION: release.version}
        body = self.api.send("POST", f"{BASE}/model-versions/create", {
            "name": release.name, "source": SOURCE, "description": release.commit_message,
            "tags": [{"key": k, "value": v} for k, v in tags.items()],
        })  # fmt: skip
        version = field_of(body, "model_version", "version")
        if version is None:
            raise PublishError(f"{self.api.url} created a prompt and did not say which version it is.")
        return str(version)


def _tags(entity: Any) -> dict[str, str]:
    tags = field_of(entity, "tags")
    return {str(t.get("key")): str(t.get("value")) for t in tags} if isinstance(tags, list) else {}
