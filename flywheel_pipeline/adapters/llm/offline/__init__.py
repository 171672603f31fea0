"""The offline stand-in: a litellm provider `offline/…` that is a deterministic program, not a model.

It exists so that the demo, the tests and CI go through the same code as any real provider, with no key and
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


def provider() -> Any:
    """Return the litellm custom provider; importing litellm is the caller's decision."""
    from litellm import Choices, CustomLLM, Message, ModelResponse, Usage
    from litellm.llms.custom_llm import CustomLLMError

    class Offline(CustomLLM):  # type: ignore[misc]
        """Answers by the behaviour that the model's name names."""

        async def acompletion(self, model: str, messages: list[dict[str, Any]], **_: Any) -> Any:
            """Return the stand-in's reply; tokens are counted as words."""
            if model not in BEHAVIOURS:
                raise CustomLLMError(404, f"offline/{model} does not exist; there are {', '.join(BEHAVIOURS)}")
            text = BEHAVIOURS[model](messages)
            n_in, n_out = sum(len(str(m.get("content")).split()) for m in messages), len(text.split())
            usage = Usage(prompt_tokens=n_in, completion_tokens=n_out, total_tokens=n_in + n_out)
            choice = Choices(finish_reason="stop", message=Message(role="assistant", content=text))
            return ModelResponse(model=f"offline/{model}", choices=[choice], usage=usage)

    return Offline()
