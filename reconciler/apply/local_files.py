"""Local files, which no package brought: taken along from an old tree to a new one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.fs import tree
from reconciler.fs.carry import carry
from reconciler.fs.descriptor import naming
from reconciler.fs.presence import is_folder


def carry_local(old: Path, new: Path, brought: frozenset[str]) -> bool:
    """Bring what is not ``brought`` by a package from ``old`` to ``new``, unsynced; whether there is any.

    A file that ``new`` already has with a later time stays: a program wrote it there after the swap.
    """
    if not is_folder(old) or old.is_symlink():
        return False
    found = False
    parents = {parent for path in brought for parent in _parents(path)}
    with naming(os.fspath(old)):
        for node in tree.walk(old):
            if node.path in brought or node.path in parents:
                continue
            found = True
            # A program may delete its file while it is carried: then there is nothing to lose.
            with suppress(FileNotFoundError):
                if not _is_there(node, old, new):
                    carry(old, new, node.path)
    return found


def _is_there(node: tree.Node, old: Path, new: Path) -> bool:
    """Whether ``new`` has the node, or a later file."""
    source, target = old / node.path, new / node.path
    try:
        status = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if tree.kind_of(status) is not node.kind:
        return False
    if node.kind is tree.NodeKind.LINK:
        return source.readlink() == target.readlink()
    is_later = node.kind is tree.NodeKind.FILE and status.st_mtime_ns > node.stamp.mtime_ns
    return node.kind is tree.NodeKind.FOLDER or is_later or os.path.samestat(status, source.lstat())


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
