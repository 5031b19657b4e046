"""The input of a pass as one digest: file, lock, local sources and the files that a config names, by content.

A hold is set against it, and the watcher makes one attempt on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct, field

from reconciler.errors import LlamagateError
from reconciler.fs import tree
from reconciler.fs.bounded import read_start
from reconciler.fs.places import located
from reconciler.model.config import references
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.ignored import is_ignored
from reconciler.model.record import Record
from reconciler.packages.stamps import archive_stamp, folder_stamp
from reconciler.store.desired_file import MAX_BYTES, decode_desired, lock_path


class Inputs(Struct):
    """Reads inputs, and remembers what it has read: what is as it was costs ``stat`` calls."""

    _sources: dict[tuple[Path, Digest], tuple[Path, ...]] = field(default_factory=dict)
    _contents: dict[Path, tuple[str, str]] = field(default_factory=dict)

    def digest(self, file: Path, writing: Mapping[Path, bytes] = MappingProxyType({})) -> Digest:
        """The digest of ``file`` with its lock and its local sources. Why a file cannot be read counts as its content.

        A remote package counts by its pin, which is in the lock. ``writing`` holds what is about to be written.
        """
        file = file.absolute()
        lines = [f"{path.name} {_named(writing.get(path) or _bytes(path))}\n" for path in (file, lock_path(file))]
        for location in self.sources(file):
            lines.append(f"source {location} {self._content(location)}\n")
        return digest_bytes("".join(lines).encode("utf-8", "surrogateescape"))

    def sources(self, file: Path) -> tuple[Path, ...]:
        """The local packages of ``file`` and the files that a config names; nothing while it cannot be read."""
        file = file.absolute()
        data = _bytes(file)
        if not isinstance(data, bytes):
            return ()
        key = (file, digest_bytes(data))
        if key not in self._sources:
            self._sources = {key: tuple(_local_inputs(data, file))}  # the last one is enough
        return self._sources[key]

    def _content(self, location: Path) -> str:
        stamp = folder_stamp(location) if _is_folder(location) else archive_stamp(location)
        known = self._contents.get(location)
        if known is None or known[0] != stamp:
            known = self._contents[location] = (stamp, _content(location) if stamp else "absent")
        return known[1]


def input_digests(
    file: Path, record: Record, writing: Mapping[Path, bytes] = MappingProxyType({})
) -> dict[str, Digest]:
    """The digest of the input of ``file``, and of every file that speaks for an owner, by its absolute path."""
    inputs = Inputs()
    files = {file.absolute(), *map(Path, record.owners.values())}
    return {str(one): inputs.digest(one, writing) for one in sorted(files)}


def _local_inputs(data: bytes, file: Path) -> Iterator[Path]:
    try:
        items = decode_desired(data, file).desired.items
    except LlamagateError:
        return
    for item in items:
        if not item.source.is_pinned:
            yield located(file.parent, item.source.location)
        yield from (Path(one.name) for _, one in references(item.config) if one.kind == "file")


def _is_folder(path: Path) -> bool:
    return tree.kind_at(path) is tree.NodeKind.FOLDER


def _bytes(path: Path) -> bytes | str:
    try:
        return read_start(path, MAX_BYTES + 1)
    except OSError as error:
        return error.strerror or "unreadable"


def _named(data: bytes | str) -> str:
    return digest_bytes(data) if isinstance(data, bytes) else data


def _content(location: Path) -> str:
    real = Path(os.path.realpath(location))
    try:
        if not _is_folder(real):
            return tree.hash_file(real.parent, real.name)
        lines = [_line(real, node) for node in tree.walk(real) if not is_ignored(node.path)]
    except OSError as error:
        return error.strerror or "unreadable"
    return digest_bytes("".join(lines).encode("utf-8", "surrogateescape"))


def _line(folder: Path, node: tree.Node) -> str:
    content = tree.hash_file(folder, node.path) if node.kind is tree.NodeKind.FILE else node.kind.value
    return f"{node.path}\0{node.mode & 0o111}\0{content}\n"
