"""One request to one place that was found fit. The only file that knows the HTTP client.

``urllib3`` at the level of a single connection: no proxies, no netrc, no redirects, no retries; and the address that is
connected to, while the certificate is checked for the host's name, is ours to say. It is loaded with this file, and not
by the first request: several threads that load it at once may find it half loaded.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from http.client import HTTPException, RemoteDisconnected
from socket import socket
from typing import BinaryIO, Final, Protocol, cast

from msgspec import Struct
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError, RefusedError, UnreachableError
from reconciler.model.regex import regex
from reconciler.sources.web.addresses import HostAddresses, look_up
from reconciler.sources.web.authorities import NOBODY_ELSE, Authorities
from reconciler.sources.web.deadline import Deadline
from reconciler.sources.web.proxy import DIRECT, Proxies, ProxyServer
from reconciler.sources.web.url import HttpUrl
from reconciler.sources.web.wire import Wire

CHUNK_BYTES: Final = 2**16
_TUNNEL: Final = regex(r"Tunnel connection failed: ([0-9]{3})\b")
_STEP_SECONDS: Final = 20.0
"""For one address to accept a connection, and again for its part of TLS."""
_FRAMING_BYTES: Final = 2**20
_UNKNOWN_AUTHORITY: Final = frozenset([18, 19, 20, 21])
_OWN_AUTHORITY: Final = "an authority of your own is trusted where SSL_CERT_FILE names the file with its certificate"
_CERTIFICATE_FAULTS: Final = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is signed by itself",
    19: "it is not signed by an authority that this machine trusts",
    20: "it is not signed by an authority that this machine trusts",
    21: "it is not signed by an authority that this machine trusts",
    62: "it is for another host",
    64: "it is for another host",
}
"""By OpenSSL's codes, since its texts differ from version to version."""


class Response:
    """Status, headers and body of what a server sent. Every failure is an error of ours, without the address."""

    def __init__(self, response: HTTPResponse, wire: Wire) -> None:
        self._response = response
        self._wire = wire
        self.status = response.status

    def header(self, name: str) -> str:
        """The header's value; several of one name are joined by a comma, none is empty."""
        return self._response.headers.get(name, "").strip()

    def promised(self) -> int | None:
        """Bytes of the body, where the server says so. ``InputError`` where that is not clear, or the body encoded."""
        if self.header("Content-Encoding").lower() not in ("", "identity"):
            raise InputError("it sends its answer compressed, though it was asked not to")
        encoding, length = self.header("Transfer-Encoding").lower(), self.header("Content-Length")
        if encoding not in ("", "chunked") or (encoding and length):
            raise InputError("it does not say clearly how long its answer is")
        if not length:
            return None
        if not (length.isascii() and length.isdigit()):
            raise InputError("it does not say clearly how long its answer is")
        return int(length)

    def chunks(self) -> Iterator[bytes]:
        """The body, as it was sent. ``UnreachableError`` where it is cut off, ``InputError`` where there is more."""
        while chunk := self._read():
            yield chunk
        if self._wire.has_surplus:
            raise InputError("it sends more than it announces")

    def _read(self) -> bytes:
        try:
            return self._response.read(CHUNK_BYTES, decode_content=False)
        except (HTTPException, HTTPError, ValueError) as error:
            raise UnreachableError("its answer was cut off") from error


class Network(Struct, frozen=True, kw_only=True):
    """How this machine reaches others: through which proxies, and whose certificates are trusted besides."""

    proxies: Proxies = DIRECT
    authorities: Authorities = NOBODY_ELSE


NETWORK: Final = Network()


class Message(Struct, frozen=True):
    """What is sent: a GET without anything, unless it says otherwise. ``size`` is in bytes of the ``body``."""

    method: str = "GET"
    body: bytes | BinaryIO | None = None
    size: int = 0

    @property
    def headers(self) -> Mapping[str, str]:
        return {} if self.method in ("GET", "HEAD") else {"Content-Length": str(self.size)}


GET: Final = Message()


class Bound(Protocol):
    """What bounds a transfer: a deadline, and how many bytes its outcome may have; the network it goes over, and what
    is sent.
    """

    @property
    def deadline(self) -> Deadline: ...

    @property
    def size(self) -> int: ...

    @property
    def network(self) -> Network: ...

    @property
    def message(self) -> Message: ...


