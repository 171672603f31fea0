"""Names of scores of which more is worse, and names that only look like them."""

from __future__ import annotations

import pytest

from flywheel_pipeline.steps.capture.formats.polarity import STEMS, WORDS, is_adverse

ADVERSE = """
    customer_effort effort_score CustomerEffortScore reported user_reported reported_by_user complaint complaints escalated
    escalation_rate churn churned churn_risk refund_requested refunded hallucinated hallucination_score jailbreak
    jailbreak_detected pii_leak PIILeakage bounce bounced bounce_rate thumbs_down thumbsDown flagged is_flagged
    user_frustration negative_sentiment dislike dislikes off_topic offTopic toxicity severe_toxicity bias error_rate
    has_error harmful unsafe prompt_injection policy_violation refusal over_refusal false_refusal incorrect_refusal
    misleading not_helpful not_resolved unresolved issue_not_resolved unresolved_issue low_quality low_confidence
    abandoned rage_quit_reported needs_improvement useless pointless careless handoff_to_human repetition
    hate_unfairness self_harm sexual violence identity_attack indirect_attack code_vulnerability protected_material
    role_violation misuse data_breach bug slow too_long too_short wrong_answer bad_answer incoherent ambiguity
    inconsistency plagiarism unsupported_claims sycophancy non_compliant noncompliance downtime reopened
    cancellation fallback_triggered timeouts stereotypes harassment customer_upset difficulty friction_score severity
""".split()
GOOD = """
    no_hallucination non_toxic nonToxic nontoxic safe safety is_safe error_free errorfree effortless effortlessness
    harmless painless hallucination_free hallucinationFree free_of_errors absence_of_bias unbiased user_feedback
    helpfulness rating correctness groundedness download_speed downloads budget budget_fit badge harmony harmonious
    flagship several_sources report_quality reporter hardware bandwidth failsafe bounded issue_resolved
    problem_solved error_handling refusal_accuracy refusal_appropriateness appropriate_refusal correct_refusal
    toxicity_detection_accuracy jailbreak_resistance injection_robustness pii_redacted bias_mitigation low_toxicity
    low_effort zero_errors without_errors never_wrong not_unhelpful no_pii effort_free riskless spam_free unblocked
    bulletproof resolved solved csat nps likes hatchback lively liesl blockchain
""".split()


@pytest.mark.parametrize("name", ADVERSE)
def test_more_is_worse(name: str) -> None:
    assert is_adverse(name)


@pytest.mark.parametrize("name", GOOD)
def test_more_is_better(name: str) -> None:
    assert not is_adverse(name)


def test_the_tables_hold_nothing_twice() -> None:
    assert len(set(STEMS)) == len(STEMS)
    assert not [w for w in WORDS if w.startswith(STEMS) and w not in ("timeouts",)]


@pytest.mark.parametrize("word", sorted(WORDS))
def test_a_negation_turns_every_word_round(word: str) -> None:
    assert is_adverse(word) and not is_adverse(f"no_{word}")
