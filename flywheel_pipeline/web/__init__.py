"""The pages that people use and the endpoints that applications talk to, of one home."""

from flywheel_pipeline.web.annotate import People, Sampled, Source, labelling_page
from flywheel_pipeline.web.capture.receiver import Limits, build_app
from flywheel_pipeline.web.cluster import Board, taxonomy_page
from flywheel_pipeline.web.pages import mount_pages
from flywheel_pipeline.web.server import open_socket, serve_app

__all__ = [
    "Board", "Limits", "People", "Sampled", "Source", "build_app", "labelling_page", "mount_pages", "open_socket",
    "serve_app", "taxonomy_page",
]  # fmt: skip
