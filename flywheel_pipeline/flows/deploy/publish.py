"""Publish the production prompt where `deploy.publish` says; attempts are kept in `prompts/published.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.home.files import PUBLISHED_FILE
from flywheel_pipeline.adapters.publish import (
    AgentaTarget,
    GitTarget,
    LangfuseTarget,
    MlflowTarget,
    Release,
    Target,
)
from flywheel_pipeline.adapters.registry import PRODUCTION
from flywheel_pipeline.errors import ConflictError, CorruptFileError, GateError, PublishError
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.settings import AgentaSettings, GitSettings, LangfuseSettings, MlflowSettings, PublishTo


@dataclass(frozen=True)
class Publication:
    """One attempt to publish a version: the target's id of it, or the problem."""

    at: str
    where: str
    name: str
    version: str
    remote: str | None = None
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"not published to {self.where}: {self.problem} `flywheel prompts publish` tries again."
        return f"published {self.version} to {self.where} as {self.remote}"


def publish_production(bench: Workbench, *, overwrite: bool = False) -> list[Publication]:
    """Publish the production prompt to every place that is configured, and return what came of it.

    What is in production there already is left alone. A place where production is neither this prompt nor the one that
    was published last has been changed by somebody: that is reported, unless `overwrite` says to replace it. So is a
    prompt that is none of this registry's at the first publication. A failure is reported and changes nothing here.
    """
    settings = bench.settings.deploy.publish
    if not settings:
        return []
    release, before = _release(bench), read_publications(bench)
    done = [_publish(bench, _named(release, each), target_of(bench, each), before, overwrite) for each in settings]
    known = {(p.where, p.name): p for p in before}
    news = [p for p in done if _differs(p, known.get((p.where, p.name)))]
    bench.home.append_only(PUBLISHED_FILE).extend(lambda _: [asdict(p) for p in news])
    return done


def _differs(new: Publication, last: Publication | None) -> bool:
    return last is None or (new.version, new.remote, new.problem) != (last.version, last.remote, last.problem)


def _publish(
    bench: Workbench, release: Release, target: Target, before: Sequence[Publication], overwrite: bool
) -> Publication:
    made = [p for p in before if (p.where, p.name) == (target.where, release.name) and not p.problem]
    again = next((p.remote for p in reversed(made) if p.version == release.version), None)
    attempt = {"at": timestamp(), "where": target.where, "name": release.name, "version": release.version}
    try:
        present = target.read(release.name)
        if present is not None and present.text.strip() == release.text.strip():
            return Publication(**attempt, remote=present.remote)
        if present is not None and not overwrite:
            _check_ours(bench, made, present.text)
        return Publication(**attempt, remote=target.write(release, again))
    except (PublishError, ConflictError) as error:
        return Publication(**attempt, problem=str(error))


def _check_ours(bench: Workbench, made: Sequence[Publication], present: str) -> None:
    """Check that production there is what was published last; before that, that it is a prompt of this registry.

    Raises:
        ConflictError: somebody has put another prompt into production there, or it is another app's.
    """
    last = made[-1] if made else None
    ours = [bench.registry.get(last.version)] if last else bench.registry.versions()
    if present.strip() in {prompt.text.strip() for prompt in ours}:
        return
    since = f"somebody has changed it there since {last.version} was published at {last.at}" if last else ""
    raise ConflictError(
        f"{since or 'a prompt that is none of this registry is in production there under this name'}; nothing was "
        "overwritten. `flywheel prompts publish --overwrite` replaces it."
    )


def _release(bench: Workbench) -> Release:
    """Return the production prompt with the reason of its last move.

    Raises:
        GateError: there is no production prompt.
    """
    move = bench.registry.labels().now().get(PRODUCTION)
    if move is None or move.version is None:
        raise GateError("There is no production prompt to publish.")
    prompt = bench.registry.get(move.version)
    return Release(
        bench.settings.app.prompt_name, prompt.version, prompt.text, move.message[:300], prompt.model,
        json.loads(prompt.parameters),
    )  # fmt: skip


def _named(release: Release, settings: PublishTo) -> Release:
    return Release(**{**asdict(release), "name": settings.name or release.name})


def target_of(bench: Workbench, settings: PublishTo) -> Target:
    """Return the place that a section of `deploy.publish` means; credentials are those of the environment."""
    known = {k: v.get_secret_value() for k, v in bench.settings.deploy.credentials}
    if isinstance(settings, LangfuseSettings):
        keys = known["langfuse_public_key"], known["langfuse_secret_key"]
        return LangfuseTarget(settings.url, settings.label, *keys)
    if isinstance(settings, MlflowSettings):
        user = known["mlflow_tracking_username"], known["mlflow_tracking_password"]
        return MlflowTarget(settings.url, settings.alias, known["mlflow_tracking_token"], user)
    if isinstance(settings, AgentaSettings):
        place = settings.app, settings.variant, settings.environment, settings.key
        return AgentaTarget(settings.url, *place, known["agenta_api_key"])
    assert isinstance(settings, GitSettings)
    return GitTarget(_within(bench, settings.repository), settings.branch, settings.path)


def _within(bench: Workbench, path: Path) -> Path:
    """Return a path of the settings; a relative one is relative to the home."""
    return (bench.settings.home / path.expanduser()).resolve()


def last_publications(bench: Workbench) -> list[Publication]:
    """Return the last attempt of every place to publish the prompt that is in production now."""
    now = bench.registry.history()[-1:]
    return list({(p.where, p.name): p for p in read_publications(bench) if [p.version] == now}.values())


def unpublished(bench: Workbench) -> list[Publication]:
    """Return the places whose last attempt for the production prompt failed, or was not made since it was promoted.

    A prompt that nobody promoted, the first one of a home, is in no place but the application yet.
    """
    history = bench.registry.history()
    if len(history) < 2 or not bench.settings.deploy.publish:
        return []
    release, last = _release(bench), {(p.where, p.name): p for p in read_publications(bench)}
    found = []
    for settings in bench.settings.deploy.publish:
        place = (target_of(bench, settings).where, settings.name or release.name)
        known = last.get(place)
        if known is None or known.version != release.version or known.problem:
            why = known.problem if known and known.version == release.version else "it was not tried yet."
            found.append(Publication("", *place, release.version, problem=why))
    return found


def read_publications(bench: Workbench) -> list[Publication]:
    """Return all attempts that were noted, oldest first.

    Raises:
        CorruptFileError: a line is none.
    """
    return [_read(n, row) for n, row in enumerate(bench.home.append_only(PUBLISHED_FILE).read().rows, 1)]


def _read(number: int, row: Mapping[str, Any]) -> Publication:
    try:
        return Publication(**{k: row[k] for k in Publication.__dataclass_fields__ if k in row})
    except TypeError as error:
        raise CorruptFileError(f"{PUBLISHED_FILE}, line {number} is no publication: {error}. Restore it.") from None
