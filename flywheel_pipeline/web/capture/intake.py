"""What both protocols do with a body: it is decoded, and is on the disk before the request is answered."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from flywheel_pipeline.adapters.process import OwnProcess, ProcessDiedError
from flywheel_pipeline.steps.capture.export_request import DecodeLimits, MalformedError, TooLongError, read_export
from flywheel_pipeline.steps.capture.feedback_request import BadFeedbackError, read_feedback
from flywheel_pipeline.steps.capture.request_size import TooManyError
from flywheel_pipeline.web.capture.appender import Appender, NotWrittenError
from flywheel_pipeline.web.capture.body import Budget, Lease
from flywheel_pipeline.web.capture.landing import LandingFile, recover
from flywheel_pipeline.web.capture.responses import RETRY_SECONDS, Refused, busy

BODIES_IN_MEMORY = 4
"""How many of the largest bodies all requests together may hold."""
BYTES_PER_OBJECT = 32
"""A body of the largest size may hold one object for so many of its bytes; spans have one for 40 and more."""
INLINE_BYTES = 16_000
"""Smaller bodies are decoded at once, which takes a few milliseconds at worst; others in a process of their own."""
Decoded = TypeVar("Decoded")


@dataclass(frozen=True)
class RequestLimits:
    """Bytes of a body and of a line, bytes and seconds of a landing file."""

    body: int
    line: int
    file: int
    seconds: float

    @property
    def decode(self) -> DecodeLimits:
        """The limits of what a body decodes to."""
        return DecodeLimits(self.line, self.body // BYTES_PER_OBJECT)


class Intake:
    """The landing files of one home, their limits, and the token that clients must send."""

    def __init__(self, folder: Path, limits: RequestLimits, token: str | None) -> None:
        self.folder, self.limits = folder, limits
        self.budget = Budget(BODIES_IN_MEMORY * limits.body)
        self._token = None if token is None else token.encode()
        self._spans: Appender
        self._feedback: Appender
        self._decoder: OwnProcess

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Finish the files that an earlier process left, and take requests until the end of the block."""
        with suppress(OSError):  # requests will report it
            await asyncio.to_thread(recover, self.folder)
        self._spans, self._feedback = self._appender("otlp"), self._appender("feedback")
        self._decoder = OwnProcess()
        try:
            yield
        finally:
            await asyncio.gather(self._spans.close(), self._feedback.close())
            self._decoder.close()

    def _appender(self, prefix: str) -> Appender:
        return Appender(LandingFile(self.folder, prefix, self.limits.file, self.limits.seconds))

    @property
    def is_open(self) -> bool:
        """Whether no token is needed."""
        return self._token is None

    def check_token(self, authorization: str) -> None:
        """Refuse a request whose header `Authorization` does not hold the token.

        Raises:
            Refused: 401.
        """
        scheme, _, given = authorization.strip().partition(" ")
        is_bearer = scheme.lower() == "bearer"  # RFC 9110, 11.1: the scheme's case does not matter
        if self._token is not None and not (hmac.compare_digest(given.strip().encode(), self._token) and is_bearer):
            raise Refused(401, "send the header `Authorization: Bearer <token>`", {"WWW-Authenticate": "Bearer"})

    async def _decode(self, function: Callable[..., Decoded], body: bytes, *arguments: Any) -> Decoded:
        if len(body) <= INLINE_BYTES:
            return function(body, *arguments)
        try:
            return await self._decoder.run(function, body, *arguments)
        except ProcessDiedError:
            raise busy("the process that decodes requests died: send it again", RETRY_SECONDS["disk"]) from None

    async def take_export(self, body: bytes, is_protobuf: bool, lease: Lease) -> int:
        """Write the spans of an export request; return how many were dropped for lack of valid ids.

        Raises:
            Refused: it cannot be taken, and nothing of it was.
        """
        try:
            export = await self._decode(read_export, body, is_protobuf, self.limits.decode)
        except MalformedError as error:
            raise Refused(400, str(error)) from None
        except (TooLongError, TooManyError) as error:
            raise Refused(413, str(error)) from None
        await _append(self._spans, export.lines, lease)
        return export.n_rejected

    async def take_feedback(self, body: bytes, lease: Lease) -> int:
        """Write the opinions of a request, all or none; return how many.

        Raises:
            Refused: it cannot be taken, and nothing of it was.
        """
        now = datetime.now(timezone.utc)
        try:
            lines, n = await self._decode(read_feedback, body, now, self.limits.decode)
        except BadFeedbackError as error:
            raise Refused(400, str(error)) from None
        except TooManyError as error:
            raise Refused(413, str(error)) from None
        await _append(self._feedback, lines, lease)
        return n


async def _append(appender: Appender, lines: bytes, lease: Lease) -> None:
    if not lines:
        return
    lease.take(len(lines))
    try:
        await appender.append(lines)
    except NotWrittenError as error:
        raise busy(str(error), RETRY_SECONDS["disk"]) from None
