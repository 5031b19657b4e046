"""An http proxy on loopback: tunnels, and requests for whole addresses. Names lead where ``hosts`` says."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Self


class ProxyServer:
    """``asked`` has the first line of each request, ``shown`` the credentials with it. ``wants`` are those it needs."""

    def __init__(self, hosts: Mapping[str, int], *, wants: str = "") -> None:
        self.asked: list[str] = []
        self.shown: list[str] = []
        self._hosts = hosts
        self._wants = wants
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                data += client.recv(2**16)
            head, _, rest = data.partition(b"\r\n\r\n")
            line, *headers = head.decode().split("\r\n")
            self.asked.append(line)
            fields = dict(header.split(": ", 1) for header in headers)
            self.shown.append(fields.get("Proxy-Authorization", ""))
            if self._wants and self.shown[-1] != self._wants:
                client.sendall(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n"
                    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
                )
                return
            self._pass_on(client, line, headers, rest)

    def _pass_on(self, client: socket.socket, line: str, headers: list[str], rest: bytes) -> None:
        method, target, version = line.split(" ")
        authority, _, path = target.removeprefix("http://").partition("/")
        port = self._hosts.get(authority.partition(":")[0])
        if port is None:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", port)) as server:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                server.sendall("\r\n".join([f"{method} /{path} {version}", *headers, "", ""]).encode() + rest)
            _both_ways(client, server)


def _both_ways(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select(60):
                chunk = key.fileobj.recv(2**16)  # type: ignore[union-attr]
                if not chunk:
                    return
                key.data.sendall(chunk)
