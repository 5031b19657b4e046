"""A forge that keeps comments, as far as GitHub's and GitLab's interfaces for them are asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

OURS: Final = "github-actions[bot]"
"""Who writes with the token of the run."""


@dataclass
class Forge:
    """``comments`` by number; ``writes`` are the calls that changed one; ``refuses`` answers them with 403.

    A comment is by the one whose token is shown, unless ``authors`` says otherwise.
    """

    url: str = ""
    comments: dict[int, str] = field(default_factory=dict)
    authors: dict[int, str] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    refuses: bool = False

    def answer(self, method: str, path: str, body: str) -> tuple[int, Any]:
        if path == "/user":
            return 200, {"id": OURS, "username": OURS}
        if method == "GET":
            return 200, [self._shown(number, text) for number, text in self.comments.items()]
        if self.refuses:
            return 403, {"message": "Resource not accessible by integration"}
        place = path.rsplit("/", 1)[1]
        number = int(place) if place.isdigit() else len(self.comments) + 1
        self.writes.append(f"{method} {path}")
        self.comments[number] = body
        return 200, self._shown(number, body)

    def _shown(self, number: int, text: str) -> dict[str, Any]:
        author = self.authors.get(number, OURS)
        user = {"login": author} if author else None
        return {"id": number, "body": text, "user": user, "author": {"id": author}}


def _handler(forge: Forge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size))["body"] if size else ""
            forge.tokens |= {self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""}
            code, document = forge.answer(self.command, self.path.partition("?")[0], body)
            data = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    return Handler


@contextmanager
def forge() -> Iterator[Forge]:
    made = Forge()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
