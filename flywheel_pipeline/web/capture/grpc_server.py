"""OTLP over gRPC: the service `TraceService/Export`, with the token, the limits and the durability of OTLP/HTTP.

The method is served as one that takes a stream. On the wire a single request looks the same, but its message is read
only when the handler asks for it: after the token was checked, and no more than `READERS` at once. The messages stay
bytes here and are decoded where those of HTTP are. Browsers do not speak HTTP/2 without TLS, so that no page of another
site reaches this port, whatever name it has for this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from flywheel_pipeline.web.capture.body import SECONDS
from flywheel_pipeline.web.capture.intake import Intake
from flywheel_pipeline.web.capture.responses import GRPC_CODES, Refused, export_response

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
READERS = 2
"""How many messages may be on their way at once, each up to the largest body."""
CALLS = 256
GRACE_SECONDS = 5
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@asynccontextmanager
async def running_grpc(intake: Intake, address: str | None) -> AsyncIterator[None]:
    """Take calls at `address` until the end of the block, then finish those in progress; without an address do nothing.

    Raises:
        RuntimeError: the address is taken.
    """
    if address is None:
        yield
        return
    export = grpc.stream_unary_rpc_method_handler(_Export(intake).answer)  # no codecs: messages are bytes
    options = (("grpc.max_receive_message_length", intake.limits.body), ("grpc.so_reuseport", 0))
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=CALLS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Export": export}),))
    server.add_insecure_port(address)
    await server.start()
    try:
        yield
    finally:
        await server.stop(GRACE_SECONDS)


class _Export:
    """The method `Export`."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self._readers = asyncio.Semaphore(READERS)

    async def answer(self, messages: AsyncIterator[bytes], context: Any) -> bytes:
        """Return the response to one call, or abort it with the status that says why."""
        try:
            return await self._take(messages, dict(context.invocation_metadata()))
        except Refused as error:
            await context.abort(_CODES[GRPC_CODES.get(error.status, 2)], error.reason)
            raise

    async def _take(self, messages: AsyncIterator[bytes], metadata: dict[str, Any]) -> bytes:
        if self.intake.is_open and "origin" in metadata:
            raise Refused(403, "requests from pages of other sites are refused: set FLYWHEEL_TOKEN and send it")
        self.intake.check_token(str(metadata.get("authorization", "")))
        with self.intake.budget.lease() as lease:
            async with self._readers:
                lease.take(self.intake.limits.body)  # its size is known only when it is here
                body = await _read(messages)
                lease.give_back(self.intake.limits.body - len(body))
            n_rejected = await self.intake.take_export(body, True, lease)
        return export_response(n_rejected)


async def _read(messages: AsyncIterator[bytes]) -> bytes:
    try:
        return await asyncio.wait_for(anext(messages, b""), SECONDS)
    except asyncio.TimeoutError:
        raise Refused(408, f"the message did not arrive in {SECONDS} seconds") from None
