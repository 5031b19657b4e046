"""One worker process: it does the pieces that come in over a socket, until that is closed.

A piece comes with the seconds that it may take. The system ends the process when they are over, whatever runs in it.
"""

from __future__ import annotations

import contextlib
import gc
import pickle
import signal
import socket
import struct
import sys
from typing import Final

from reconciler.errors import LlamagateError
from reconciler.host.errors import RunError

HEAD: Final = struct.Struct("!Qd")
"""Before each message: its length in bytes, and the seconds."""
_CHUNK: Final = 2**20


def main() -> None:
    """Work until the other end of the socket is closed. Its number is the last argument."""
    gc.disable()  # values are trees
    with socket.socket(fileno=int(sys.argv[-1])) as channel, contextlib.suppress(EOFError, OSError):
        while True:
            length, seconds = HEAD.unpack(_read(channel, HEAD.size))
            data = _read(channel, length)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            answer = _done(data)
            signal.setitimer(signal.ITIMER_REAL, 0)
            channel.sendall(HEAD.pack(len(answer), 0) + answer)


def _done(data: bytes) -> bytes:
    """The result of a piece, or its failure, as bytes."""
    try:
        function, arguments, named = pickle.loads(data)  # noqa: S301 - from the process that started this one
        return pickle.dumps((function(*arguments, **named), None, ""), 5)
    except LlamagateError as error:
        return pickle.dumps((None, type(error), error.message), 5)
    except (RecursionError, MemoryError):
        return pickle.dumps((None, RunError, "a value is too large, or nested too deep"), 5)
    except Exception as error:  # a bug of this program
        return pickle.dumps((None, RuntimeError, type(error).__name__), 5)


def _read(channel: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        chunk = channel.recv(min(_CHUNK, length - len(data)))
        if not chunk:
            raise EOFError
        data += chunk
    return bytes(data)
