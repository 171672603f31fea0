"""The files of a home: what each is for, who writes it, and how it may change."""

from __future__ import annotations

from dataclasses import dataclass

SETTINGS_FILE = "flywheel.yaml"
TAXONOMY_FILE = "taxonomy/failure_modes.yaml"
PROPOSALS_FILE = "taxonomy/proposals.yaml"
WRITTEN_FILE = "lake/failure_modes_as_written.json"
"""The failure modes as the last run wrote them: what differs from it in the reviewed file, a person has changed."""
GOLDEN_FILE = "golden/golden_set.jsonl"
PENDING_FILE = "golden/pending.jsonl"
PICKED_FILE, VIEWS_FILE = "picked.jsonl", "views.yaml"
TEST_READS_FILE = "golden/test_reads.jsonl"
FLIP_LABELS_FILE = "golden/flip_labels.jsonl"
KNOWN_FAILURES_FILE = "golden/known_failures.yaml"
READ_PROMPTS_FILE = "prompts/read.jsonl"
TURNS_FILE = "prompts/turns.jsonl"
PUBLISHED_FILE = "prompts/published.jsonl"
REASONS_FILE = "prompts/reasons.jsonl"
TEMPLATES_FILE = "prompts/templates.yaml"
DIMENSIONS_FILE = "golden/dimensions.yaml"
EVALUATORS_FILE = "evaluators.yaml"
OWN_EVALUATORS = "evaluators"
"""The folder of a person's own evaluator functions and their tests."""


@dataclass(frozen=True)
class HomePart:
    """A file or folder of a home.

    `kind` says how it changes: ``landing`` (put there by people and apps, never changed by us), ``reviewed`` (edited by
    people and runs, each refusing to overwrite what it has not seen), ``append-only``, ``versions`` (new files beside
    old ones), ``kept`` (the only copy of what came from files that are gone), ``computed`` (may be deleted at any
    time).
    """

    path: str
    kind: str
    doc: str


PARTS = (
    HomePart(SETTINGS_FILE, "reviewed", "The settings; `flywheel settings` prints all of them"),
    HomePart("traces/", "landing", "Exported traces, as they come"),
    HomePart("samples/", "append-only", "Batches drawn for labelling, with their inclusion probabilities"),
    HomePart(PICKED_FILE, "append-only", "Traces that people sent to an annotator, with a note"),
    HomePart("labels/", "landing", "Label files, one per batch; `.history/` keeps every version that was read"),
    HomePart(TAXONOMY_FILE, "reviewed", "The failure modes with their failures and history"),
    HomePart(PROPOSALS_FILE, "reviewed", "Changes to the failure modes that the last run proposes, or people rejected"),
    HomePart(GOLDEN_FILE, "append-only", "The golden set: cases, retirements, graduations, versions"),
    HomePart(PENDING_FILE, "append-only", "Generated cases and the decisions on them"),
    HomePart(TEST_READS_FILE, "append-only", "Every read of the test split"),
    HomePart(
        FLIP_LABELS_FILE, "append-only", "The expert's verdicts on cases that flip between production and a candidate"
    ),
    HomePart(KNOWN_FAILURES_FILE, "reviewed", "Approved failures: they may stay, a pass may not fall"),
    HomePart(DIMENSIONS_FILE, "reviewed", "Dimensions along which questions differ, as a model proposed them"),
    HomePart(VIEWS_FILE, "reviewed", "Named filters of the list of traces, shared by a team"),
    HomePart(EVALUATORS_FILE, "reviewed", "Which evaluators judge which failure mode, accepted and proposed"),
    HomePart(f"{OWN_EVALUATORS}/", "landing", "Your own evaluator functions in Python, with their tests"),
    HomePart(READ_PROMPTS_FILE, "append-only", "Which candidates with foreign parts a person has read"),
    HomePart(TURNS_FILE, "append-only", "What the gate decided on, turn by turn, and what was known by then"),
    HomePart(PUBLISHED_FILE, "append-only", "Where production prompts were published, and what failed"),
    HomePart(REASONS_FILE, "append-only", "Why each line of a proposed prompt was changed"),
    HomePart(TEMPLATES_FILE, "reviewed", "Prompt templates mined from the traces, accepted and proposed"),
    HomePart("prompts/", "versions", "Every prompt version, and the labels that point at them with all their moves"),
    HomePart("captured/", "kept", "The rows of exported traces whose files were removed: there is no other copy"),
    HomePart("lake/", "computed", "The tables, as Parquet"),
    HomePart("llm_cache/", "computed", "Replies of models and embeddings; deleting it means paying again"),
    HomePart("dagster/", "computed", "Dagster's own storage"),
)
"""Everything in a home, in flywheel order."""

FOLDERS = tuple(
    dict.fromkeys(p.path.split("/")[0] for p in PARTS if "/" in p.path and p.kind not in ("kept", "computed"))
)
"""Folders that a new home has."""
COMPUTED = tuple(p.path.rstrip("/") for p in PARTS if p.kind == "computed")
"""Folders that git ignores."""
