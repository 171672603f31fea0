"""Who gave a verdict: a person, a model, a program or an API. Only a person's verdict is an annotation."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from flywheel_pipeline.steps.annotate.words import plain_text

HUMAN, LLM, CODE, API = "HUMAN", "LLM", "CODE", "API"
MAX_LITERAL, MAX_DEPTH = 20_000, 40
"""Characters and nesting of a Python or JSON literal in a cell; longer or deeper ones are not parsed."""

_PEOPLE = frozenset("""
    human humans person people manual manually annotation annotator expert reviewer rater labeler labeller app ui user
    sme hand mensch manuell humain humano umano menselijk
""".split())  # fmt: skip
_MODELS = frozenset("""
    llm llms model ai gpt chatgpt openai anthropic claude gemini gemma llama mistral mixtral qwen deepseek haiku
    sonnet opus judge autoeval autorater eval evals evaluator evaluation scoring scorer bot ragas deepeval
    grok kimi phi davinci glm copilot sonar prometheus command ki modell modele modelo
""".split())  # fmt: skip
_PROGRAMS = frozenset("""
    code rule rules heuristic heuristics regex script program programmatic automatic automated automatically
    auto system pipeline machine classifier assertion
""".split())  # fmt: skip
_APIS = frozenset(("api", "sdk"))
_CUSTOMERS = frozenset(("end", "customer", "client", "visitor"))
"""People, but not those whose verdict counts."""
_UNMISTAKABLE = frozenset(
    ("llm", "llms", "gpt", "chatgpt", "openai", "anthropic", "autorater", "autoeval", "ragas", "deepeval")
)
_DOUBTFUL = _UNMISTAKABLE | _APIS | {
    "model", "ai", "claude", "gemini", "llama", "mistral", "qwen", "deepseek", "judge", "bot", "script", "pipeline",
    "rule", "rules", "regex", "heuristic", "heuristics", "classifier", "scorer", "auto", "automatic", "automated",
    "system", "code", "evaluator", "evals", "gemma", "mixtral", "haiku", "sonnet", "opus", "grok", "kimi", "phi",
    "davinci", "glm", "copilot", "sonar", "prometheus", "command", "promptfoo", "langfuse", "synthetic", "correctness",
    "faithfulness", "relevance", "relevancy", "groundedness", "coherence", "fluency", "similarity", "accuracy",
    "hallucination", "toxicity", "helpfulness", "metric", "geval",
}  # fmt: skip
"""Words that make it doubtful that a name is a person's."""
_FILLER = re.compile(
    r"v?\d[\w.]*|r|plus|max|text|chat|as|a|an|the|by|of|in|based|mini|nano|turbo|pro|flash|instruct|latest|preview|large|small|\d*b"
)


def kind_of(source: object, people: Collection[str] = ()) -> str | None:
    """Return who a source names: `HUMAN`, `LLM`, `CODE` or `API`; None where that cannot be read.

    `source` is the content of a column that says who judged: a word, a mapping with a type, or the text of one.
    """
    named = read_literal(source)
    if isinstance(named, Mapping):
        return _kind_of_words(_type_in(named), people)
    text = "" if source is None else str(source)
    wrapped = re.match(r"\s*(?:\w+\()?type=['\"]?(\w+)['\"]?", text)
    if wrapped:
        return _kind_of_words(wrapped[1], people)
    return None if text.lstrip()[:1] in ("{", "[") else _kind_of_words(text, people)


BY_HUMAN = frozenset(("is_human", "by_human", "from_human", "human_labelled", "human_labeled"))
BY_MACHINE = frozenset(("is_automated", "is_automatic", "is_ai", "is_llm", "is_model", "by_ai", "by_llm", "by_model"))
"""Columns that say by yes or no whether a person judged."""
_YES, _NO = frozenset(("true", "1", "1.0", "yes", "y", "t")), frozenset(("false", "0", "0.0", "no", "n", "f"))


