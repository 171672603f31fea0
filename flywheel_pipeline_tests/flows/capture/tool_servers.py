"""Scripted servers that speak the APIs of observability tools as these document them, on a free port."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from flywheel_pipeline.steps.capture.formats.times import utc

Answer = tuple[int, Any]
Record = dict[str, Any]


class ToolServer:
    """What the servers share: the key, faults to come, a limit of requests per second, and what was asked.

    `faults` are (status, headers) of the next answers. `before(n)` is called before answer `n`, from 1, and may change
    the records: this is how pages shift.
    """

    authorization: tuple[str, str] = ("", "")

    def __init__(self, rate: float = 0) -> None:
        self.faults: list[tuple[int, dict[str, str]]] = []
        self.before: Callable[[int], None] = lambda n: None
        self.rate, self.tokens, self.filled = rate, rate, time.monotonic()
        self.asked: list[str] = []
        self.times: list[float] = []
        self.refused = 0
        self.url = ""
        self._lock = threading.Lock()

    def respond(self, path: str, query: Mapping[str, str], body: Record) -> Answer:
        """Return status and JSON."""
        raise NotImplementedError

    def handle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer one request."""
        with self._lock:
            status, answer, headers = self._answer(handler, body)
        data = json.dumps(answer).encode()
        handler.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)
        handler.wfile.flush()

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any, dict[str, str]]:
        if self.rate and not self._has_token():
            self.refused += 1
            return 429, {"message": "rate limit exceeded"}, {"Retry-After": "1"}
        name, value = self.authorization
        if name and handler.headers.get(name) != value:
            return 401, {"message": "Invalid credentials"}, {}
        self.asked.append(handler.path)
        self.times.append(time.monotonic())
        if self.faults:
            status, headers = self.faults.pop(0)
            return status, {"message": "a fault"}, headers
        self.before(len(self.asked))
        parts = urlsplit(handler.path)
        query = {k: ",".join(v) for k, v in parse_qs(parts.query).items()}
        status, answer = self.respond(unquote(parts.path), query, json.loads(body or b"{}"))
        return status, answer, {}

    def _has_token(self) -> bool:
        now = time.monotonic()
        self.tokens = min(self.rate, self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@contextmanager
def running(server: ToolServer) -> Iterator[ToolServer]:
    """Serve until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet per answer: the second would wait for the first's acknowledgement

        def do_GET(self) -> None:
            server.handle(self, b"")

        def do_POST(self) -> None:
            server.handle(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *_: object) -> None:
            pass

        def handle_one_request(self) -> None:
            with suppress(ConnectionError):  # the client was killed
                super().handle_one_request()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        server.url = f"http://127.0.0.1:{listening.server_address[1]}"
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server
        finally:
            listening.shutdown()


parsed = lru_cache(100_000)(utc)


def at(record: Mapping[str, Any], field: str) -> datetime:
    """Return a time of a record."""
    return parsed(record[field])


def within(records: list[Record], field: str, since: str | None, until: str | None) -> list[Record]:
    """Return the records from `since` until just before `until`."""
    low = utc(since) if since else datetime.min
    high = utc(until) if until else datetime.max
    return [r for r in records if low <= at(r, field) < high]


def stamp(moment: datetime) -> str:
    """Return a time as the tools write it."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


class LangfuseServer(ToolServer):
    """Server v3: traces, observations and scores by page numbers; with `v4`, observations and scores by cursors."""

    authorization = ("Authorization", "Basic cGstMTpzay0x")  # pk-1:sk-1

    def __init__(self, rate: float = 0, v4: bool = False) -> None:
        super().__init__(rate)
        self.v4 = v4
        self.traces: list[Record] = []
        self.observations: list[Record] = []
        self.scores: list[Record] = []

    def add(self, name: str, when: datetime, score: float | None = None) -> None:
        """Add a trace with its generation, and a user's score of it."""
        own = {"id": name, "timestamp": stamp(when), "name": "chat", "input": None, "output": None, "sessionId": "s1"}
        rest = {"userId": "u1", "metadata": {}, "tags": [], "public": False, "environment": "default", "release": "r1"}
        lists = {"observations": [f"{name}-o"], "scores": [f"{name}-s"] if score is not None else []}
        self.traces.append({**own, **rest, **lists, "htmlPath": f"/project/p/traces/{name}"})
        self.observations.append({
            "id": f"{name}-o", "traceId": name, "type": "GENERATION", "name": "llm", "startTime": stamp(when),
            "endTime": stamp(when + timedelta(seconds=1)), "model": "gpt-4o", "level": "DEFAULT",
            "parentObservationId": None, "input": [{"role": "user", "content": f"Where is parcel {name}?"}],
            "output": {"role": "assistant", "content": "In Kiel."}, "usageDetails": {"input": 9, "output": 3},
        })  # fmt: skip
        if score is not None:
            self.add_score(name, when, score)

    def add_score(self, name: str, when: datetime, score: float) -> None:
        """Add a user's score of a trace, or change it."""
        made = {"id": f"{name}-s", "traceId": name, "name": "user_feedback", "value": score, "dataType": "NUMERIC"}
        self.scores = [s for s in self.scores if s["id"] != made["id"]]
        self.scores.append({**made, "source": "API", "comment": None, "timestamp": stamp(when)})

    def respond(self, path: str, query: Mapping[str, str], body: Record) -> Answer:
        """Return status and JSON."""
        lists: dict[str, tuple[list[Record], str]] = {
            "/api/public/traces": (self.traces, "timestamp"),
            "/api/public/observations": (self.observations, "startTime"),
            "/api/public/v2/scores": (self.scores, "timestamp"),
        }
        if self.v4:
            return self._respond_v4(path, query)
        if path not in lists:
            return 404, {"error": "LangfuseNotFoundError"}
        records, field = lists[path]
        word = "Time" if field == "startTime" else "Timestamp"
        start = "fromStart" if field == "startTime" else "from"
        stop = "toStart" if field == "startTime" else "to"
        found = within(records, field, query.get(start + word), query.get(stop + word))
        found.sort(key=lambda r: at(r, field), reverse=query.get("orderBy") != f"{field}.asc")
        limit, page = int(query.get("limit", 50)), int(query.get("page", 1))
        if limit > 100:
            return 400, {"message": "limit must be at most 100"}
        meta = {"page": page, "limit": limit, "totalItems": len(found), "totalPages": -(-len(found) // limit)}
        return 200, {"data": found[(page - 1) * limit : page * limit], "meta": meta}

    def _respond_v4(self, path: str, query: Mapping[str, str]) -> Answer:
        if path == "/api/public/v2/observations":
            found = within(self.observations, "startTime", query.get("fromStartTime"), query.get("toStartTime"))
            found = sorted(found, key=lambda r: (r["startTime"], r["id"]), reverse=True)
            made = [{**r, "providedModelName": r["model"], "isRootObservation": True} for r in found]
        elif path == "/api/public/v3/scores":
            found = within(self.scores, "timestamp", query.get("fromTimestamp"), query.get("toTimestamp"))
            made = [self._v3(score) for score in sorted(found, key=lambda r: (r["timestamp"], r["id"]), reverse=True)]
        else:
            return 404, {"error": "LangfuseNotFoundError"}
        after = query.get("cursor")
        ids = [r["id"] for r in made]
        start, limit = (ids.index(after) + 1 if after else 0), int(query.get("limit", 50))
        page = made[start : start + limit]
        more = start + limit < len(made)
        return 200, {"data": page, "meta": {"cursor": page[-1]["id"]} if more else {}}

    @staticmethod
    def _v3(score: Record) -> Record:
        made = {k: v for k, v in score.items() if k not in ("traceId", "comment")}
        return {**made, "subject": {"kind": "trace", "id": score["traceId"]}, "details": {"comment": score["comment"]}}


class LangsmithServer(ToolServer):
    """Runs by cursor, the newest first, feedback by offset."""

    authorization = ("X-API-Key", "ls-1")
    PROJECT = "6d0b9c3e-3f6c-4c55-9a51-5d6f1f0f2a11"

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Record] = []
        self.feedback: list[Record] = []

    def add(self, name: str, when: datetime, score: float | None = None) -> None:
        """Add a trace of two runs, and feedback on it."""
        times = {"start_time": stamp(when), "end_time": stamp(when + timedelta(seconds=1))}
        ask = {"messages": [{"role": "user", "content": f"Where is parcel {name}?"}]}
        say = {"output": "In Kiel."}
        run = {"trace_id": name, "inputs": ask, "outputs": say, "session_id": self.PROJECT, **times}
        self.runs.append({**run, "id": name, "parent_run_id": None, "name": "agent", "run_type": "chain"})
        self.runs.append({**run, "id": f"{name}-l", "parent_run_id": name, "name": "llm", "run_type": "llm"})
        if score is not None:
            given = {"key": "user_score", "score": score, "created_at": stamp(when), "feedback_source": {"type": "api"}}
            self.feedback.append({"id": f"{name}-f", "run_id": name, "trace_id": name, **given})

    def respond(self, path: str, query: Mapping[str, str], body: Record) -> Answer:
        """Return status and JSON."""
        if path == "/api/v1/sessions":
            return 200, [{"id": self.PROJECT, "name": query["name"]}] if query["name"] == "shop" else []
        if path == "/api/v1/feedback":
            found = within(self.feedback, "created_at", query["min_created_at"], query["max_created_at"])
            start = int(query["offset"])
            return 200, found[start : start + int(query["limit"])]
        if path != "/api/v1/runs/query" or body["session"] != [self.PROJECT]:
            return 404, {"detail": "Not Found"}
        until = body["filter"].partition('"')[2].partition('"')[0]
        found = within(self.runs, "start_time", body["start_time"], until)
        found = [r for r in found if not body.get("is_root") or not r["parent_run_id"]]
        found.sort(key=lambda r: (r["start_time"], r["id"]), reverse=True)
        ids = [r["id"] for r in found]
        start = ids.index(body["cursor"]) + 1 if body.get("cursor") else 0
        page = found[start : start + body["limit"]]
        return 200, {"runs": page, "cursors": {"next": page[-1]["id"] if start + body["limit"] < len(found) else None}}


class PhoenixServer(ToolServer):
    """Spans by cursor, in the order of their arrival, the newest first; annotations by span."""

    authorization = ("Authorization", "Bearer px-1")

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Record] = []
        self.annotations: list[Record] = []

    def add(self, name: str, when: datetime, score: float | None = None) -> None:
        """Add a trace of one span, and an annotation of it."""
        trace, span = name.encode().hex().zfill(32), name.encode().hex().zfill(16)
        self.spans.append({
            "id": f"U3Bhbjox{len(self.spans):06}", "name": "chat", "context": {"trace_id": trace, "span_id": span},
            "span_kind": "LLM", "parent_id": None, "start_time": stamp(when), "end_time": stamp(when), "events": [],
            "status_code": "OK", "status_message": "", "attributes": {
                "openinference.span.kind": "LLM", "input.value": f"Where is parcel {name}?", "output.value": "In Kiel.",
            },
        })  # fmt: skip
        if score is not None:
            result = {"label": "thumbs_up" if score else "thumbs_down", "score": score, "explanation": None}
            self.annotations.append({"id": f"a{name}", "span_id": span, "name": "user_feedback", "result": result,
                                     "annotator_kind": "HUMAN", "identifier": ""})  # fmt: skip

    def respond(self, path: str, query: Mapping[str, str], body: Record) -> Answer:
        """Return status and JSON."""
        if path == "/v1/projects/my shop/span_annotations":
            wanted = query["span_ids"].split(",")
            return 200, {"data": [a for a in self.annotations if a["span_id"] in wanted], "next_cursor": None}
        if path != "/v1/projects/my shop/spans":
            return 404, "Project not found"
        found = within(self.spans, "start_time", query["start_time"], query["end_time"])
        found = [s for s in reversed(found) if "cursor" not in query or s["id"] <= query["cursor"]]
        limit = int(query["limit"])
        return 200, {"data": found[:limit], "next_cursor": found[limit]["id"] if len(found) > limit else None}


class MlflowServer(ToolServer):
    """Traces by search, without spans; each with its spans on its own, from the store or as an artifact."""

    authorization = ("Authorization", "Bearer ml-1")

    def __init__(self, artifacts: bool = False) -> None:
        super().__init__()
        self.artifacts = artifacts
        self.infos: list[Record] = []

    def add(self, name: str, when: datetime, score: float | None = None) -> None:
        """Add a trace, and an assessment of it."""
        given = [{"assessment_name": "user_feedback", "feedback": {"value": bool(score)},
                  "source": {"source_type": "HUMAN", "source_id": "u1"}, "create_time": stamp(when)}]  # fmt: skip
        self.infos.append({
            "trace_id": name, "request_time": stamp(when), "execution_duration": "1s", "state": "OK", "tags": {},
            "trace_metadata": {}, "request_preview": "Where is…", "response_preview": "In…",
            "assessments": given if score is not None else [],
        })  # fmt: skip

    def respond(self, path: str, query: Mapping[str, str], body: Record) -> Answer:
        """Return status and JSON."""
        if path == "/api/3.0/mlflow/traces/search":
            words = body["filter"].split()
            low, high = int(words[2]), int(words[6])
            infos = [
                i
                for i in self.infos
                if low <= at(i, "request_time").replace(tzinfo=timezone.utc).timestamp() * 1000 < high
            ]
            infos.sort(key=lambda i: i["request_time"])
            return 200, {"traces": infos[: body["max_results"]]} if infos else {}
        own = query.get("trace_id") or query.get("request_id") or ""
        attributes = {
            "mlflow.spanType": '"CHAT_MODEL"', "mlflow.spanOutputs": '"In Kiel."',
            "mlflow.spanInputs": json.dumps({"messages": [{"role": "user", "content": f"Where is parcel {own}?"}]}),
        }  # fmt: skip
        info = next((i for i in self.infos if i["trace_id"] == own), None)
        if info is None or ("artifact" in path) != self.artifacts:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}
        ns = int(at(info, "request_time").replace(tzinfo=timezone.utc).timestamp()) * 1_000_000_000
        span = {
            "span_id": "AAAAAAAAAAE=", "trace_id": "AAAAAAAAAAAAAAAAAAAAAQ==", "parent_span_id": "", "name": "chat",
            "start_time_unix_nano": ns, "end_time_unix_nano": ns + 1_000_000_000,
        }  # fmt: skip
        if path == "/ajax-api/2.0/mlflow/get-trace-artifact":
            return 200, {"spans": [{**span, "attributes": attributes}]}
        listed = [{"key": key, "value": {"string_value": value}} for key, value in attributes.items()]
        return 200, {"trace": {"trace_info": info, "spans": [{**span, "attributes": listed}]}}


