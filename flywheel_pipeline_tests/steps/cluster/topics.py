"""Failures of three topics, and a model that sorts by topic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel

from flywheel_pipeline.steps.cluster.analyst import ModelAnalyst
from flywheel_pipeline.steps.cluster.ask import Assignment, Code, NamedMode, NamedModes, SameFix
from flywheel_pipeline.steps.cluster.build import Taxonomy, build_taxonomy
from flywheel_pipeline.steps.cluster.modes import Failure, Mode
from flywheel_pipeline_tests.fakes import FakeEmbed, FakeLLM

TOPICS = ("discount", "handover", "tone")
NONE = "none"


def a_failure(trace_id: str, text: str, category: str | None = None) -> Failure:
    return Failure(trace_id, text, f"The expert says: {text}.", category)


FAILURES = [
    a_failure("d1", "invented discount student"),
    a_failure("d2", "invented discount premium"),
    a_failure("d3", "invented discount"),
    a_failure("h1", "no handover person"),
    a_failure("h2", "handover person refused"),
    a_failure("t1", "tone rude"),
    a_failure("t2", "rude tone towards customer"),
]


def topic(text: str) -> str:
    return next((t for t in TOPICS if t in text), "other")


def name_by_topic(data: Any) -> NamedModes:
    by_topic: dict[str, list[str]] = {}
    for cluster in data["clusters"]:
        by_topic.setdefault(topic(cluster["notes"][0]), []).append(cluster["cluster_id"])
    return NamedModes(modes=[NamedMode(cluster_ids=c, name=t, definition=f"about {t}") for t, c in by_topic.items()])


def assign_by_topic(data: Any) -> Assignment:
    wanted = topic(data["failure"]["note"])
    found = next((m["mode_id"] for m in data["modes"] if m["name"] == wanted), NONE)
    return Assignment(mode_id=found, confidence=0.9)


def a_model(
    name: Callable[[Any], BaseModel | str] = name_by_topic,
    assign: Callable[[Any], BaseModel | str] = assign_by_topic,
    same_fix: Callable[[Any], BaseModel | str] = lambda data: SameFix(same_fix=False),
    code: Callable[[Any], BaseModel | str] = lambda data: Code(code=data["comment"]),
) -> FakeLLM:
    """A model that names and assigns by topic, merges nothing and repeats comments, but for what a test changes."""
    kinds = {"clusters": name, "failure": assign, "one": same_fix, "comment": code}
    return FakeLLM(lambda data: next(answer for key, answer in kinds.items() if key in data)(data))


def none_fits(data: Any) -> Assignment:
    return Assignment(mode_id=NONE, confidence=0.1)


def build(failures: Sequence[Failure], known: Sequence[Mode] = (), llm: FakeLLM | None = None) -> Taxonomy:
    return build_taxonomy(failures, known, ModelAnalyst(llm or a_model(), FakeEmbed(), "demo"), 8)


def places_of(built: Taxonomy) -> Counter[str]:
    """How often every failure is somewhere, unassigned ones included."""
    return places(built.modes) + Counter(x.trace_id for x in built.unassigned)


def members(modes: Sequence[Mode]) -> dict[str, set[str]]:
    return {m.name: {x.trace_id for x in m.members} for m in modes}


def places(modes: Sequence[Mode]) -> Counter[str]:
    return Counter(x.trace_id for m in modes for x in m.members)
