"""The prompt templates of a home: mined from its traces, accepted by a person, and their values read from traces."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from flywheel_pipeline.adapters.home.files import TEMPLATES_FILE
from flywheel_pipeline.adapters.home.reviewed import Content
from flywheel_pipeline.adapters.registry import PRODUCTION, Move
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.records import PromptVersion
from flywheel_pipeline.steps.deploy import system_prompt
from flywheel_pipeline.steps.deploy.templates import (
    ACCEPTED,
    PROPOSED,
    REJECTED,
    Coverage,
    Mined,
    Template,
    load_templates,
    measure_coverage,
    mine_templates,
    plain_text,
    read_prompt,
    variables_in,
)

MOST_TRACES = 20_000
"""The newest traces, whose system prompts are looked at."""
SEEN_SQL = f"select messages from raw_traces order by started_at desc, trace_id limit {MOST_TRACES}"
CASES_SQL = """
select g.variables, r.messages from golden_set g left join raw_traces r on r.trace_id = g.source_trace_id
where g.status = 'active'
"""
HEAD = """\
# Templates of the system prompts in the traces, the one of most traces first. `flywheel prompts mine` proposes them;
# rename variables in `text`, or change where they are, then `flywheel prompts accept NUMBER`. A template with
# `status: rejected` is not proposed again. The counts are of the traces at the time of writing.
"""


@dataclass(frozen=True)
class Entry:
    """A template of the file `prompts/templates.yaml`."""

    template: Template
    status: str
    coverage: Coverage

    @property
    def version(self) -> str:
        """The prompt version that it is."""
        return version_of("", self.template).version


@dataclass(frozen=True)
class MinedHome:
    """The templates that are on file after mining, and what was found among prompts that no accepted one reproduces.

    `n_prompts` are traces with a system prompt, `n_without` those without one.
    """

    entries: tuple[Entry, ...]
    mined: Mined
    n_prompts: int
    n_without: int


@dataclass(frozen=True)
class AcceptedTemplate:
    """A template that a person accepted: `before` is the production prompt that it replaces, or stands beside.

    Of `n_cases` golden cases, `n_without` are of no trace that shows the values of its variables.
    """

    entry: Entry
    before: str | None
    is_production: bool
    n_cases: int
    n_without: int


def version_of(name: str, template: Template, base: str | None = None, note: str = "") -> PromptVersion:
    """Return a template as a prompt version."""
    return PromptVersion.of(name, template.text, base, note)


def mine_home(bench: Workbench) -> MinedHome:
    """Look for templates in the newest traces, and propose those that are not on file yet; accepted ones stay.

    Raises:
        HomeError: no trace has a system prompt.
        ConflictError: somebody else has changed the file meanwhile.
    """
    prompts, n_without = _prompts(bench)
    if not prompts:
        raise HomeError("No trace has a system prompt: there is nothing to find a template in.")
    seen = bench.home.reviewed(TEMPLATES_FILE).read()
    on_file = load_templates(seen.value, TEMPLATES_FILE)
    accepted, rejected = ([t for t, status in on_file if status == s] for s in (ACCEPTED, REJECTED))
    left = {p: n for p, n in prompts.items() if read_prompt(accepted, p) is None}
    mined = mine_templates(left)
    refused = {t.literals for t in rejected}
    new = [t for t, _ in mined.templates if t.literals not in refused]
    entries = (*_entries(accepted, ACCEPTED, prompts), *_entries(new, PROPOSED, left),
               *_entries(rejected, REJECTED, left))  # fmt: skip
    _write(bench, entries, seen)
    return MinedHome(entries, mined, prompts.total(), n_without)


def accept_template(bench: Workbench, name: str, by: str = "") -> AcceptedTemplate:
    """Accept a template by its number in the file, or the beginning of its version.

    It becomes the production prompt where there is none yet, or where the present one is this very template with its
    variables filled in or renamed. In any case its variables are read from traces from now on.

    Raises:
        HomeError: there is no such template, or no trace has a prompt that it reproduces.
        ConflictError: the file or a label was changed meanwhile.
    """
    prompts, _ = _prompts(bench)
    seen = bench.home.reviewed(TEMPLATES_FILE).read()
    on_file = load_templates(seen.value, TEMPLATES_FILE)
    entries = [e for t, status in on_file for e in _entries([t], status, prompts)]
    place = _place(entries, name)
    chosen = entries[place]
    if not chosen.coverage.n:
        raise HomeError(
            f"{TEMPLATES_FILE}, template {name}: no trace has a prompt that it reproduces. Correct its text."
        )
    entries[place] = Entry(chosen.template, ACCEPTED, chosen.coverage)
    labels = bench.registry.labels()
    present = bench.registry.production()
    replaces = present is None or _is_same(chosen.template, present.text)
    note = f"the template of {chosen.coverage.n:,} traces, accepted by {by or 'a person'}"
    bench.registry.add(
        version_of(bench.settings.app.prompt_name, chosen.template, present.version if present else None, note)
    )
    _write(bench, entries, seen)
    if replaces and (present is None or present.version != chosen.version):
        bench.registry.move(Move(PRODUCTION, chosen.version, timestamp(), by, note), labels.seen)
    n_cases, n_without = _cases_without_values(bench, chosen.template)
    return AcceptedTemplate(entries[place], present.version if present else None, replaces, n_cases, n_without)


def _is_same(template: Template, prompt: str) -> bool:
    """Return whether a prompt is a template with its variables filled in, or renamed; no other template is."""
    known = Template.of(prompt)
    return template.literals == known.literals if known.names else template.read(plain_text(prompt)) is not None


def _cases_without_values(bench: Workbench, template: Template) -> tuple[int, int]:
    """Return how many golden cases are evaluated, and how many of them lack values of a template's variables."""
    with bench.lake.connect() as con:
        rows = con.execute(CASES_SQL).fetchall()
    known = [
        set(template.names) <= {*json.loads(values or "{}"), *variables_in([template], messages or "[]")}
        for values, messages in rows
    ]
    return len(known), known.count(False)


