"""Agenta: `POST /api/variants/configs/{fetch,add,commit,deploy}`; an environment points at a revision of a variant.

A configuration holds more than the prompt (model, other messages, tools). All of it stays as it is there: only the
text of its first system message is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.adapters.publish.http import Api, field_of
from flywheel_pipeline.adapters.publish.target import Found, Release
from flywheel_pipeline.errors import PublishError

PATH = "/api/variants/configs"
MISSING = (400, 404)
"""What Agenta answers for an environment, a variant or an application that is not there."""


class AgentaTarget:
    """The system message of one variant of an Agenta application, deployed to an environment.

    `key` is the part of the configuration that holds the prompt, with its `messages`.
    """

    def __init__(self, url: str, app: str, variant: str, environment: str, key: str, api_key: str) -> None:
        self.api = Api(url.rstrip("/"), {"Authorization": f"ApiKey {api_key}"} if api_key else {}, (api_key,))
        self.app, self.variant, self.environment, self.key = app, variant, environment, key

    @property
    def where(self) -> str:
        """See `Target`."""
        return f"agenta {self.api.url} ({self.app}, {self.variant}, {self.environment})"

    def read(self, name: str) -> Found | None:
        """See `Target`."""
        body = self._fetch({"environment_ref": _ref(self.environment)})
        text = self._system(field_of(body, "params"))
        return None if text is None else Found(text, str(field_of(body, "variant_ref", "version") or ""))

    def write(self, release: Release, known: str | None) -> str:
        """See `Target`."""
        variant, application = _ref(self.variant), _ref(self.app)
        body = self._fetch({"variant_ref": variant})
        if body is None:
            body = self.api.send("POST", f"{PATH}/add", {"variant_ref": variant, "application_ref": application})
        params = field_of(body, "params")
        if self._system(params) != release.text:
            reason = {**variant, "commit_message": release.commit_message}
            config = {"params": self._with(params, release.text), "variant_ref": reason, "application_ref": application}
            body = self.api.send("POST", f"{PATH}/commit", {"config": config})
        revision = field_of(body, "variant_ref", "version")
        if revision is None:
            raise PublishError(f"{self.api.url} committed a prompt and did not say which revision it is.")
        self.api.send("POST", f"{PATH}/deploy", {
            "variant_ref": {**variant, "version": revision}, "environment_ref": _ref(self.environment),
            "application_ref": application,
        }, again=True)  # fmt: skip
        return str(revision)

    def _fetch(self, what: Mapping[str, Any]) -> Any:
        """Return a configuration; None where there is none. Reading is a POST at Agenta."""
        return self.api.ask(f"{PATH}/fetch", {**what, "application_ref": _ref(self.app)}, MISSING)

    def _system(self, params: Any) -> str | None:
        messages = field_of(params, self.key, "messages")
        found = [m for m in messages if field_of(m, "role") == "system"] if isinstance(messages, list) else []
        text = field_of(found[0], "content") if found else None
        return text if isinstance(text, str) else None

    def _with(self, params: Any, text: str) -> dict[str, Any]:
        """Return the configuration with another system message."""
        whole = dict(params) if isinstance(params, Mapping) else {}
        part = dict(whole.get(self.key) or {})
        messages = list(part.get("messages") or [])
        at = next((n for n, m in enumerate(messages) if field_of(m, "role") == "system"), None)
        if at is None:
            messages.insert(0, {"role": "system", "content": text})
        else:
            messages[at] = {**messages[at], "content": text}
        part["messages"] = messages
        return {**whole, self.key: part}


def _ref(slug: str) -> dict[str, Any]:
    return {"slug": slug, "version": None, "id": None}
