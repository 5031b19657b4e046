"""A connection under one deadline and one cap, for whatever arrives over it: status, headers, framing and body.

A socket's own timeout starts again with each byte, and limits on a body see neither headers nor chunk sizes.
"""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING

from reconciler.errors import InputError, UnreachableError
from reconciler.sources.web.deadline import Deadline

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Wire:
    """What an HTTP client needs of a connected ``sock``, which remains its owner's to close.

    ``max_bytes`` is how much may arrive, framing included. Its failures are already errors of ours.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline, max_bytes: int) -> None:
        self._sock = sock
        self._deadline = deadline
        self._incoming = Incoming(_Arriving(sock, deadline, max_bytes))

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.left())
        try:
            self._sock.sendall(data)
        except TimeoutError:
            raise self._deadline.missed() from None
        except OSError as error:
            raise broken(error) from error

    def makefile(self, _mode: str) -> Incoming:
        """The one reader of all that arrives."""
        return self._incoming

    @property
    def has_surplus(self) -> bool:
        """Whether more has arrived than belongs to the answer; known once that was read to its end."""
        return self._incoming.has_surplus

    def settimeout(self, seconds: float | None) -> None:
        """Nothing: each step has what is left until the deadline."""

    def close(self) -> None:
        """Nothing: a client closes before it has read the answer."""


class Incoming(io.BufferedReader):
    """Buffers what arrives. ``has_surplus``: more had arrived than was read when the client closed it."""

    has_surplus = False

    def __init__(self, arriving: _Arriving) -> None:
        super().__init__(arriving)
        self._arriving = arriving

    def close(self) -> None:
        if not self.closed:
            self._arriving.ended = True
            self.has_surplus = bool(self.peek(1))
        super().close()

    def flush(self) -> None:
        """Nothing: it is only read. A client that is collected as garbage asks for it after it was closed."""


class _Arriving(io.RawIOBase):
    """Bytes as they arrive; none any more once it has ``ended``."""

    def __init__(self, sock: socket.socket, deadline: Deadline, max_bytes: int) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        self._allowed = max_bytes
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self.ended:
            return 0
        self._sock.settimeout(self._deadline.left())
        try:
            count = self._sock.recv_into(buffer)
        except TimeoutError:
            raise self._deadline.missed() from None
        except OSError as error:
            raise broken(error) from error
        self._allowed -= count
        if self._allowed < 0:
            raise InputError("it sends far more than an answer of the size that is allowed takes")
        return count


def broken(error: OSError) -> UnreachableError:
    """The error for a connection that failed."""
    return UnreachableError(f"the connection broke: {error.strerror or error}")