def _prompts(bench: Workbench) -> tuple[Counter[str], int]:
    """Return {system prompt: number of traces}, and how many traces have none."""
    with bench.lake.connect() as con:
        seen = Counter(system_prompt(json.loads(row[0])) for row in con.execute(SEEN_SQL).fetchall())
    n_without = seen.pop("", 0)
    return seen, n_without


def _entries(templates: Sequence[Template], status: str, prompts: Mapping[str, int]) -> list[Entry]:
    """Return templates with the prompts that they reproduce, that of most prompts first."""
    covered = measure_coverage(templates, {plain_text(p): n for p, n in prompts.items()})
    return sorted((Entry(t, status, c) for t, c in covered), key=lambda e: (-e.coverage.n, e.template.text))


def _place(entries: Sequence[Entry], name: str) -> int:
    number = int(name) if name.isdecimal() and len(name) < 5 else 0
    found = [number - 1] if 1 <= number <= len(entries) else []
    found = found or [i for i, e in enumerate(entries) if e.version.startswith(name)]
    if len(found) != 1:
        there = f"there are {len(entries)}" if entries else "`flywheel prompts mine` looks for some"
        raise HomeError(f"{'No' if not found else 'More than one'} template is {name!r}; {there}.")
    return found[0]


def _write(bench: Workbench, entries: Sequence[Entry], seen: Content) -> None:
    rows = [
        {
            "status": e.status, "traces": e.coverage.n, "different_prompts": e.coverage.n_different,
            "traces_with_unclear_values": e.coverage.n_ambiguous,
            "examples": {name: [_short(v) for v in values] for name, values in e.coverage.examples.items()},
            "text": e.template.text,
        }
        for e in entries
    ]  # fmt: skip
    text = yaml.dump({"templates": rows}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    bench.home.reviewed(TEMPLATES_FILE).replace_text(HEAD + text, seen.version)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, which people can edit."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _short(value: str) -> str:
    return value if len(value) <= 100 else f"{value[:99]}…"
