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
from reconciler.fs.places import located_text
from reconciler.model.config import JsonObject, references
from reconciler.model.desired import Desired
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.ignore_file import NO_PATTERNS, Ignores, ignores
from reconciler.model.record import Record
from reconciler.packages import ignore_file
from reconciler.packages.stamps import stamp_at
from reconciler.store.desired_file import decode_desired
from reconciler.store.document import MAX_BYTES
from reconciler.store.lock_file import lock_path


class _Listed(Struct, frozen=True):
    """What a file names: its local inputs, what the policy leaves out of folders, and whether it has tool servers."""

    paths: tuple[str, ...] = ()
    ignores: Ignores = NO_PATTERNS
    has_servers: bool = False


class Inputs(Struct):
    """Reads inputs, and remembers what it has read: what is as it was costs ``stat`` calls."""

    _listed: dict[tuple[Path, Digest], _Listed] = field(default_factory=dict)
    _contents: dict[str, tuple[str, str]] = field(default_factory=dict)
    _sources: dict[Path, list[str]] = field(default_factory=dict)

    def digest(self, file: Path, writing: Mapping[Path, bytes] = MappingProxyType({})) -> Digest:
        """The digest of ``file`` with its lock and its local sources. Why a file cannot be read counts as its content.

        A remote package counts by its pin, which is in the lock. ``writing`` holds what is about to be written.
        """
        file, listed = file.absolute(), self._named_in(file.absolute())
        found = [f"source {location} {self._content(location, listed.ignores)}\n" for location in listed.paths]
        self._sources = {file: found}
        return _digest(file, found, writing)

    def as_written(self, file: Path, written: Mapping[Path, bytes]) -> Digest:
        """The last digest of ``file``, if it and its lock were ``written`` since; nothing is looked at."""
        return _digest(file.absolute(), self._sources.get(file.absolute(), []), written)

    def stamp(self, location: str) -> str:
        """That of a source when it was looked at last; empty where it had none."""
        return self._contents.get(location, ("", ""))[0]

    def sources(self, file: Path) -> tuple[str, ...]:
        """The local packages of ``file`` and the files that a config names; nothing while it cannot be read."""
        return self._named_in(file.absolute()).paths

    def has_servers(self, file: Path) -> bool:
        """Whether ``file`` lists tool servers; not while it cannot be read."""
        return self._named_in(file.absolute()).has_servers

    def _named_in(self, file: Path) -> _Listed:
        data = _bytes(file)
        if not isinstance(data, bytes):
            return _Listed()
        key = (file, digest_bytes(data))
        if key not in self._listed:
            self._listed = {key: _local_inputs(data, file)}  # the last one is enough
        return self._listed[key]

    def _content(self, location: str, ignore: Ignores) -> str:
        stamp = stamp_at(location, ignore)
        known = self._contents.get(location)
        if known is None or known[0] != stamp or not stamp:
            known = self._contents[location] = (stamp, _content(location, ignore))
        return known[1]


def _digest(file: Path, sources: list[str], writing: Mapping[Path, bytes]) -> Digest:
    lines = [f"{path.name} {_named(writing.get(path) or _bytes(path))}\n" for path in (file, lock_path(file))]
    return digest_bytes("".join((*lines, *sources)).encode("utf-8", "surrogateescape"))


def input_digests(
    file: Path, record: Record, writing: Mapping[Path, bytes] = MappingProxyType({})
) -> dict[str, Digest]:
    """The digest of the input of ``file``, and of every file that speaks for an owner, by its absolute path."""
    inputs = Inputs()
    files = {file.absolute(), *map(Path, record.owners.values())}
    return {str(one): inputs.digest(one, writing) for one in sorted(files)}


def _local_inputs(data: bytes, file: Path) -> _Listed:
    try:
        desired = decode_desired(data, file).desired
    except LlamagateError:
        return _Listed()
    return _Listed(tuple(_paths(desired, file)), ignores(desired.policy.ignore), bool(desired.servers))


def _paths(desired: Desired, file: Path) -> Iterator[str]:
    folder = str(file.parent)
    for item in desired.items:
        if not item.source.is_pinned:
            yield located_text(folder, item.source.location)
        yield from _files_in(item.config)
    for server in desired.servers:
        yield from _files_in(server.settings)


def _files_in(config: JsonObject) -> Iterator[str]:
    return (str(Path(one.name)) for _, one in references(config) if one.kind == "file") if config else iter(())


def _is_folder(path: Path) -> bool:
    return tree.kind_at(path) is tree.NodeKind.FOLDER


def _bytes(path: Path) -> bytes | str:
    try:
        return read_start(path, MAX_BYTES + 1)
    except OSError as error:
        return error.strerror or "unreadable"


def _named(data: bytes | str) -> str:
    return digest_bytes(data) if isinstance(data, bytes) else data


def _content(location: str, ignore: Ignores) -> str:
    try:
        real = Path(os.path.realpath(location))
        if not _is_folder(real):
            return tree.hash_file(real.parent, real.name)
        ignore = ignore | ignore_file.at(real)
        lines = [_line(real, node) for node in tree.walk(real) if not ignore.leaves_out(_shown(node))]
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last one for what cannot be a path
        return "absent"
    except OSError as error:
        return error.strerror or "unreadable"
    return digest_bytes("".join(lines).encode("utf-8", "surrogateescape"))


def _shown(node: tree.Node) -> str:
    return f"{node.path}/" if node.kind is tree.NodeKind.FOLDER else node.path


def _line(folder: Path, node: tree.Node) -> str:
    content = tree.hash_file(folder, node.path) if node.kind is tree.NodeKind.FILE else node.kind.value
    return f"{node.path}\0{node.mode & 0o111}\0{content}\n"
