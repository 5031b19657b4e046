"""A tool server at an address: a client that follows no redirect, knows no proxies, and reads no more than it may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, cast

import httpx2

from reconciler.host.mcp.definitions import ServerDefinition, Transport

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

_STREAM: Final = "text/event-stream"
_CONNECT_SECONDS: Final = 10.0
_IDLE_SECONDS: Final = 3600.0
"""A stream of events may be silent for as long."""


@asynccontextmanager
async def transport(definition: ServerDefinition, most: int) -> AsyncIterator[TransportStreams]:
    """Its streams, as the SDK wants them."""
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client

    def client(*_: object, **__: object) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            headers={**definition.headers, "Accept-Encoding": "identity"},
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(_CONNECT_SECONDS, read=_IDLE_SECONDS),
            transport=_Bounded(most),
        )

    if definition.transport is Transport.SSE:
        async with sse_client(definition.url, httpx_client_factory=client) as streams:
            yield streams
        return
    async with (
        client() as made,
        streamable_http_client(definition.url, http_client=made, max_sse_event_size=most) as streams,
    ):
        yield streams


class _Bounded(httpx2.AsyncHTTPTransport):
    """Reads ``most`` bytes of an answer, or of one event of a stream of them."""

    def __init__(self, most: int) -> None:
        super().__init__(trust_env=False)
        self._most = most

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":  # a few bytes could be any number
            await response.aclose()
            raise httpx2.ReadError("its answer is packed, which it was asked not to do", request=request)
        is_stream = response.headers.get("content-type", "").startswith(_STREAM)
        response.stream = _Counted(cast(httpx2.AsyncByteStream, response.stream), self._most, is_stream=is_stream)
        return response


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, most: int, *, is_stream: bool) -> None:
        self._stream = stream
        self._most = most
        self._is_stream = is_stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        count = 0
        async for chunk in self._stream:
            end = chunk.rfind(b"\n") if self._is_stream else -1
            count = count + len(chunk) if end < 0 else len(chunk) - end
            if count > self._most:
                raise httpx2.ReadError(f"its answer has more than {self._most} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
