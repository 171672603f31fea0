"""Record the demo's traffic: `python -m flywheel_pipeline.demo.record DIR` writes one export file a day."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections import defaultdict
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.llm import ModelClient, ReplyStore
from flywheel_pipeline.demo.assistant import FIRST_PROMPT, Chat, hold_chats
from flywheel_pipeline.flows.engine import call_limits, role_model
from flywheel_pipeline.records import PromptVersion
from flywheel_pipeline.settings import LLMSettings, ModelSettings

APP, PROMPT_NAME = "fernwater-support", "fern"
FIRST_VERSION = PromptVersion.of(PROMPT_NAME, FIRST_PROMPT, None, "").version


def traffic() -> list[dict[str, Any]]:
    """Return what the customers wrote: one conversation a row."""
    text = files(__package__).joinpath("traffic.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def record_traffic(
    rows: list[dict[str, Any]], prompt: str = FIRST_PROMPT, version: str = FIRST_VERSION
) -> list[dict[str, Any]]:
    """Return the traces of the rows: the stand-in assistant answers each under a prompt."""
    with tempfile.TemporaryDirectory() as folder:
        models = {"app": role_model(ModelSettings(model="offline/app"))}
        store, now = ReplyStore(Path(folder) / "replies.sqlite"), lambda: datetime.now(timezone.utc)
        llm = ModelClient(models, store, call_limits(LLMSettings()), now, lambda batch, calls: None)
        chats = [Chat(row["turns"]) for row in rows]
        hold_chats(chats, prompt, llm)
    return [_trace(row, chat, prompt, version) for row, chat in zip(rows, chats, strict=True)]


def _trace(row: dict[str, Any], chat: Chat, prompt: str, version: str) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
    words = [len(m["content"].split()) for m in chat.messages]
    feedback = {"score": row["feedback_score"], "comment": row["feedback_comment"]}
    return {
        "trace_id": f"t-{digest[:12]}",
        "session_id": row["session_id"],
        "started_at": row["started_at"],
        "latency_ms": 400 + int(digest[12:16], 16) % 900 + 9 * words[-1],
        "app": APP,
        "prompt_name": PROMPT_NAME,
        "prompt_version": version,
        "model": "offline/app",
        "channel": row["channel"],
        "messages": [{"role": "system", "content": prompt}, *chat.messages],
        "retrieved": chat.retrieved,
        "input_tokens": sum(words) + 300,
        "output_tokens": words[-1],
        **({"feedback": feedback} if row["feedback_score"] is not None else {}),
    }


def main(folder: Path) -> None:
    """Write `YYYY-MM-DD.jsonl` files of the recorded traffic to `folder`."""
    days: dict[str, list[str]] = defaultdict(list)
    for trace in record_traffic(traffic()):
        days[trace["started_at"][:10]].append(json.dumps(trace, ensure_ascii=False))
    folder.mkdir(parents=True, exist_ok=True)
    for day, lines in days.items():
        (folder / f"{day}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
