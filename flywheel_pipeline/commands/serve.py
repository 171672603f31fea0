"""The server of a home: applications send it traces and feedback, people label and review on its pages."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.commands.board import taxonomy_board
from flywheel_pipeline.errors import HomeError, SettingsError
from flywheel_pipeline.records import Annotation, FailureMode, RawTrace
from flywheel_pipeline.settings import Settings, load_settings
from flywheel_pipeline.steps.annotate import FIELDS, Sharing
from flywheel_pipeline.web import (
    Limits,
    People,
    Sampled,
    Source,
    build_app,
    labelling_page,
    mount_pages,
    open_socket,
    serve_app,
    taxonomy_page,
)
from flywheel_pipeline.web.pages import Page

TABLES = ("sampled_traces", "raw_traces", "annotations", "failure_taxonomy")
"""What the labelling page shows."""


def serve_home(
    home: Path | None, host: str, port: int, say: Callable[[str], None], browse: Callable[[str], object] | None = None
) -> None:
    """Take traces and feedback into `traces/` of the home, and labels into `labels/`, until SIGTERM or SIGINT.

    `browse` opens the labelling page, if it is given.

    Raises:
        HomeError: there is no home.
        SettingsError: it may not, or cannot, listen there.
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
        url, pages = _url_of(listening.getsockname()), pages_of(settings)
        say(f"Listening on {url}: POST {url}/v1/traces and {url}/v1/feedback; landing in {settings.home / 'traces'}.")
        for page in pages:
            say(f"{page.title}: {url}/{page.name}/{'?token=...' if token else ''}")
        if browse:
            browse(
                f"{url}/{pages[0].name}/"
            )  # without the token: others on this machine can read a command's arguments
        app = build_app(settings.home / "traces", _limits(settings), token, mount_pages(pages, token))
        serve_app(app, listening)


def pages_of(settings: Settings) -> list[Page]:
    """Return the pages of a home, in the order of the navigation."""
    return [
        labelling_page(settings.home / "labels", label_source(settings), people_of(settings)),
        taxonomy_page(taxonomy_board(settings)),
    ]


def _url_of(address: tuple[Any, ...]) -> str:
    host, port = address[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def people_of(settings: Settings) -> People:
    """Return who labels on the page, and how they share the batches."""
    known = settings.annotate
    names = tuple(dict.fromkeys([known.arbiter, *known.annotators]))
    return People(Sharing(names, known.overlap, known.repeated), known.submit_after)


def label_source(settings: Settings) -> Source:
    """Return where the labelling page has its traces from: the drawn batches, and the lake."""
    lake = Lake(settings.home / "lake")
    return Source(
        stamp=lambda: lake.stamp(*TABLES),
        sampled=lambda: _sampled(lake),
        traces=lambda ids: lake.read("raw_traces", RawTrace, "trace_id in (select unnest(?))", [list(ids)]),
        filed=lambda annotator: _filed(lake, annotator),
        modes=lambda: [m.name for m in sorted(lake.read("failure_taxonomy", FailureMode), key=lambda m: m.rank)],
    )


def _sampled(lake: Lake) -> list[Sampled]:
    """Return the captured traces of all batches that were drawn to be labelled, the newest batch first."""
    rows = lake.frame(
        "select trace_id, batch, reason from sampled_traces semi join raw_traces using (trace_id) where to_label"
        " order by batch desc, trace_id"
    )
    return [Sampled(*row) for row in rows.itertuples(index=False, name=None)]


def _filed(lake: Lake, annotator: str) -> dict[str, dict[str, Any]]:
    """Return {trace: label} of an annotator's label files as they were last read; the latest label counts."""
    rows = lake.read("annotations", Annotation, "annotator = ? and not is_repeat and not is_superseded", [annotator])
    rows.sort(key=lambda a: (a.labelled_at is not None, a.labelled_at, a.source_file, a.source_line))
    return {a.trace_id: {name: getattr(a, name) for name in FIELDS} for a in rows}


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
