"""The pages that people use and the endpoints that applications talk to, of one home."""

from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.web.annotate import labelling_page, labelling_service
from flywheel_pipeline.web.capture.intake import RequestLimits
from flywheel_pipeline.web.capture.receiver import build_app
from flywheel_pipeline.web.cluster import taxonomy_page
from flywheel_pipeline.web.deploy import prompt_route
from flywheel_pipeline.web.deploy.page import prompts_page
from flywheel_pipeline.web.evaluate.comparison import comparison_page
from flywheel_pipeline.web.evaluate.judges import judges_page
from flywheel_pipeline.web.improve.try_page import try_page
from flywheel_pipeline.web.pages import Page, mount_pages, prepare_pages
from flywheel_pipeline.web.server import open_socket, serve_app
from flywheel_pipeline.web.traces import traces_page

__all__ = [
    "RequestLimits",
    "build_app",
    "mount_pages",
    "open_socket",
    "pages_of",
    "prepare_pages",
    "prompt_route",
    "serve_app",
]


def pages_of(bench: Workbench) -> list[Page]:
    """Return the pages of a home, in the order of the navigation."""
    service = labelling_service(bench)
    return [
        labelling_page(bench, service),
        traces_page(bench, service),
        taxonomy_page(bench),
        comparison_page(bench),
        judges_page(bench, service),
        prompts_page(bench),
        try_page(bench),
    ]
