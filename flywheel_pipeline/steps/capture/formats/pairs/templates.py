"""Prompts that hold a conversation in the marks of a model's template -> messages.

Known are ChatML (`<|im_start|>user`), Llama 3 (`<|start_header_id|>user<|end_header_id|>`), Mistral and Llama 2
(`[INST] … [/INST]`), and Anthropic's text completions (`Human: … Assistant:`).
"""

from __future__ import annotations

import re
from typing import Any

from flywheel_pipeline.steps.capture.messages import ROLES, to_messages

_TURNS = (
    re.compile(r"(?s)<\|im_start\|>(\w+)\n(.*?)(?=<\|im_end\|>|<\|im_start\|>|\Z)"),
    re.compile(r"(?s)<\|start_header_id\|>(\w+)<\|end_header_id\|>(.*?)(?=<\|eot_id\|>|<\|start_header_id\|>|\Z)"),
    re.compile(r"(?s)(?:^|\n\n)(Human|Assistant):(.*?)(?=\n\n(?:Human|Assistant):|\Z)"),
)
_INST = re.compile(r"(?s)\[INST\](.*?)\[/INST\](.*?)(?=\[INST\]|\Z)")
_SYSTEM = re.compile(r"(?s)<<SYS>>(.*?)<</SYS>>(.*)")
_END = re.compile(r"</?s>|<\|e\w+_id\|>")


def messages_in_prompt(prompt: Any) -> list[dict[str, Any]]:
    """Return the conversation in a prompt; without the marks of a template it is one message of the user."""
    if not isinstance(prompt, str):
        return to_messages(prompt)
    for turns in _TURNS:
        found = [(ROLES.get(role.lower()), text.strip()) for role, text in turns.findall(prompt)]
        made = [{"role": role, "content": text} for role, text in found if role and text]
        if any(m["role"] == "user" for m in made):
            return _with_preamble(prompt, turns, made)
    return _instructions(prompt) or to_messages(prompt)


def _with_preamble(prompt: str, turns: re.Pattern[str], made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages behind what stands before the first turn: in text completions it is the system prompt."""
    first = turns.search(prompt)
    before = _END.sub("", re.sub(r"<\|\w+\|>", "", prompt[: first.start()])).strip() if first else ""
    return [{"role": "system", "content": before}, *made] if before else made


def _instructions(prompt: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for asked, answer in _INST.findall(prompt):
        system = _SYSTEM.search(asked)
        made += [{"role": "system", "content": system[1].strip()}] if system else []
        made.append({"role": "user", "content": (system[2] if system else asked).strip()})
        text = _END.sub("", answer).strip()
        made += [{"role": "assistant", "content": text}] if text else []
    return made