@contextmanager
def asked(url: HttpUrl, place: HostAddresses, headers: Mapping[str, str], bound: Bound) -> Iterator[Response]:
    """The answer to the bound's message to ``url`` at ``place``; a body of its size fits in, and not much more."""
    deadline, size = bound.deadline, bound.size
    connection = _connected(url, place, deadline, bound.network.authorities)
    sock = cast(socket, connection.sock)
    with closing(sock):
        wire = Wire(sock, deadline, size + size // 4 + _FRAMING_BYTES)
        connection.sock = cast(socket, wire)  # it has all of a socket that a client calls
        with closing(_response(connection, url, headers, place.proxy, bound.message)) as response:
            yield Response(response, wire)


def _response(
    connection: HTTPConnection,
    url: HttpUrl,
    headers: Mapping[str, str],
    proxy: ProxyServer | None,
    message: Message,
) -> HTTPResponse:
    sent = {"Host": url.authority, "Connection": "close", "Accept-Encoding": "identity", **message.headers, **headers}
    target = url.target
    if proxy is not None and url.origin.scheme == "http":
        target, sent = url.text, {**sent, **proxy.headers}
    if message.body is not None and not isinstance(message.body, bytes):
        message.body.seek(0)
    try:
        connection.request(
            message.method, target, body=message.body, headers=sent, preload_content=False, decode_content=False
        )
        return connection.getresponse()
    except RemoteDisconnected as error:
        raise UnreachableError("it closed the connection without an answer") from error
    except (HTTPException, HTTPError, ValueError) as error:
        raise InputError("the answer is not HTTP") from error


def _connected(url: HttpUrl, place: HostAddresses, deadline: Deadline, authorities: Authorities) -> HTTPConnection:
    """A connection to the first address that accepts one, of the proxy where there is one."""
    failure: LlamagateError = UnreachableError("it has no address")
    addresses = place.addresses if place.proxy is None else look_up(place.proxy.host, deadline).addresses
    for address in addresses:
        # The client grants this to each of two steps, to connect and to agree on TLS; so both stay within the deadline.
        seconds = min(deadline.left() / 2, _STEP_SECONDS)
        connection = _connection(url, (address, place.proxy), seconds, authorities)
        try:
            connection.connect()
        except (OSError, HTTPError) as error:
            connection.close()
            failure = _failure(error, url, place.proxy)
            failure.__cause__ = error
            if not isinstance(failure, UnreachableError):
                break
        else:
            return connection
    raise failure


def _connection(
    url: HttpUrl, place: tuple[str, ProxyServer | None], seconds: float, authorities: Authorities
) -> HTTPConnection:
    address, proxy = place
    scheme, host, port = url.origin
    if scheme == "http":
        return HTTPConnection(address, proxy.port if proxy else port, timeout=seconds)
    context = _tls(ssl.get_default_verify_paths(), authorities)
    connection = HTTPSConnection(
        address, proxy.port if proxy else port, timeout=seconds, ssl_context=context, server_hostname=host
    )
    if proxy is not None:
        connection.set_tunnel(host, port, headers=proxy.headers)
    return connection


@lru_cache(1)
def _tls(_trusted: ssl.DefaultVerifyPaths, authorities: Authorities) -> ssl.SSLContext:
    """Loading all authorities takes longer than a small download, so that is done once for those that are trusted."""
    context = ssl.create_default_context()
    if any(authorities):
        try:
            context.load_verify_locations(authorities.file or None, authorities.folder or None)
        except OSError as error:
            where = authorities.file or authorities.folder
            raise InputError(f"{where} holds no certificate of an authority", code=ErrorCode.UNREADABLE) from error
    return context


def _failure(error: OSError | HTTPError, url: HttpUrl, proxy: ProxyServer | None) -> LlamagateError:
    host = url.origin.host
    if match := _TUNNEL.match(str(error)):
        return _refused_by(proxy, match[1])
    if isinstance(error, ssl.SSLCertVerificationError):
        fault = _CERTIFICATE_FAULTS.get(error.verify_code, error.verify_message)
        advice = _OWN_AUTHORITY if error.verify_code in _UNKNOWN_AUTHORITY else ""
        return RefusedError(
            f"the certificate of {host} is not accepted: {fault}", advice=advice, code=ErrorCode.INSECURE
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return InputError(f"{host} does not speak TLS as it should: {error.reason}")
    cause = error.__cause__ if isinstance(error, HTTPError) else error
    host = str(proxy) if proxy else host
    if isinstance(cause, TimeoutError):
        return UnreachableError(f"{host} did not answer in time").for_long()
    return UnreachableError(f"no connection to {host}: {getattr(cause, 'strerror', None) or cause}")


def _refused_by(proxy: ProxyServer | None, status: str) -> LlamagateError:
    message = f"the proxy {proxy} does not connect to it: it answered {status}"
    if status == "407":
        advice = "name the variable that holds http://USER:PASSWORD@HOST:PORT in policy.sources.proxy: {env: NAME}"
        return InputError(f"{message} (credentials are needed)", advice=advice, code=ErrorCode.CREDENTIALS)
    if status.startswith("5"):
        return UnreachableError(message)
    return InputError(message, advice="ask who runs the proxy", code=ErrorCode.UNREACHABLE)
