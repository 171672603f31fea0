"""What `flywheel evals compare` and `flywheel report` print and write."""

from __future__ import annotations

from pathlib import Path

from flywheel_pipeline.atomic_write import replace_text
from flywheel_pipeline.commands.evals_table import comparison_lines, comparison_markdown
from flywheel_pipeline.commands.options import say
from flywheel_pipeline.flows.compare import CANDIDATE, PRODUCTION, Compared, compare, evaluated_versions, stand
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.steps.evaluate import Quality, quality_of_change, unless_unjudged
from flywheel_pipeline.web.evaluate.report import render_report


def compare_and_report(
    bench: Workbench, versions: tuple[str, str], fail_under: float | None, junit: Path | None, summary: Path | None
) -> Quality:
    """Print the comparison, write what else was asked for, and return whether the version after may follow."""
    compared = compare(bench, *versions)
    known = stand(compared)
    quality = quality_of_change(compared.found, compared.approved, fail_under)
    quality = unless_unjudged(quality, fail_under, compared.unjudged)
    say("\n".join(comparison_lines(compared, known)))
    if junit:
        from flywheel_pipeline.commands.junit import write_junit

        write_junit(compared, junit)
    if summary:
        with summary.open("a", encoding="utf-8") as file:
            file.write(comparison_markdown(compared, known, quality))
    return quality


def write_report(bench: Workbench, versions: tuple[str, str | None], output: Path) -> str:
    """Write the HTML file; return what was written."""
    compared = compare(bench, versions[0], versions[1] or latest(bench))
    replace_text(output, render_report(bench, compared))
    return f"Wrote {output}: {describe(compared)}."


def latest(bench: Workbench) -> str:
    """Return `candidate` if one was evaluated, else `production`."""
    return CANDIDATE if any(v.role.startswith(CANDIDATE) for v in evaluated_versions(bench)) else PRODUCTION


def describe(compared: Compared) -> str:
    """Return which versions were compared on how many cases."""
    versions = [str(compared.before), str(compared.after)]
    return f"{' -> '.join(dict.fromkeys(versions))} on {len(compared.found.cases):,} cases"
