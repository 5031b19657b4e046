"""The header ``Date`` of answers that have none: one that is passed on keeps its own."""

from __future__ import annotations

import time
from email.utils import formatdate

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Dated:
    """An application whose answers are all dated (RFC 9110, 6.6.1). The server behind it must not date them too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._second = 0
        self._header = (b"date", b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                if not any(name.lower() == b"date" for name, _ in headers):
                    message = {**message, "headers": [self._now(), *headers]}
            await send(message)

        await self._app(scope, receive, sending)

    def _now(self) -> tuple[bytes, bytes]:
        second = int(time.time())
        if second != self._second:
            self._second, self._header = second, (b"date", formatdate(second, usegmt=True).encode())
        return self._header
