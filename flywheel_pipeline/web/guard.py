"""Access to the pages: for the person at this machine only, or for whoever has the token.

A page of another site can make a browser send requests here, also under a host name of its own that resolves to this
machine (DNS rebinding). So a request must name a host that is ours (Host), must not come from another site's page
(Origin, Sec-Fetch-Site), and a request that changes something must be JSON, which an HTML form cannot send.
"""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "flywheel_token"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Middleware that passes only permitted requests to `app` and sets the security headers on every response."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                own = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *own]  # type: ignore[misc]
            await send(message)

        refused = self._refusal(Request(scope))
        await (refused or self.app)(scope, receive, with_headers)  # type: ignore[arg-type]

    def _refusal(self, request: Request) -> Response | None:
        if self.token is None and not names_this_machine(request):
            return PlainTextResponse(
                "This page is only available on the machine that serves it: open it as 127.0.0.1.", 421
            )
        if comes_from_other_site(request):
            return PlainTextResponse("Requests from pages of other sites are refused.", 403)
        if request.method == "POST" and not request.headers.get("content-type", "").startswith("application/json"):
            return PlainTextResponse("Send application/json.", 415)
        return None if self.token is None else self._without_token(request)

    def _without_token(self, request: Request) -> Response | None:
        assert self.token is not None
        if _same(request.cookies.get(COOKIE, ""), self.token):
            return None
        if _same(request.query_params.get("token", ""), self.token):
            answer = RedirectResponse(request.url.path, 303)  # the token does not stay in the address bar
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict", max_age=30 * 86_400)
            return answer
        return PlainTextResponse(
            "Open this page with ?token=… at the end of its address; ask the person who set it up for the token.", 401
        )


def names_this_machine(request: Request) -> bool:
    """Return whether a request names a host that no other site can claim for itself (DNS rebinding)."""
    return _name_of(request.headers.get("host", "")) in LOOPBACK


def comes_from_other_site(request: Request) -> bool:
    """Return whether a browser sent the request for a page of another site; links from there may be followed (GET)."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host", ""):
        return True
    return request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and request.method != "GET"


def _name_of(host: str) -> str:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    return name.strip("[]").lower()


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
