"""An upstream at the level of bytes: each connection is read as a script of the test says, and answered so."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Self

SECONDS = 20.0


@dataclass
class Line:
    """One connection, as the upstream sees it."""

    socket: socket.socket
    buffered: bytes = b""

    def request(self) -> bytes:
        """The next request: its head, and a body of the length that it names. Empty where none comes."""
        head = self._until(b"\r\n\r\n")
        length = next(
            (int(one.split(b":")[1]) for one in head.lower().split(b"\r\n") if one.startswith(b"content-length:")), 0
        )
        if b"transfer-encoding: chunked" in head.lower():
            return head + self._until(b"0\r\n\r\n")
        while len(self.buffered) < length and self._more():
            pass
        body, self.buffered = self.buffered[:length], self.buffered[length:]
        return head + body

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def is_closed(self, within: float = SECONDS) -> bool:
        """Whether the other end goes away in time."""
        self.socket.settimeout(within)
        try:
            return self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def reset(self) -> None:
        """End it as a crash does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.buffered:
            if not self._more():
                return b""
        end = self.buffered.index(mark) + len(mark)
        found, self.buffered = self.buffered[:end], self.buffered[end:]
        return found

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except OSError:
            return False
        self.buffered += data
        return bool(data)


Script = Callable[[Line], None]


@dataclass
class RawUpstream:
    """``script`` is run for each connection; ``seen`` are the requests that ``answering`` has read."""

    script: Script
    seen: list[bytes] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    is_ready: bool = False
    """Until then it answers 404 to everything: a host looks at its upstream once, when it starts."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    @property
    def url(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self.lines:
            with suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(SECONDS)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                taken.settimeout(SECONDS)
                line = Line(taken)
                threading.Thread(target=self._run, args=(line,), daemon=True).start()

    def _run(self, line: Line) -> None:
        with suppress(OSError), closing(secured(line, self.tls)):
            if self.is_ready:
                self.lines.append(line)
                self.script(line)
            else:
                line.request()
                line.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


def secured(line: Line, tls: ssl.SSLContext | None) -> socket.socket:
    """The socket of ``line``, from now on encrypted where ``tls`` says so."""
    if tls:
        line.socket = tls.wrap_socket(line.socket, server_side=True)
    return line.socket


def answering(answer: bytes, seen: list[bytes]) -> Script:
    """Answer every request of a connection with ``answer``."""

    def script(line: Line) -> None:
        while request := line.request():
            seen.append(request)
            line.send(answer)

    return script


def until(holds: Callable[[], bool], seconds: float = SECONDS) -> bool:
    """Whether it holds in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
