"""Documents with things wrong in them, drawn at random: in their tokens, in their lines, and in their bytes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

from tests.hostile.mutate_bytes import damaged

MAX_BYTES: Final = 5 * 2**20
_TOKEN: Final = re.compile(r"\n *|[ \t]+|[\w.]+|.", re.DOTALL)
_TOKENS: Final = (
    *(
        "&a",
        "*a",
        "&a [*a]",
        "!!str",
        "!!python/object/apply:os.system",
        "!x",
        "<<",
        "<<: *a",
        "? ",
        "- ",
        ": ",
        ":",
        ",",
    ),
    *(
        "[",
        "]",
        "{",
        "}",
        "[]",
        "{}",
        "|",
        ">",
        "|2-",
        ">+",
        "'",
        '"',
        "''",
        '""',
        "#",
        " #",
        "%",
        "@",
        "`",
        "---",
        "\n---\n",
    ),
    *(
        "\n...\n",
        "\n",
        "\n ",
        "\n    ",
        "\t",
        "\r\n",
        "\r",
        "\x85",
        "\u2028",
        "\ufeff",
        "\0",
        "\x1b[2J",
        "\x7f",
        "\u202e",
    ),
    *(
        "é",
        "😀",
        "\ufffe",
        "\\",
        '"\\x41"',
        '"\\ud800"',
        '"\\U0001F600"',
        "~",
        "null",
        "true",
        "no",
        "Off",
        "y",
        "0",
        "-1",
    ),
    *(
        "1.10",
        "0x1f",
        "0o17",
        "0b1",
        "1_000",
        "1:30",
        "9" * 30,
        "9" * 5000,
        "0x" + "f" * 200,
        "1e3",
        "1e999",
        ".inf",
        "-.nan",
    ),
    *(
        "2024-02-31",
        "=",
        "a b",
        "a: b",
        "- a",
        "[a, b]",
        "{a: b}",
        "{env: HOME}",
        "{env: X}",
        "name",
        "version",
        "config",
    ),
    *(
        "1.0.0",
        "NaN",
        "-Infinity",
        "1" * 400,
        "../..",
        "/etc",
        "extensions",
        "steps",
        "type",
        "workflow",
        "task",
        "inputs",
    ),
)
_OPENERS: Final = ("[", "{a: ", "- ", "? ", "[[", "{{", "!a ", "&a ", "'", "a: ", " ", "#", ",", "\n", "a,", "x")


def mutant(draw: random.Random, documents: Sequence[bytes]) -> bytes:
    """One of ``documents`` with one to six things done to it."""
    data = draw.choice(documents)
    for _ in range(draw.choice((1, 1, 1, 1, 2, 2, 3, 6))):
        if draw.random() < 0.3:
            data = damaged(draw, data)
        else:
            text = data.decode("utf-8", "surrogateescape")
            change = draw.choice(_CHANGES)
            data = change(draw, text, documents).encode("utf-8", "surrogateescape")[:MAX_BYTES]
    return data


def _replace(draw: random.Random, text: str, _documents: Sequence[bytes]) -> str:
    tokens = _TOKEN.findall(text)
    if tokens:
        tokens[draw.randrange(len(tokens))] = draw.choice(_TOKENS)
    return "".join(tokens)


def _insert(draw: random.Random, text: str, _documents: Sequence[bytes]) -> str:
    tokens = _TOKEN.findall(text)
    tokens.insert(draw.randrange(len(tokens) + 1), draw.choice(_TOKENS))
    return "".join(tokens)


def _drop(draw: random.Random, text: str, _documents: Sequence[bytes]) -> str:
    tokens = _TOKEN.findall(text)
    at = draw.randrange(len(tokens) + 1)
    del tokens[at : at + draw.choice((1, 1, 2, 5))]
    return "".join(tokens)


def _exchange(draw: random.Random, text: str, _documents: Sequence[bytes]) -> str:
    tokens = _TOKEN.findall(text)
    if len(tokens) > 1:
        one, other = draw.sample(range(len(tokens)), 2)
        tokens[one], tokens[other] = tokens[other], tokens[one]
    return "".join(tokens)


def _reindent(draw: random.Random, text: str, _documents: Sequence[bytes]) -> str:
    lines = text.split("\n")
    at = draw.randrange(len(lines))
    lines[at] = draw.choice(("", " ", "  ", "    ", "\t", "- ")) + lines[at].lstrip(" ")
    return "\n".join(lines)


def _move_lines(draw: random.Random, text: str, _documents: Sequence[bytes]) -> str:
    """Some lines again, or elsewhere."""
    lines = text.split("\n")
    at = draw.randrange(len(lines))
    piece = lines[at : at + draw.choice((1, 1, 2, 4))]
    if draw.random() < 0.5:
        del lines[at : at + len(piece)]
    to = draw.randrange(len(lines) + 1)
    return "\n".join([*lines[:to], *piece, *lines[to:]])


def _splice(draw: random.Random, text: str, documents: Sequence[bytes]) -> str:
    other = draw.choice(documents).decode("utf-8", "surrogateescape")
    return text[: draw.randrange(len(text) + 1)] + other[draw.randrange(len(other)) :]


def _cut(draw: random.Random, text: str, _documents: Sequence[bytes]) -> str:
    return text[: draw.randrange(len(text) + 1)]


def _swell(draw: random.Random, text: str, _documents: Sequence[bytes]) -> str:
    """A token or a line over and over, seldom up to more than a document may have."""
    most = draw.choice((50, 50, 50, 500, 500, 5_000, 50_000, draw.choice((50_000, MAX_BYTES))))
    at = draw.randrange(len(text) + 1)
    end = text.find("\n", at) + 1 or len(text)
    piece = draw.choice((draw.choice(_OPENERS), draw.choice(_TOKENS), text[at:end] or "a"))
    return text[:at] + piece * (1 + most // len(piece)) + text[at:]


_CHANGES: Final[Sequence[Callable[[random.Random, str, Sequence[bytes]], str]]] = (
    *(_replace, _replace, _replace, _insert, _insert, _drop, _exchange, _reindent, _move_lines, _splice, _cut, _swell),
)
