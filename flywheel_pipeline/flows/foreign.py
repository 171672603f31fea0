"""What a person has to read in a candidate before it may ship, and which candidates were read."""

from __future__ import annotations

from collections.abc import Sequence

from flywheel_pipeline.adapters.home.files import READ_PROMPTS_FILE
from flywheel_pipeline.errors import GateError
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.records import PromptVersion
from flywheel_pipeline.steps.capture.redact import Redactor
from flywheel_pipeline.steps.improve.foreign import Foreign, foreign_parts

HEARD_SQL = """
select distinct text from (
    select comment as text from annotations
    union all select unnest([input, output, feedback_comment]) from raw_traces
    where trace_id in (select trace_id from annotations)
) where length(text) >= 30
"""
"""What strangers and experts said of the labelled traces: all that an improver can have seen, and more."""


def unread_parts(bench: Workbench, text: str, base: str, quick: bool = False) -> list[Foreign]:
    """Return what a person has to read in a prompt made from `base`; nothing if they have said that they did.

    With `quick`, words of traces, comments and labels are not looked for.
    """
    version = PromptVersion.of("", text, None, "").version
    if any(r.get("version") == version for r in bench.home.append_only(READ_PROMPTS_FILE).read().rows):
        return []
    heard = [] if quick else [str(t) for t in bench.lake.frame(HEARD_SQL)["text"]]
    return foreign_parts(text, base, heard, Redactor().values)


def parts_of(bench: Workbench, version: str) -> Sequence[Foreign]:
    """Return what is still to be read in a version of the registry."""
    prompt = bench.registry.get(version)
    base = bench.registry.get(prompt.base_version).text if prompt.base_version else ""
    return unread_parts(bench, prompt.text, base) if prompt.base_version else []


def note_read(bench: Workbench, name: str, by: str) -> str:
    """Note that a person has read a version (a label, or the beginning of a version); return the version.

    Raises:
        GateError: there is no such version, or nobody is named.
    """
    if not by.strip():
        raise GateError("Say who has read it: --by NAME.")
    version = bench.registry.find(name)
    row = {"version": version, "at": timestamp(), "by": by.strip()[:80]}
    bench.home.append_only(READ_PROMPTS_FILE).extend(lambda _: [row])
    return version
