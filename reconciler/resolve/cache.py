"""The packages that this home keeps: found by the digest of their tree, and verified whenever they are read."""

from __future__ import annotations

from typing import Final

from reconciler.errors import LlamagateError, StorageError
from reconciler.fs import durable
from reconciler.fs.tree import remove_tree
from reconciler.model.desired import Limits
from reconciler.model.digest import Digest
from reconciler.model.home import Home
from reconciler.packages.open_package import OpenPackage

_ATTEMPTS: Final = 5


def open_cached(tree: Digest, home: Home, limits: Limits, *, name: str) -> OpenPackage | None:
    """The cached package; ``None`` where there is none, or where its bytes are no longer those of its digest."""
    from reconciler.packages.manifest import read_package
    from reconciler.packages.zip.packed import open_packed

    content = open_packed(home.cached(tree), tree, limits=limits, name=name)
    if content is None:
        return None
    try:
        return OpenPackage(package=read_package(content, name=name), content=content)
    except LlamagateError:
        return None


def keep(opened: OpenPackage, home: Home, limits: Limits, *, name: str) -> OpenPackage:
    """Put a package into the cache, for good, unless it is there; it is read from there from now on.

    It appears there whole or not at all, whatever happens meanwhile. ``StorageError`` where it cannot be written.
    """
    from reconciler.fs import nameless  # only what was fetched is put there
    from reconciler.packages.zip.pack import pack

    tree = opened.package.tree
    found = open_cached(tree, home, limits, name=name)
    if found is not None:
        return found
    try:
        durable.make_folders(home.cache)
        with nameless.file_in(home.cache) as out:
            pack(opened.content, out)
            for _ in range(_ATTEMPTS):
                nameless.give_name(out, home.cached(tree))
                found = open_cached(tree, home, limits, name=name)
                if found is not None:
                    return found
                remove_tree(home.cached(tree))  # what has the name is damaged; other processes may be at it too
    except OSError as error:
        message = f"{error.filename or home.cache}: {error.strerror}; {name} was not put into the cache"
        raise StorageError(message) from error
    raise StorageError(f"{home.cached(tree)} is not what was just written there", advice="check the disk")
