"""`offline/improver`: adds one instruction to a prompt for every failure mode that it is shown.

The instruction comes from the mode's own words: `ADVICE` holds one for each kind of failure that the
stand-in's judge can recognise by them; a mode of no known kind is quoted as something to avoid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.adapters.llm.offline import judge
from flywheel_pipeline.prompting import read_fence, text_of

ADVICE: Mapping[judge.Rule, str] = {
    judge.not_in_documents: "Answer only from the documents you are given. If they do not say it, say that you can not "
    "find it; never guess.",
    judge.no_handover: "When the customer asks for a person, hand them over to a person from the team at once.",
    judge.question_left_open: "Answer every question in the message, in its order.",
    judge.claims_an_action: "You can not act on orders or accounts: never say that you have done something; explain "
    "how the customer or the team can do it.",
    judge.too_long: "Keep it short: at most 60 words, only what was asked.",
    judge.asks_again: "Do not ask for anything that the customer has already told you.",
    judge.off_topic: "Make sure that the answer is about what the customer asked; if you have nothing on it, say so.",
    judge.withheld: "Always give the customer an answer; do not say that you cannot find one.",
    judge.steps_missing: "When the customer asks how something is done, give the whole guide with every step.",
}


def reply(messages: list[dict[str, Any]]) -> str:
    """Return the edits as JSON: one line is added for every failure mode whose advice the prompt lacks."""
    data = read_fence(text_of(messages[-1].get("content"))) or {}
    prompt = "\n".join(str(line["text"]) for line in data.get("prompt", []))
    edits: dict[str, dict[str, Any]] = {}
    for mode in data.get("failure_modes", []):
        advice = _advice(mode)
        if advice not in prompt and advice not in edits:
            cases = [case["case"] for case in mode.get("cases", [])]
            edits[advice] = {"mode": mode["mode"], "cases": cases, "action": "add", "line": None, "text": advice,
                             "why": f"It is the instruction against: {mode['name']}."}  # fmt: skip
    return json.dumps({"edits": list(edits.values())})


def _advice(mode: Mapping[str, Any]) -> str:
    rule = judge.rule_for([mode["name"], mode["definition"], *mode.get("comments", [])])
    return ADVICE[rule] if rule else f"Avoid this failure: {mode['name']}."
