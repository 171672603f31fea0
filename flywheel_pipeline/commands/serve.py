"""The live endpoint of a home: applications send their spans and their users' feedback to it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.commands.board import taxonomy_board
from flywheel_pipeline.errors import HomeError, SettingsError
from flywheel_pipeline.records import Annotation, FailureMode, RawTrace, SampledTrace
from flywheel_pipeline.settings import Settings, load_settings
from flywheel_pipeline.steps.annotate import FIELDS, Sharing, fold_events, label_row, queue_of, trace_of
from flywheel_pipeline.web import (
    Limits,
    People,
    Source,
    build_app,
    labelling_mount,
    open_socket,
    serve_app,
    taxonomy_mount,
)


def serve_home(
    home: Path | None, host: str, port: int, say: Callable[[str], None], browse: Callable[[str], object] | None = None
) -> None:
    """Take traces and feedback into `traces/` of the home, and labels into `labels/`, until SIGTERM or SIGINT.

    `browse` opens the labelling page, if it is given.

    Raises:
        HomeError: there is no home.
        SettingsError: it may not, or can not, listen there.
    """
    settings = load_settings(home)
    if not settings.home.is_dir():
        raise HomeError(f"There is no flywheel home at {settings.home}: make one with `flywheel init`.")
    token = settings.serve.token.get_secret_value() if settings.serve.token else None
    if token is None and not is_loopback(host):
        raise SettingsError(
            f"{host} can be reached from other machines and no token is set, so anyone could write to this home: "
            "set FLYWHEEL_TOKEN (clients send `Authorization: Bearer <token>`), or listen on 127.0.0.1."
        )
    try:
        listening = open_socket(host, port)
    except (OSError, OverflowError) as error:
        raise SettingsError(f"cannot listen on {host}, port {port}: {error}. Choose with --host and --port.") from None
    with listening:
        url = _url_of(listening.getsockname())
        say(f"Listening on {url}: POST {url}/v1/traces and {url}/v1/feedback; landing in {settings.home / 'traces'}.")
        say(f"Labelling page: {url}/label/{'?token=...' if token else ''}")
        if browse:
            browse(f"{url}/label/")  # without the token: others on this machine can read a command's arguments
        say(f"Failure modes: {url}/taxonomy/{'?token=...' if token else ''}")
        pages = [
            labelling_mount(settings.home / "labels", label_source(settings), people_of(settings), token),
            taxonomy_mount(taxonomy_board(settings), token),
        ]
        serve_app(build_app(settings.home / "traces", _limits(settings), token, pages), listening)


def _url_of(address: tuple[Any, ...]) -> str:
    host, port = address[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def people_of(settings: Settings) -> People:
    """Return who labels on the page."""
    names = dict.fromkeys([settings.annotate.arbiter, *settings.annotate.annotators])
    return People(tuple(names), settings.annotate.hand_in_after)


def label_source(settings: Settings) -> Source:
    """Return where the labelling page has its traces from: the drawn batches, and the lake."""
    lake = Lake(settings.home / "lake")
    known = settings.annotate
    sharing = Sharing(people_of(settings).annotators, known.overlap, known.repeated)
    wanted = "trace_id in (select unnest(?))"
    return Source(
        batch=lambda: _to_label(lake),
        known=lambda ids: lake.frame(f"select trace_id from raw_traces where {wanted}", [list(ids)])[
            "trace_id"
        ].tolist(),
        traces=lambda ids: lake.read("raw_traces", RawTrace, wanted, [list(ids)]),
        filed=lambda annotator: _filed(lake, annotator),
        modes=lambda: [m.name for m in sorted(lake.read("failure_taxonomy", FailureMode), key=lambda m: m.rank)],
        queue=lambda annotator, ids: queue_of(annotator, ids, sharing),
        fold=fold_events,
        row=label_row,
        trace_of=trace_of,
    )


def _filed(lake: Lake, annotator: str) -> dict[str, dict[str, Any]]:
    """Return {trace: label} of an annotator's label files as they were last read; the latest label counts."""
    rows = lake.read("annotations", Annotation, "annotator = ? and not is_repeat and not is_superseded", [annotator])
    rows.sort(key=lambda a: (a.labelled_at is not None, a.labelled_at, a.source_file, a.source_line))
    return {a.trace_id: {name: getattr(a, name) for name in FIELDS} for a in rows}


def _to_label(lake: Lake) -> list[SampledTrace]:
    """Return the rows of all batches that were drawn to be labelled, the newest batch first."""
    rows = lake.read("sampled_traces", SampledTrace, "to_label")
    return sorted(rows, key=lambda r: r.batch, reverse=True)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _limits(settings: Settings) -> Limits:
    serve, megabyte = settings.serve, 1_000_000
    return Limits(
        body=int(serve.max_body_mb * megabyte),
        line=int(settings.capture.max_line_mb * megabyte),
        file=int(serve.rotate_mb * megabyte),
        seconds=serve.rotate_seconds,
    )
