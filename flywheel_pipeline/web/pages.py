"""What the pages for people have in common: their files, the JSON they send, errors told in their own words."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


def page_file(package: str, names: tuple[str, ...], name: str) -> Response:
    """Return one of the files `names` in the folder `page` of a package; the first is the page itself."""
    found = name or names[0]
    if found not in names or name == names[0]:
        return PlainTextResponse("There is no such page.", 404)
    data = files(package).joinpath("page").joinpath(found).read_bytes()
    return Response(data, media_type=TYPES[found.rpartition(".")[2]])


async def read_object(request: Request, longest: int) -> dict[str, Any] | None:
    """Return the JSON object of a body of at most `longest` bytes, None for anything else."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > longest:
            return None
    try:
        sent = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return None
    return sent if isinstance(sent, dict) else None


def tell(status: int) -> Callable[[Request, Exception], Response]:
    """Return what answers an error with its own words, which the page shows."""
    return lambda request, error: JSONResponse({"error": str(error)}, status)


def tell_not_saved(request: Request, error: Exception) -> Response:
    """Answer an error of the disk."""
    why = getattr(error, "strerror", None) or error
    return JSONResponse({"error": f"It could not be saved: {why}. Try again."}, 503)
