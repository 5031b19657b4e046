"""All requests, counted for machines and written to the access log. What passes is not touched."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.host.access_log import AccessLog
from reconciler.host.upstream.relay import End
from reconciler.host.web.front import request_id_of

_KEY: Final = "llamagate.passage"


@dataclass(slots=True)
class Passage:
    """How one request was answered. ``end`` is that of its exchange with the upstream, if it had one."""

    status: int = 0
    size: int = 0
    to_upstream: bool = False
    end: End | None = None


def passage_of(scope: Scope) -> Passage:
    """Where to note how a request went on."""
    found = scope.get(_KEY)
    return found if isinstance(found, Passage) else Passage()


@dataclass(slots=True, kw_only=True)
class Traffic:
    """Counts, and writes a line for each request where there is a ``log``."""

    address_of: Callable[[Request], str]
    log: AccessLog | None = None
    open: int = 0
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)

    def ended(self, scope: Scope, passage: Passage, seconds: float) -> None:
        """One more request is answered, as far as it was."""
        place = "upstream" if passage.to_upstream else "host"
        self.answers[place, f"{passage.status // 100}xx" if passage.status else "none"] += 1
        self.seconds[place] = self.seconds.get(place, 0.0) + seconds
        if passage.end:
            self.ends[passage.end] += 1
        if self.log:
            self.log.write(
                {
                    "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
                    "ip": self.address_of(Request(scope)),
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": passage.status or None,
                    "bytes": passage.size,
                    "ms": round(seconds * 1000),
                    "request_id": request_id_of(scope),
                    "to": place,
                    "end": str(passage.end) if passage.end else None,
                }
            )

    def text(self, home: str) -> str:
        """The counts as Prometheus text."""
        return "".join(f"{line}\n" for line in self._lines(_label(home)))

    def _lines(self, home: str) -> Iterator[str]:
        yield from _head("requests_open", "gauge", "Requests that are being answered.")
        yield f'llamagate_requests_open{{home="{home}"}} {self.open}'
        yield from _head("requests_total", "counter", "Requests, by who answers them and how.")
        for (place, status), count in sorted(self.answers.items()):
            yield f'llamagate_requests_total{{home="{home}",to="{place}",status="{status}"}} {count}'
        yield from _head("request_seconds_total", "counter", "How long answers took to their ends.")
        for place, seconds in sorted(self.seconds.items()):
            yield f'llamagate_request_seconds_total{{home="{home}",to="{place}"}} {seconds:.6f}'
        yield from _head("exchanges_total", "counter", "Exchanges with the upstream: whole, left by callers, or cut.")
        for end, count in sorted(self.ends.items()):
            yield f'llamagate_exchanges_total{{home="{home}",end="{end}"}} {count}'


class Counted:
    """The application with its traffic counted."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        passage = scope[_KEY] = Passage()
        begun, traffic = time.perf_counter(), self._traffic

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body":
                passage.size += len(message.get("body", b""))
            elif message["type"] == "http.response.start":
                passage.status = message["status"]
            await send(message)

        traffic.open += 1
        try:
            await self._app(scope, receive, sending)
        finally:
            traffic.open -= 1
            traffic.ended(scope, passage, time.perf_counter() - begun)


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP llamagate_{name} {text}"
    yield f"# TYPE llamagate_{name} {kind}"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