class AgentaServer(ToolServer):
    """Spans and annotations by windows of time."""

    authorization = ("Authorization", "ApiKey ag-1")

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Record] = []
        self.annotations: list[Record] = []

    def add(self, name: str, when: datetime, score: float | None = None) -> None:
        """Add a trace of one span, and an annotation of it."""
        trace, span = name.encode().hex().zfill(32), name.encode().hex().zfill(16)
        data = {"inputs": {"messages": [{"role": "user", "content": f"Where is parcel {name}?"}]},
                "outputs": {"role": "assistant", "content": "In Kiel."}}  # fmt: skip
        attributes = {"ag": {"data": data, "type": {"span": "chat"}}}
        self.spans.append({
            "trace_id": trace, "span_id": span, "parent_id": None, "span_name": "chat", "span_type": "chat",
            "start_time": stamp(when), "end_time": stamp(when), "attributes": attributes,
        })  # fmt: skip
        if score is not None:
            self.annotations.append({
                "trace_id": f"a{trace[1:]}", "span_id": span, "origin": "human", "kind": "adhoc", "channel": "web",
                "data": {"outputs": {"user_feedback": bool(score)}}, "created_at": stamp(when),
                "links": {"invocation": {"trace_id": trace, "span_id": span}},
            })  # fmt: skip

    def respond(self, path: str, query: Mapping[str, str], body: Record) -> Answer:
        """Return status and JSON."""
        lists = {
            "/preview/tracing/spans/query": ("spans", self.spans, "start_time"),
            "/preview/annotations/query": ("annotations", self.annotations, "created_at"),
        }
        if path not in lists:
            return 404, {"detail": "Not Found"}
        key, records, field = lists[path]
        window = body["windowing"]
        found = sorted(within(records, field, window["oldest"], window["newest"]), key=lambda r: at(r, field))
        page = found[: window["limit"]]
        return 200, {"count": len(page), key: page} if page else {"count": 0}
