"""One GET to one place that was found fit. The only file that knows the HTTP client.

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
from typing import Final, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError, RefusedError, UnreachableError
from reconciler.sources.web.addresses import HostAddresses
from reconciler.sources.web.deadline import Deadline
from reconciler.sources.web.url import HttpUrl
from reconciler.sources.web.wire import Wire

CHUNK_BYTES: Final = 2**16
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


@contextmanager
def asked(
    url: HttpUrl, place: HostAddresses, headers: Mapping[str, str], deadline: Deadline, size: int
) -> Iterator[Response]:
    """The answer to a GET of ``url`` at ``place``; a body of ``size`` bytes fits in, and not much more."""
    connection = _connected(url, place, deadline)
    sock = cast(socket, connection.sock)
    with closing(sock):
        wire = Wire(sock, deadline, size + size // 4 + _FRAMING_BYTES)
        connection.sock = cast(socket, wire)  # it has all of a socket that a client calls
        with closing(_response(connection, url, headers)) as response:
            yield Response(response, wire)


def _response(connection: HTTPConnection, url: HttpUrl, headers: Mapping[str, str]) -> HTTPResponse:
    sent = {"Host": url.authority, "Connection": "close", "Accept-Encoding": "identity", **headers}
    try:
        connection.request("GET", url.target, headers=sent, preload_content=False, decode_content=False)
        return connection.getresponse()
    except RemoteDisconnected as error:
        raise UnreachableError("it closed the connection without an answer") from error
    except (HTTPException, HTTPError, ValueError) as error:
        raise InputError("the answer is not HTTP") from error


def _connected(url: HttpUrl, place: HostAddresses, deadline: Deadline) -> HTTPConnection:
    """A connection to the first address that accepts one."""
    failure: LlamagateError = UnreachableError("it has no address")
    for address in place.addresses:
        # The client grants this to each of two steps, to connect and to agree on TLS; so both stay within the deadline.
        connection = _connection(url, address, min(deadline.left() / 2, _STEP_SECONDS))
        try:
            connection.connect()
        except (OSError, HTTPError) as error:
            connection.close()
            failure = _failure(error, url)
            failure.__cause__ = error
            if not isinstance(failure, UnreachableError):
                break
        else:
            return connection
    raise failure


def _connection(url: HttpUrl, address: str, seconds: float) -> HTTPConnection:
    if url.origin.scheme == "http":
        return HTTPConnection(address, url.origin.port, timeout=seconds)
    context = _tls(ssl.get_default_verify_paths())
    return HTTPSConnection(
        address, url.origin.port, timeout=seconds, ssl_context=context, server_hostname=url.origin.host
    )


@lru_cache(1)
def _tls(_trusted: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """Loading all authorities takes longer than a small download, so that is done once for those that are trusted."""
    return ssl.create_default_context()


def _failure(error: OSError | HTTPError, url: HttpUrl) -> LlamagateError:
    host = url.origin.host
    if isinstance(error, ssl.SSLCertVerificationError):
        fault = _CERTIFICATE_FAULTS.get(error.verify_code, error.verify_message)
        advice = _OWN_AUTHORITY if error.verify_code in _UNKNOWN_AUTHORITY else ""
        return RefusedError(
            f"the certificate of {host} is not accepted: {fault}", advice=advice, code=ErrorCode.INSECURE
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return InputError(f"{host} does not speak TLS as it should: {error.reason}")
    cause = error.__cause__ if isinstance(error, HTTPError) else error
    if isinstance(cause, TimeoutError):
        return UnreachableError(f"{host} did not answer in time").for_long()
    return UnreachableError(f"no connection to {host}: {getattr(cause, 'strerror', None) or cause}")