def kind_in(column: str, value: object, people: Collection[str] = ()) -> str | None:
    """Return whom the cell of a column names, by its name (as `words.tidy` has it) and its content; None if unclear."""
    answer = str(value).strip().lower()
    if column not in BY_HUMAN | BY_MACHINE or answer not in _YES | _NO:
        return kind_of(value, people)
    return HUMAN if (column in BY_HUMAN) == (answer in _YES) else LLM


def kind_of_name(name: str, people: Collection[str] = ()) -> str | None:
    """Return who a name in a column of annotators belongs to; None where it may be a model or a person."""
    words = _tokens(name.partition("@")[0])
    if not words or plain_text(name) in {plain_text(p) for p in people} or not (words & _DOUBTFUL or _versioned(words)):
        return HUMAN
    known = _MODELS | _PROGRAMS | _APIS
    if words & _UNMISTAKABLE or (len(words) > 1 and all(w in known or _FILLER.fullmatch(w) for w in words)):
        return _machine(words)
    return _machine(words) if words <= (_PROGRAMS | _APIS | {"model", "ai", "llm", "bot", "judge"}) else None


def person_in(source: object) -> str | None:
    """Return the name that a structured source gives the person, else its id."""
    named = read_literal(source)
    if not isinstance(named, Mapping):
        return None
    keys = ("user_name", "email", "username", "name", "user_id", "source_id", "id")
    found = next((named[k] for k in keys if named.get(k) not in (None, "")), None)
    return None if found is None else str(found)


def read_literal(value: Any) -> Any:
    """Return what a cell holds as JSON or as the repr of Python data; the cell itself where it is neither.

    Nothing is evaluated (`ast.literal_eval`), and only a bounded text is parsed.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text[:1] not in ("{", "[") or text[-1:] not in ("}", "]") or len(text) > MAX_LITERAL or _depth(text) > MAX_DEPTH:
        return value
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    simple = re.sub(r"\bUUID\((['\"][0-9a-fA-F-]{1,40}['\"])\)", r"\1", text)
    simple = re.sub(r"\bdatetime\.datetime\([^()]{0,200}\)|\bTimestamp\([^()]{0,200}\)|\bnan\b|\bNaT\b", "None", simple)
    if re.search(r"[-+~]\s*[-+~]", simple):
        return value
    try:
        return ast.literal_eval(simple)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return value


def _depth(text: str) -> int:
    depth = most = 0
    for c in text:
        depth += (c in "{[(") - (c in "}])")
        most = max(most, depth)
    return most


def _type_in(named: Mapping[Any, Any]) -> str:
    by_name = {plain_text(k).replace("_", ""): v for k, v in named.items()}
    keys = ("type", "sourcetype", "kind", "annotatorkind", "annotatortype")
    return next((str(by_name[k]) for k in keys if isinstance(by_name.get(k), str)), "")


def _kind_of_words(text: str, people: Collection[str]) -> str | None:
    words = _tokens(text)
    if plain_text(text) in {plain_text(p) for p in people} or re.fullmatch(r"\S+@\S+\.\w+", text.strip()):
        return HUMAN
    strong = words & (_MODELS | _PROGRAMS | _APIS) - {"judge", "evaluator", "evaluation", "eval", "scoring"}
    if words & _PEOPLE:
        return None if words & _CUSTOMERS or strong or _versioned(words) else HUMAN
    return _machine(words) if words & (_MODELS | _PROGRAMS | _APIS) or _versioned(words) else None


def _machine(words: Collection[str]) -> str:
    found = set(words)
    if found & _MODELS or _versioned(found):
        return LLM
    return CODE if found & _PROGRAMS else API


def _versioned(words: Collection[str]) -> bool:
    """Return whether a word is a model with its version, such as `gpt4o` or `o3`."""
    return any(
        re.fullmatch(r"(gpt|claude|gemini|gemma|llama|qwen|mistral|deepseek|phi)v?\d\w*|o[134]", w) for w in words
    )


def _tokens(text: object) -> set[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(text)[:200])
    return {w for w in re.split(r"[\W_]+", plain_text(spaced)) if w}
