"""Registries of prompts as Langfuse, MLflow and Agenta document them, in memory, behind a server on 127.0.0.1."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Reply = tuple[int, Any]
NOT_FOUND: Reply = (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"})


@dataclass
class FakeRegistry:
    """What came in, what is kept, and statuses that are answered instead, in their order; `after` it was done."""

    versions: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    faults: list[tuple[str, int]] = field(default_factory=list)
    done_all_the_same: bool = False
    url: str = ""

    def answer(self, method: str, address: str, body: Any, headers: dict[str, str]) -> Reply:
        self.requests.append((method, address, headers))
        if self.faults and self.faults[0][0] in f"{method} {address}":
            status = self.faults.pop(0)[1]
            if self.done_all_the_same:
                self.handle(method, address, body)
            return status, {"message": f"no: {headers.get('Authorization')}"}
        return self.handle(method, address, body)

    def handle(self, method: str, address: str, body: Any) -> Reply:
        raise NotImplementedError

    @property
    def production(self) -> str | None:
        raise NotImplementedError


class FakeLangfuse(FakeRegistry):
    def handle(self, method: str, address: str, body: Any) -> Reply:
        path, query = urlsplit(address).path, parse_qs(urlsplit(address).query)
        if method == "POST" and path == "/api/public/v2/prompts":
            self._take(body["labels"])
            self.versions.append({**body, "version": len(self.versions) + 1})
            return 201, self.versions[-1]
        if found := re.fullmatch(r"/api/public/v2/prompts/([^/]+)(?:/versions/(\d+))?", path):
            mine = [v for v in self.versions if v["name"] == unquote(found[1])]
            if method == "PATCH":
                self._take(body["newLabels"])
                mine[int(found[2]) - 1]["labels"] = body["newLabels"]
                return 200, mine[int(found[2]) - 1]
            label, number = query.get("label"), query.get("version")
            if label:
                mine = [v for v in mine if label[0] in v["labels"]]
            elif number:
                mine = [v for v in mine if str(v["version"]) == number[0]]
            return (200, mine[0]) if mine else NOT_FOUND
        return NOT_FOUND

    def _take(self, labels: list[str]) -> None:
        for v in self.versions:
            v["labels"] = [x for x in v["labels"] if x not in labels]

    @property
    def production(self) -> str | None:
        return next((v["prompt"] for v in self.versions if "production" in v["labels"]), None)


class FakeMlflow(FakeRegistry):
    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, list[dict[str, str]]] = {}
        self.aliases: dict[str, str] = {}

    def handle(self, method: str, address: str, body: Any) -> Reply:
        path, query = urlsplit(address).path.removeprefix("/api/2.0/mlflow"), parse_qs(urlsplit(address).query)
        if path == "/registered-models/get":
            name = query["name"][0]
            tags = self.models.get(name)
            return NOT_FOUND if tags is None else (200, {"registered_model": {"name": name, "tags": tags}})
        if path == "/registered-models/create":
            self.models[body["name"]] = body["tags"]
            return 200, {"registered_model": body}
        if path == "/registered-models/alias" and method == "POST":
            self.aliases[body["alias"]] = str(body["version"])
            return 200, {}
        if path == "/registered-models/alias":
            found = self._version(self.aliases.get(query["alias"][0]))
            return (200, {"model_version": found}) if found else (400, {"error_code": "INVALID_PARAMETER_VALUE"})
        if path == "/model-versions/create":
            self.versions.append({**body, "version": str(len(self.versions) + 1)})
            return 200, {"model_version": self.versions[-1]}
        if path == "/model-versions/search":
            wanted = re.search(r"flywheel\.version`='(\w+)'", query["filter"][0])
            assert wanted and "mlflow.prompt.is_prompt" in query["filter"][0]
            tag = {"key": "flywheel.version", "value": wanted[1]}
            return 200, {"model_versions": [v for v in self.versions if tag in v["tags"]]}
        return NOT_FOUND

    def _version(self, number: str | None) -> dict[str, Any] | None:
        return next((v for v in self.versions if v["version"] == number), None)

    @property
    def production(self) -> str | None:
        found = self._version(self.aliases.get("production"))
        return next((t["value"] for t in found["tags"] if t["key"] == "mlflow.prompt.text"), None) if found else None


class FakeAgenta(FakeRegistry):
    """`versions` are revisions of the one variant; `deployed` is that of the environment."""

    deployed: int | None = None

    def handle(self, method: str, address: str, body: Any) -> Reply:
        path = urlsplit(address).path
        assert method == "POST" and "application_ref" in (body.get("config") or body)
        if path.endswith("/fetch"):
            number = self.deployed if "environment_ref" in body else len(self.versions)
            return (200, self._config(number)) if number else (404, {"detail": "Config not found."})
        if path.endswith("/add"):
            return 200, {"params": {}, "variant_ref": {"slug": "default", "version": 0}}
        if path.endswith("/commit"):
            self.versions.append(body["config"]["params"])
            return 200, self._config(len(self.versions))
        if path.endswith("/deploy"):
            self.deployed = int(body["variant_ref"]["version"])
            return 200, self._config(self.deployed)
        return NOT_FOUND

    def _config(self, number: int) -> dict[str, Any]:
        return {"params": self.versions[number - 1], "variant_ref": {"slug": "default", "version": number}}

    @property
    def production(self) -> str | None:
        if self.deployed is None:
            return None
        return str(self.versions[self.deployed - 1]["prompt"]["messages"][0]["content"])


@contextmanager
def serving(registry: FakeRegistry) -> Iterator[str]:
    """Serve a registry until the end of the block; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            status, reply = registry.answer(self.command, self.path, body, dict(self.headers))
            data = json.dumps(reply).encode()
            self.send_response(status)
            for name, value in (("Content-Length", str(len(data))), ("Retry-After", "0")):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    registry.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield registry.url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
