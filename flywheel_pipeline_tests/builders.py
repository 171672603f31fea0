"""Valid records of every kind, of which a test states only what matters to it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from flywheel_pipeline.records import (
    Annotation,
    CapturedTrace,
    CaseAnswer,
    EvalResult,
    EvaluatorScore,
    FailureMode,
    Feedback,
    FlywheelTurn,
    GoldenCase,
    Json,
    JudgeAlignment,
    ProductionHealth,
    PromptCandidate,
    PromptTrial,
    PromptVersion,
    RawTrace,
    SampledTrace,
    columns,
)

NOON = datetime(2025, 6, 2, 12, 0, 0)


def a_conversation(*texts: str, system: str | None = None) -> list[dict[str, Any]]:
    """Messages that alternate user, assistant, user…"""
    turns = [{"role": ("user", "assistant")[i % 2], "content": t} for i, t in enumerate(texts)]
    return [{"role": "system", "content": system}, *turns] if system else turns


def a_chat_record(**changes: Any) -> dict[str, Any]:
    """One line of a chat export."""
    record = {
        "trace_id": "t1",
        "started_at": "2025-06-02T12:00:00Z",
        "messages": a_conversation("How do I pair the hub?", "Hold the button for three seconds."),
    }
    return {**record, **changes}


def a_trace(**changes: Any) -> RawTrace:
    values: dict[str, Any] = {
        "trace_id": "t1", "session_id": "s1", "started_at": NOON, "latency_ms": 900.0, "app": "demo",
        "prompt_name": "fern", "prompt_version": "p1", "model": "offline/app", "input": "How do I pair the hub?",
        "output": "Hold the button for three seconds.",
        "messages": Json(json.dumps(a_conversation("How do I pair the hub?", "Hold the button for three seconds."))),
        "retrieved": Json("[]"), "n_turns": 1, "n_tool_calls": 0, "feedback_score": None, "feedback_comment": None,
        "error": None, "input_tokens": 10, "output_tokens": 5, "cost_usd": 0.0, "tags": Json("{}"),
        "source_format": "chat", "source_file": "a.jsonl", "source_line": 1,
    }  # fmt: skip
    return RawTrace(**{**values, **changes})


def a_captured_trace(**changes: Any) -> CapturedTrace:
    values = {**vars(a_trace()), "n_rows": 1, "spans": None, **changes}
    return CapturedTrace(**values)


def an_annotation(**changes: Any) -> Annotation:
    values: dict[str, Any] = {
        "trace_id": "t1", "batch": "b.csv", "annotator": "expert", "verdict": "fail", "code": "made up a feature",
        "comment": "There is no such feature.", "category": None, "first_failure_step": None, "severity": None,
        "rubric_version": None, "is_repeat": False, "is_picked": False, "labelled_at": None,
        "corrects": None, "extra": Json("{}"), "is_current": True, "is_superseded": False, "source_file": "b.csv",
        "source_version": "v1", "source_line": 2,
    }  # fmt: skip
    return Annotation(**{**values, **changes})


def an_evaluator_score(**changes: Any) -> EvaluatorScore:
    values: dict[str, Any] = {
        "trace_id": "t1", "evaluator": "correctness", "annotator_kind": "LLM", "label": "fail", "score": 0.0,
        "explanation": "No document says so.", "source_id": "openai/gpt-4o", "judged_at": None, "source_file": "b.csv",
        "source_version": "v1", "source_line": 2,
    }  # fmt: skip
    return EvaluatorScore(**{**values, **changes})


def a_sampled_trace(**changes: Any) -> SampledTrace:
    values: dict[str, Any] = {
        "batch": "b", "trace_id": "t1", "stratum": "ordinary", "reason": "ordinary trace, for coverage", "risk": 1.0,
        "to_label": True, "inclusion_probability": 0.5, "weight": 2.0, "n_like": 1, "design": "d1", "seed": 1,
        "n_frame": 10,
    }  # fmt: skip
    return SampledTrace(**{**values, **changes})


def a_mode(**changes: Any) -> FailureMode:
    values: dict[str, Any] = {
        "mode_id": "fm-1", "name": "Made up a feature", "definition": "The answer claims what no document says.",
        "kind": "failure mode", "belongs": "", "does_not_belong": "", "examples": Json("[]"),
        "status": "provisional", "n_failures": 3, "share": 0.1, "share_low": 0.05, "share_high": 0.2,
        "share_of": "traffic", "rank": 1, "version": "v1", "severity": None, "severity_weight": 1.0, "priority": 0.1,
        "share_before": None, "trend": "not known", "reason": "10.0% of traffic",
    }  # fmt: skip
    return FailureMode(**{**values, **changes})


def a_case(**changes: Any) -> GoldenCase:
    values: dict[str, Any] = {
        "case_id": "g-1", "kind": "failure", "mode_id": "fm-1", "input": "Is there a student discount?",
        "messages": Json(json.dumps(a_conversation(changes.get("input", "Is there a student discount?")))),
        "context": Json("[]"), "reference": None, "expected_doc_ids": None, "criteria": "There is no discount.",
        "observed_output": "Yes, 20 % off.", "family": "f-1", "split": "test", "source_trace_id": "t1",
        "added_in": "v1",
    }  # fmt: skip
    return GoldenCase(**{**values, **changes})


def an_eval_result(**changes: Any) -> EvalResult:
    values: dict[str, Any] = {
        "case_id": "g-1", "prompt_version": "p1", "evaluator": "judge:fm-1", "evaluator_version": "e1", "repeat": 0,
        "label": "pass", "score": 1.0, "explanation": "", "annotator_kind": "LLM", "cost_usd": 0.0, "cached": False,
        "answer_id": "a-1",
    }  # fmt: skip
    return EvalResult(**{**values, **changes})


def an_answer(**changes: Any) -> CaseAnswer:
    values: dict[str, Any] = {
        "answer_id": "a-1", "case_id": "g-1", "prompt_version": "p1", "app_version": "v1", "repeat": 0,
        "output": "An answer.", "error": None, "finish_reason": "stop", "tool_calls": Json("[]"),
        "retrieved_ids": Json("[]"), "input_tokens": 10, "output_tokens": 3, "cost_usd": 0.001, "latency_ms": 20.0,
        "cached": False, "inputs": Json("{}"),
    }  # fmt: skip
    return CaseAnswer(**{**values, **changes})


def an_alignment(**changes: Any) -> JudgeAlignment:
    values: dict[str, Any] = {
        "evaluator": "judge:fm-1", "mode_id": "fm-1", "evaluator_version": "e1", "n_fail": 10, "n_pass": 20,
        "n_unsure": 0, "n_broken": 0, "fail_recall": 1.0, "fail_recall_low": 0.7, "pass_recall": 1.0,
        "pass_recall_low": 0.84, "youden": 0.93, "youden_low": 0.7, "kappa": 1.0, "majority": 0.67,
        "production_fail_recall": 1.0, "production_n_fail": 10.0, "production_pass_recall": 1.0,
        "production_n_pass": 20.0, "need_fails": 0, "need_passes": 0, "status": "trusted",
    }  # fmt: skip
    return JudgeAlignment(**{**values, **changes})


def a_prompt(text: str = "You are a helpful assistant.", **changes: Any) -> PromptVersion:
    made = PromptVersion.of("fern", text, None, "for a test")
    return PromptVersion(**{**made.__dict__, **changes})


def a_candidate(**changes: Any) -> PromptCandidate:
    values: dict[str, Any] = {
        "candidate_id": "c1", "base_version": "p1", "text": "Answer only from the documents.", "status": "decided",
        "decision": "ship", "reason": "better", "changes": Json("[]"), "evidence": Json("{}"),
    }  # fmt: skip
    return PromptCandidate(**{**values, **changes})


def a_health(**changes: Any) -> ProductionHealth:
    values: dict[str, Any] = {
        "mode_id": "fm-1", "name": "Made up a feature", "before_version": "p1", "after_version": "p2",
        "targeted": None, "n_before": 100, "n_after": 100, "share_before": 0.05, "share_after": 0.2,
        "difference": 0.15, "low": 0.05, "high": 0.25, "level": 0.95, "after_low": 0.1, "after_high": 0.3,
        "n_labels_after": 0, "verdict": "worse", "state": "open", "reason": "worse: 5.0% of traffic before",
    }  # fmt: skip
    return ProductionHealth(**{**values, **changes})


def a_turn(**changes: Any) -> FlywheelTurn:
    values: dict[str, Any] = {spec.name: None for spec in columns(FlywheelTurn)} | {
        "turn": 1, "base_version": "p1", "candidate_id": "c1", "decided_at": NOON, "decision": "ship",
        "reason": "better", "labels_added": 90, "n_new_modes": 1, "new_modes": Json('["Late"]'), "test_gain": 0.2,
        "predicted_reason": "no judge of it may decide", "realised_basis": "", "realised_reason": "not promoted yet",
        "n_calls": 3,
    }  # fmt: skip
    return FlywheelTurn(**{**values, **changes})


def a_feedback(**changes: Any) -> Feedback:
    """An annotator's pass on a trace."""
    values: dict[str, Any] = {
        "trace_id": "t1", "score": None, "comment": None, "given_at": None, "source_file": "export.json",
        "source_line": 1, "name": "verdict", "given_by": "annotator", "value": None, "label": "pass", "author": "mira",
    }  # fmt: skip
    return Feedback(**{**values, **changes})


def a_prompt_trial(**changes: Any) -> PromptTrial:
    values: dict[str, Any] = {
        "version": "p2", "parent_version": "p1", "base_version": "p1", "number": 1, "improver": "reflective",
        "status": "evaluated", "reason": "", "text": "Be brief.", "changes": Json("[]"), "reasons": Json("[]"),
        "n_dev": 20, "n_known": 20, "pass_rate": 0.5, "n_fixed": 2, "n_broken": 1, "n_answers": 20,
    }  # fmt: skip
    return PromptTrial(**{**values, **changes})
