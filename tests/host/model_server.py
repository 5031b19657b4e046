"""A model server of our own: it speaks the chat protocol, notes what it is asked, and answers as a test wants."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

Say = Callable[[Any], str]
"""From a request's body to the text of the answer."""


@dataclass
class ModelServer:
    """``say`` answers; ``status`` and ``raw`` replace the answer; ``pause`` is waited for before it; where it
    ``drips``, it never ends.

    ``visits`` counts what is asked beside questions; ``left`` is set when a caller goes away while it waits.
    """

    say: Say = lambda _: "hello"
    status: int = 200
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    pause: threading.Event | None = None
    asked: list[Any] = field(default_factory=list)
    seen_headers: list[dict[str, str]] = field(default_factory=list)
    drips: bool = False
    visits: int = 0
    left: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        handler = type("Handler", (_Handler,), {"model": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def prompts(self) -> list[str]:
        """The last message of each request."""
        return [body["messages"][-1]["content"] for body in self.asked]

    def close(self) -> None:
        if self.pause is not None:
            self.pause.set()
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: ClassVar[ModelServer]

    def do_GET(self) -> None:
        self.model.visits += 1
        self._send(b'{"data":[]}')

    def do_POST(self) -> None:
        model = self.model
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        model.asked.append(body)
        model.seen_headers.append({name.lower(): value for name, value in self.headers.items()})
        if model.pause is not None:
            self._wait(model.pause)
        if model.drips:
            self._drip()
            return
        text = b"" if model.raw is not None else _answer(body, model.say(body))
        self._send(model.raw if model.raw is not None else text)

    def _wait(self, pause: threading.Event) -> None:
        """Until the test lets it go on, or the caller goes away."""
        self.connection.settimeout(0.02)
        while not pause.is_set():
            try:
                if self.connection.recv(1) == b"":
                    self.model.left.set()
                    return
            except TimeoutError:
                pass
        self.connection.settimeout(None)

    def _drip(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(b" ")
                time.sleep(0.02)
        self.model.left.set()

    def _send(self, data: bytes) -> None:
        try:
            self.send_response(self.model.status)
            for name, value in {"Content-Length": str(len(data)), **self.model.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        return


def _answer(body: Any, text: str) -> bytes:
    words = sum(len(message["content"].split()) for message in body["messages"])
    usage = {"prompt_tokens": words, "completion_tokens": len(text.split()), "total_tokens": words + len(text.split())}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"model": body["model"], "choices": [choice], "usage": usage}).encode()
