"""Damage that knows nothing of what it damages."""

from __future__ import annotations

import random

MAX_PIECE_BYTES = 40


def number(draw: random.Random) -> int:
    """A number that is often one at which something ends."""
    choice = draw.randrange(6)
    if choice == 0:
        return draw.choice(
            (0, 1, 2, 0xFFFF_FFFF, 0xFFFF_FFFE, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF, 0xFFFE, 0x8000, 2**64 - 1)
        )
    if choice == 1:
        return 1 << draw.randrange(33)
    return draw.randrange(1 << draw.choice((3, 5, 8, 8, 12, 16, 32)))


def damaged(draw: random.Random, data: bytes) -> bytes:
    """``data`` with bits flipped, or a piece of it overwritten, dropped, doubled, moved or put in."""
    choice = draw.randrange(7)
    at = draw.randrange(len(data) + 1)
    length = draw.randrange(MAX_PIECE_BYTES)
    piece = data[at : at + length]
    if choice <= 1:
        return flipped(draw, data)
    if choice == 2:
        return data[:at] + draw.randbytes(len(piece)) + data[at + length :]
    if choice == 3:
        return data[:at] + data[at + length :]
    if choice == 4:
        return data[:at] + piece + data[at:]
    if choice == 5:
        rest = data[:at] + data[at + length :]
        to = draw.randrange(len(rest) + 1)
        return rest[:to] + piece + rest[to:]
    return data[:at] + draw.randbytes(draw.randrange(1, 9)) + data[at:]


def flipped(draw: random.Random, data: bytes) -> bytes:
    """``data`` with one to eight bits flipped."""
    if not data:
        return data
    result = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 8))):
        result[draw.randrange(len(result))] ^= 1 << draw.randrange(8)
    return bytes(result)
