"""``checksums.txt``: the list that an exported package carries, and the check that makes it worth having."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import Fault, InputError, RefusedError
from reconciler.model.digest import CHECKSUMS_FILE
from reconciler.model.ids import MAX_PATH_BYTES
from reconciler.model.package import FileEntry
from reconciler.model.regex import regex
from reconciler.packages.content import Content, read, shown
from reconciler.packages.ignore_file import of_content

__all__ = ["CHECKSUMS_FILE", "verify", "with_checksums"]

MAX_FAULTS: Final = 100
"""Faults reported of one list."""

_LINE: Final = regex(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")
"""As ``sha256sum``, ``shasum``, ``find . | xargs`` and PowerShell write it; ``*`` marks a file read as binary."""


def verify(content: Content, *, name: str) -> None:
    """Hold each file against the package's ``checksums.txt``, where there is one; what is left out does not count.

    ``RefusedError`` names the first 100 files that differ, are not listed or are listed and missing; ``InputError`` a
    line that is no checksum.
    """
    hashes = {entry.path: entry.sha256 for entry in content.files}
    if hashes.pop(CHECKSUMS_FILE, None) is None:
        return
    listed = _listed(read(content, CHECKSUMS_FILE), file=f"{name}/{CHECKSUMS_FILE}")
    ignore = of_content(content, name=name)
    listed = {path: sha256 for path, sha256 in listed.items() if not ignore.leaves_out(path)}
    differ = sorted(path for path in hashes.keys() | listed.keys() if hashes.get(path) != listed.get(path))
    faults = [
        Fault(
            file=f"{name}/{_named(path)}",
            message=_difference(hashes.get(path), listed.get(path)),
            code=ErrorCode.CHECKSUM_MISMATCH,
        )
        for path in differ[:MAX_FAULTS]
    ]
    if faults:
        advice = f"get the package again, or delete {CHECKSUMS_FILE} if you changed it yourself"
        raise RefusedError(
            f"{name} does not match its {CHECKSUMS_FILE}",
            faults=faults,
            advice=advice,
            code=ErrorCode.CHECKSUM_MISMATCH,
        )


class _WithChecksums(Struct, frozen=True):
    """A content with a list of its checksums."""

    content: Content
    listing: bytes
    files: tuple[FileEntry, ...]
    notes: tuple[str, ...] = ()

    def chunks(self, path: str) -> Iterator[bytes]:
        return iter([self.listing]) if path == CHECKSUMS_FILE else self.content.chunks(path)


def with_checksums(content: Content) -> Content:
    """``content`` with a ``checksums.txt`` that lists every other file once, in place of any that it had."""
    others = [entry for entry in content.files if entry.path != CHECKSUMS_FILE]
    listing = "".join(f"{entry.sha256}  {entry.path}\n" for entry in others).encode()
    entry = FileEntry(path=CHECKSUMS_FILE, sha256=hashlib.sha256(listing).hexdigest(), size=len(listing))
    return _WithChecksums(content, listing, tuple(sorted([*others, entry], key=lambda one: one.path.encode())))


def _named(path: str) -> str:
    """A listed path need not be that of a file: it may hold anything."""
    return path if path.isprintable() and len(path) <= MAX_PATH_BYTES else shown(path)


def _difference(found: str | None, listed: str | None) -> str:
    if found is None:
        return "is listed but missing"
    return "is not listed" if listed is None else "has other bytes than listed"


def _listed(data: bytes, *, file: str) -> dict[str, str]:
    listed: dict[str, str] = {}
    for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if not match or match.group(2) in listed:
            message = "one path is listed twice" if match else "a line is '<sha256>  <path>'"
            raise InputError.at(message, file=file, place=(number, None))
        listed[match.group(2)] = match.group(1).lower()
    listed.pop(CHECKSUMS_FILE, None)
    return listed
