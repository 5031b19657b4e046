"""The files of a package beside its documents: their encoding, their size, and what must not be in any of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.codes import CheckCode
from reconciler.documents.unseen import visible
from reconciler.model.package import FileEntry
from reconciler.model.regex import regex
from reconciler.model.service_keys import KEYS
from reconciler.packages.check.document import Span, Text
from reconciler.packages.check.found import Found

LARGE_BYTES: Final = 2**20
MAX_TEXT_BYTES: Final = 2**20
"""Of a text file; a larger one is not looked into."""
_TEXTS: Final = (
    *(".txt", ".md", ".yaml", ".yml", ".json", ".jsonl", ".csv", ".tsv", ".toml", ".ini", ".cfg", ".env"),
    *(".html", ".htm", ".css", ".js", ".ts", ".py", ".sh", ".xml", ".svg", ".tmpl", ".j2", ".rst"),
)
_MARKS: Final = regex(r"^(?:[xX.*_-]+|.*(?:example|placeholder|your|change-?me|dummy|xxxx|00000|1234567890).*)$")
"""What stands in the place of a key in documentation."""
_SHOWN: Final = 10
"""Unseen characters of one file that are each told."""


def is_text(path: str) -> bool:
    """Whether a file of this name is text."""
    return path.lower().endswith(_TEXTS) or "." not in path.rpartition("/")[2]


def in_sizes(entry: FileEntry, file: str) -> Iterator[Found]:
    """A file that every installation carries, and every backup."""
    if entry.size > LARGE_BYTES:
        message = f"{entry.size / 2**20:.1f} MiB; each installation and each backup holds a copy"
        yield Found(code=CheckCode.LARGE_FILE, message=message, text=Text(entry.path, file, ""), span=None)


def in_bytes(path: str, file: str, data: bytes) -> Text | Found:
    """The text of a file; what is wrong where it is none."""
    try:
        return Text(path, file, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        whole = Text(path, file, before + "\ufffd")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        span = Span(len(before), len(before) + 1)
        return Found(code=CheckCode.NOT_UTF8, message=message, text=whole, span=span, hidden=True)


def in_text(file: Text) -> Iterator[Found]:
    """Keys and characters that nobody sees."""
    yield from _keys(file)
    yield from _unseen(file)


def _keys(file: Text) -> Iterator[Found]:
    for match in KEYS.finditer(file.text):
        body = match["letters"] or match["rest"] or ""
        is_random = any(c.isdigit() for c in body) and any(c.isalpha() for c in body)
        if not match["kind"] and (not is_random or _MARKS.match(body.lower())):
            continue
        kind, prefix = match["kind"], match["plain"] or match["prefix"]
        what = f"a {kind.lower()}" if kind else f"a key that starts with '{prefix}'"
        message = f"this looks like {what}; take it out, and write {{env: NAME}} in the config of llamagate.yaml"
        span = Span(match.start(), match.end())
        yield Found(code=CheckCode.SECRET, message=message, text=file, span=span, hidden=True)


def _unseen(file: Text) -> Iterator[Found]:
    found = visible(file.text.replace("\r\n", " \n"))
    for (start, end), origin in list(zip(found.escapes, found.origins, strict=True))[:_SHOWN]:
        message = f"{found.text[start:end]} is a character that nobody sees; delete it"
        yield Found(
            code=CheckCode.UNSEEN_CHARACTER, message=message, text=file, span=Span(origin, origin + 1), hidden=True
        )
