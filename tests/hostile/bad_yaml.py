"""YAML with one thing wrong in it, written behind a valid manifest or desired state, and what is said of it.

Row numbers are those of the catalogue of bad inputs. ``{line}`` is the line at which the text begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEEP: Final = "nested deeper than 64 levels"

REFUSED: Final[Mapping[str, tuple[bytes, str]]] = {
    "row-61-brackets": (b"config: " + b"[" * 1_000_000, DEEP),
    "row-61-braces": (b"config: " + b"{a: " * 250_000, DEEP),
    "row-61-dashes": (b"config:\n" + b"- " * 500_000, DEEP),
    "row-61-questions": (b"config:\n" + b" ? " * 300_000, "a key must be text"),
    "row-62-billion-laughs": (
        b"config:\n  a: &a [x, x]\n  b: &b [*a, *a]\n  c: [*b, *b]\n",
        "config.a: anchors are not allowed: &a",
    ),
    "row-63-merge-bomb": (b"config:\n  <<: {a: 1}\n", "config: merge keys are not allowed"),
    "row-64-recursive-alias": (b"config: &a\n  a: *a\n", "config: anchors are not allowed: &a"),
    "row-65-python-tag": (
        b"config: !!python/object/apply:os.system [id]\n",
        "config: tags are not allowed: 'tag:yaml.org,2002:python/object/apply:os.system'",
    ),
    "row-66-duplicate-key": (
        b"config:\n  a: 1\n  b: 2\n  a: 3\n",
        "config: duplicate key 'a'; the first is in line {line_2}",
    ),
    "row-69-integer": (
        b"config: {a: " + b"9" * 5000 + b"}\n",
        "config.a: a number of 5000 characters; quote it if it is text",
    ),
    "row-70-hex": (
        b"config: {a: 0x" + b"f" * 9000 + b"}\n",
        "config.a: a number of 9002 characters; quote it if it is text",
    ),
    "row-72-nul": (b"config: {a: \0}\n", "a NUL byte; save the file as UTF-8 text"),
    "row-72-latin-1": (b"config: {a: caf\xe9}\n", "byte 0xe9 is not UTF-8; save the file as UTF-8"),
    "row-72-escape": (b"config: {a: '\x1b[2J'}\n", "control character '\\x1b'"),
    "row-74-two-documents": (b"---\nname: y\n", "a second document; only one is allowed"),
    "row-76-number-as-key": (b"config: {1: a}\n", "config: the key 1 is not text; quote it"),
    "row-76-boolean-as-key": (b"config: {true: a}\n", "config: the key true is not text; quote it"),
    "row-76-list-as-key": (b"config: {[a]: b}\n", "config: a key must be text"),
    "row-77-many-values": (b"config: [" + b"1," * 300_000 + b"]\n", "more than 300000 keys and values"),
}
"""Behind a document that is valid: row → the text and the end of the message."""

WHOLE: Final[Mapping[str, tuple[bytes, str]]] = {
    "row-72-utf-16": ("name: x\n".encode("utf-16"), ":1:1: this is UTF-16; save it as UTF-8"),
    "row-75-empty": (b"", ":1:1: the file is empty"),
    "row-75-list": (b"- a\n", ":1:1: expected a mapping, found a list"),
    "row-75-text": (b"a\n", ":1:1: expected a mapping, found text"),
}
"""In place of the document."""
