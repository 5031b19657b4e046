"""Content identity: sha256 of bytes and of trees."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NewType

Digest = NewType("Digest", str)
"""``sha256:`` and 64 hex digits."""

CHECKSUMS_FILE = "checksums.txt"


def digest_bytes(data: bytes) -> Digest:
    """The digest of a document or an artifact."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def tree_digest(files: Mapping[str, str]) -> Digest:
    """The digest of a package's files, given as path → sha256 hex.

    It covers the lines ``<sha256>  <path>`` sorted by the path's UTF-8 bytes, without a root ``checksums.txt``, and
    no modes: the same content from a folder, a zip or git has one digest.
    """
    lines = (f"{files[path]}  {path}\n" for path in sorted(files, key=str.encode) if path != CHECKSUMS_FILE)
    return digest_bytes("".join(lines).encode())
