"""The offline stand-in: models `offline/…` that are a deterministic program, not a language model.

It exists so that the demo, the tests and CI go through the same engine as any real provider, with no key and
no network. It only ever sees what a model would see, the messages; it never looks a hidden answer up. What
it can do is crude: it answers by picking sentences of the given documents, judges by the rules in `judge`,
edits prompts from the failures it is handed, and rewords messages by rule. The taxonomy has no stand-in:
`offline/taxonomy` means that no model is asked (`steps.cluster.WordAnalyst`).

===================== ============================================================
``offline/app``       answers a customer from documents, with faults (see `app`)
``offline/judge``     judges an answer by the rules in `judge`
``offline/improver``  adds one instruction per failure mode to a prompt
``offline/generator`` rewords messages by rule, for test cases that wait for review
===================== ============================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flywheel_pipeline.adapters.llm.offline import app, generator, improver, judge

BEHAVIOURS: Mapping[str, Callable[[list[dict[str, Any]]], str]] = {
    "app": app.reply,
    "judge": judge.reply,
    "improver": improver.reply,
    "generator": generator.reply,
}
