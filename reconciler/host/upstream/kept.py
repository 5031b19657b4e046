"""What is kept of a body that passes, for hooks: a copy within a bound, and what can be read of it. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from reconciler.host.engine.json_values import json_value
from reconciler.host.engine.run import Reply
from reconciler.model.config import Json

MAX_KEPT_BYTES: Final = 2**20
"""Of a body."""
_HEAD_BYTES: Final = 2**14
_TAIL_BYTES: Final = 2**16
"""Of a stream the beginning and the end are kept: they say which model answered, and how many tokens it took."""
MAX_UNPACKED_BYTES: Final = 4 * 2**20
_GZIP: Final = 31
_PACKED: Final = {b"gzip": _GZIP, b"x-gzip": _GZIP, b"deflate": 15}
"""How ``zlib`` is told of each."""
_MAX_PIECES: Final = 1_000
_EVENTS: Final = b"text/event-stream"
_PLAIN: Final = frozenset([b"", b"identity"])
NO_REPLY: Final = Reply(text="", model="", usage={})


class Read(StrEnum):
    """How much of a body a hook has read: all of it, a part, or nothing that it understands."""

    READ = "read"
    PARTIAL = "partial"
    UNREADABLE = "unreadable"


@dataclass(slots=True, kw_only=True)
class Kept:
    """A copy of a body, as far as it may be kept. ``is_stream``: of the middle of a long one nothing is."""

    is_stream: bool = False
    is_whole: bool = True
    head: bytearray = field(default_factory=bytearray)
    _tail: list[bytes] = field(default_factory=list)
    _tail_bytes: int = 0
    _has_gap: bool = False

    def add(self, data: bytes) -> None:
        """The next part of it."""
        if self.is_stream and len(self.head) >= _HEAD_BYTES:
            self._tail.append(data)
            self._tail_bytes += len(data)
            if self._tail_bytes > 2 * _TAIL_BYTES:
                self._tail = [b"".join(self._tail)[-_TAIL_BYTES:]]
                self._tail_bytes, self._has_gap = _TAIL_BYTES, True
        elif self.is_stream or len(self.head) + len(data) <= MAX_KEPT_BYTES:
            self.head += data
        elif self.is_whole:
            self.is_whole = False
            self.head.clear()

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return len(self.head) + self._tail_bytes

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """What is kept: one piece, or beginning and end where the middle is not."""
        head, tail = bytes(self.head), b"".join(self._tail)
        return (head, tail) if self._has_gap else (head + tail,)


def kept_of(headers: Sequence[tuple[bytes, bytes]]) -> Kept:
    """What to keep a body with these headers in."""
    return Kept(is_stream=_value(headers, b"content-type").startswith(_EVENTS) and _packing(headers) in _PLAIN)


def cost_of(kept: Kept, headers: Sequence[tuple[bytes, bytes]]) -> int:
    """What it takes to read it, in the units of ``weight``. Nobody knows how much a packed body is."""
    if kept.is_stream:
        return 0
    return (kept.size if _packing(headers) in _PLAIN else MAX_UNPACKED_BYTES) // 4


def text_of(kept: Kept, headers: Sequence[tuple[bytes, bytes]]) -> tuple[Read, bytes]:
    """The body itself, unpacked, and whether that is all of it."""
    if not kept.is_whole:
        return Read.PARTIAL, b""
    packing = _packing(headers)
    if packing in _PLAIN:
        return Read.READ, b"\n".join(kept.pieces)
    if packing not in _PACKED:
        return Read.UNREADABLE, b""
    return _unpacked(b"".join(kept.pieces), _PACKED[packing])


def reply_of(kept: Kept, headers: Sequence[tuple[bytes, bytes]], *, is_cut: bool) -> tuple[Read, Reply]:
    """What an answer says of the model and its tokens. ``is_cut``: it never came to its end."""
    read, data = text_of(kept, headers)
    is_stream = _value(headers, b"content-type").startswith(_EVENTS)
    reply = _in_stream(data.splitlines()) if is_stream else _in_documents([json_value(data)])
    if is_cut or read is Read.PARTIAL:
        return Read.PARTIAL, reply or NO_REPLY
    return (Read.READ, reply) if reply else (Read.UNREADABLE, NO_REPLY)


def _in_stream(lines: Sequence[bytes]) -> Reply | None:
    """Of a stream's many events only the first is decoded, and from the end on those that may count tokens."""
    events = [line[5:] for line in lines if line.startswith(b"data:")]
    first = next((found for one in events if isinstance(found := json_value(one), dict)), None)
    counts = (json_value(one) for one in reversed(events) if b'"usage"' in one)
    last = next((one for one in counts if isinstance(one, dict) and isinstance(one.get("usage"), dict)), None)
    return _in_documents([first, last])


def _in_documents(values: Sequence[Json]) -> Reply | None:
    """The model is named in the first of them, the tokens are counted in the last."""
    documents = [value for value in values if isinstance(value, dict)]
    if not documents:
        return None
    usage = documents[-1].get("usage")
    model = documents[0].get("model")
    return Reply(text="", model=model if isinstance(model, str) else "", usage=usage if isinstance(usage, dict) else {})


def _unpacked(data: bytes, bits: int) -> tuple[Read, bytes]:
    """All of it: what is packed with gzip may be several pieces, one behind the other (RFC 1952, 2.2)."""
    found = bytearray()
    for _ in range(_MAX_PIECES if bits == _GZIP else 1):
        unpacker = zlib.decompressobj(bits)
        try:
            found += unpacker.decompress(data, MAX_UNPACKED_BYTES + 1 - len(found))
        except zlib.error:
            return Read.UNREADABLE, b""
        if not unpacker.eof or len(found) > MAX_UNPACKED_BYTES:
            return Read.PARTIAL, bytes(found[:MAX_UNPACKED_BYTES])
        data = unpacker.unused_data
        if not data:
            return Read.READ, bytes(found)
    return Read.UNREADABLE, b""


def _packing(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    return _value(headers, b"content-encoding")


def _value(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes:
    return next((value.strip().lower() for one, value in headers if one.lower() == name), b"")
