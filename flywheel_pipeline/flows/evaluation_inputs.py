"""Whether an evaluation of the production prompt could find anything new."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flywheel_pipeline.adapters.home.files import EVALUATORS_FILE, GOLDEN_FILE, OWN_EVALUATORS, TAXONOMY_FILE
from flywheel_pipeline.flows.workbench import Workbench

LABELS_SQL = "select count(*) as n, bit_xor(hash(a)) as rows from annotations a where is_current"
MISSING_SQL = """
select
    (select count(*) from eval_results where prompt_version = ?) as n_verdicts,
    (select count(*) from eval_results
        where prompt_version = ? and label is null and (error is not null or not starts_with(evaluator, 'check:')))
    + (select count(*) from answers where prompt_version = ? and error is not null) as n_missing
"""


def evaluation_inputs(bench: Workbench) -> str:
    """Return a digest of what an evaluation of the production prompt depends on.

    That is the prompt, the app, the golden set, the failure modes, the evaluators with their code, the expert's labels,
    the traces, the models and the settings. What changes behind a name that stays, such as a provider's model, is not
    seen.

    Raises:
        FlywheelError: the app cannot be loaded, or a file of the home cannot be read.
    """
    settings, client = bench.settings, bench.llm()
    production = bench.registry.production()
    try:
        app = bench.app(client).version
    finally:
        client.store.close()
    parts: dict[str, Any] = {
        "prompt": production.version if production else None,
        "app": [app, settings.app.model_dump(mode="json")],
        "models": [settings.models.app.model_dump(mode="json"), settings.models.judge.model_dump(mode="json")],
        "settings": [settings.evaluate.model_dump(mode="json"), settings.golden.version, settings.annotate.arbiter],
        "traces": bench.lake.inputs("raw_traces"),
        "labels": [str(x) for x in bench.lake.frame(LABELS_SQL).iloc[0]],
        "files": {name: _digest(bench, name) for name in _files(bench)},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def why_unchanged(bench: Workbench, evaluated: str | None) -> str | None:
    """Return why another evaluation would find what the last one found, or None where it could find something else.

    `evaluated` is what `evaluation_inputs` returned before the last evaluation, if that is known. Where verdicts are
    missing, or the tables are gone, there is something to evaluate.
    """
    production = bench.registry.production()
    if evaluated is None or production is None or evaluated != evaluation_inputs(bench):
        return None
    n_verdicts, n_missing = bench.lake.frame(MISSING_SQL, [production.version] * 3).iloc[0]
    if not n_verdicts or n_missing:
        return None
    return (
        f"nothing has changed since the last evaluation of {production.version}: the prompt, the app, the golden set, "
        "the failure modes, the evaluators, the labels, the traces, the models and the settings are the same, and none "
        f"of its {int(n_verdicts):,} verdicts is missing"
    )


def _files(bench: Workbench) -> list[str]:
    own = sorted((bench.settings.home / OWN_EVALUATORS).rglob("*.py"))
    return [TAXONOMY_FILE, GOLDEN_FILE, EVALUATORS_FILE, *(str(p.relative_to(bench.settings.home)) for p in own)]


def _digest(bench: Workbench, name: str) -> str | None:
    path = bench.settings.home / name
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
