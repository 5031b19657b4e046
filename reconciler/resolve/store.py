"""The package store: the only one that opens, fetches, verifies and keeps packages.

It is the door to the format of packages, and loads that only when a package is opened: most passes open none.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.codes import ErrorCode, WarningCode
from reconciler.errors import InputError, LlamagateError, RefusedError, StorageError
from reconciler.fs import durable, nameless
from reconciler.fs.tree import remove_tree
from reconciler.model.desired import DesiredItem, Limits, Policy
from reconciler.model.digest import Digest
from reconciler.model.home import Home
from reconciler.model.ignore_file import NO_PATTERNS, Ignores, ignores
from reconciler.model.note import Note
from reconciler.model.offer import Offer
from reconciler.model.package import Manifest
from reconciler.model.record import RecordItem
from reconciler.model.source import Source
from reconciler.packages.content import Content, OpenPackage
from reconciler.resolve.resolved import Resolved, check, package_as_resolved, recorded_as_resolved
from reconciler.sources.local import LOCAL
from reconciler.sources.protocol import Remote

_ATTEMPTS: Final = 5
_NO_MEANS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class PackageStore(Struct, frozen=True, kw_only=True):
    """The packages of one home, for one command.

    What was opened for an item stays open until it is closed, by the digest of its tree. The cache is found by that
    digest, too, and verified whenever it is read.
    """

    home: Home
    limits: Limits
    ignore: Ignores = NO_PATTERNS
    """What more is left out of local folders."""
    _open: dict[Digest, OpenPackage] = field(default_factory=dict)

    def read(self, source: Source, *, name: str) -> OpenPackage:
        """The package at a local source, as it is now. ``InputError`` says what is wrong with it."""
        opener, where = LOCAL[source.kind].open, Path(source.location)
        return self.add(opener(where, limits=self.limits, name=name, path=source.path, ignore=self.ignore), name=name)

    def add(self, content: Content, *, name: str) -> OpenPackage:
        """A package that was found elsewhere. ``InputError`` where ``content`` is no package."""
        opened = _opened(content, name)
        self._open[opened.package.tree] = opened
        return opened

    def is_open(self, found: Resolved) -> bool:
        """Whether its package had to be read already."""
        return found.tree in self._open

    def find(self, tree: Digest, *, name: str) -> OpenPackage | None:
        """The package with this tree, if it was read or can be read from the cache."""
        return self._remember(tree, self._open.get(tree) or self._readable(tree, name=name))

    def find_kept(self, tree: Digest, *, name: str) -> OpenPackage | None:
        """As ``find``, where the package is nowhere else: ``StorageError`` where the cache cannot be read."""
        return self._remember(tree, self._open.get(tree) or self._cached(tree, name=name))

    def is_kept(self, tree: Digest, *, name: str) -> bool:
        """Whether the cache has the package, and its bytes are those of its digest. They were a package once.

        ``StorageError`` where this process has no means left to read it: that says nothing of the package.
        """
        from reconciler.packages.zip.packed import is_packed_at  # most passes open no package

        if is_packed_at(self.home.cached(tree), tree):
            return True
        try:
            return self._packed(tree, name=name) is not None
        except StorageError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _NO_MEANS:
                raise
            return False

    def open(self, found: Resolved) -> OpenPackage:
        """Its package: as it was read, from the cache, or from its local source if that has not changed since."""
        opened = self.find(found.tree, name=found.name)
        if opened is not None:
            return opened
        if found.source.is_pinned:
            message = f"the package from {found.name} is not in the cache any more"
            raise InputError(message, advice="'llamagate apply' fetches it", code=ErrorCode.NOT_FOUND)
        opened = self.read(found.source, name=found.name)
        if opened.package.tree != found.tree:
            raise InputError(
                f"{found.name} changed while it was read; run the command again", code=ErrorCode.INPUT_CHANGED
            )
        return opened

    def close(self, found: Resolved) -> None:
        """Let go of its package, which is not needed again: a large change holds a thousand of them."""
        self._open.pop(found.tree, None)

    def open_recorded(self, recorded: RecordItem) -> OpenPackage:
        """The package that an installed item was made from. Errors as for ``open``."""
        return self.open(recorded_as_resolved(recorded))

    def fetch(self, item: DesiredItem, offer: Offer, remote: Remote) -> Resolved:
        """Take the package that ``offer`` is into the cache.

        ``RefusedError`` where it is not what the lock or a catalog says; ``InputError`` where it is not what the item
        says.
        """
        name = str(item.source)
        with remote.open(item.source, offer) as delivery:
            opened = _opened(delivery.content, name)
            is_older = offer.tree == delivery.older_tree != opened.package.tree
            if not is_older:
                _check_is_offered(item, offer, opened.package.tree)
            check(item, opened.package.manifest)
            _check_is_listed(item, offer, opened.package.manifest, delivery.size)
            kept = self._keep(opened, name=name)
        self._open[kept.package.tree] = kept
        found = package_as_resolved(kept.package, item.source, name=name, key=item.key)
        notes = (*found.notes, *_other_version(item, offer, found.manifest.version))
        older = offer.tree if is_older and offer.is_locked else None
        if older:
            left_out = "what editors and systems leave, or .llamagateignore names,"
            message = f"{item.key.id}: {left_out} is no longer content; the lock is renewed"
            notes = (*notes, Note(WarningCode.PIN_RENEWED, message, item.key))
        found = replace(found, pin=delivery.pin or offer.pin, archive=delivery.archive, notes=notes, older_tree=older)
        return found if offer.executables is None else replace(found, executables=offer.executables)

    def fetch_any(self, source: Source, offer: Offer, remote: Remote) -> Resolved:
        """As ``fetch``, for a package that no file lists: it may be any."""
        name = str(source)
        with remote.open(source, offer) as delivery:
            kept = self._keep(_opened(delivery.content, name), name=name)
        self._open[kept.package.tree] = kept
        found = package_as_resolved(kept.package, source, name=name)
        return replace(found, pin=delivery.pin or offer.pin, archive=delivery.archive)

    def _remember(self, tree: Digest, opened: OpenPackage | None) -> OpenPackage | None:
        if opened is not None:
            self._open[tree] = opened
        return opened

    def _readable(self, tree: Digest, *, name: str) -> OpenPackage | None:
        """As ``_cached``; what cannot be read counts as missing, since it may be fetched again."""
        try:
            return self._cached(tree, name=name)
        except StorageError:
            return None

    def _cached(self, tree: Digest, *, name: str) -> OpenPackage | None:
        """The cached package; ``None`` where there is none, or where its bytes are no longer those of its digest."""
        content = self._packed(tree, name=name)
        try:
            return None if content is None else _opened(content, name)
        except LlamagateError:
            return None

    def _packed(self, tree: Digest, *, name: str) -> Content | None:
        from reconciler.packages.zip.packed import open_packed  # most passes open no package

        return open_packed(self.home.cached(tree), tree, limits=self.limits, name=name)

    def _keep(self, opened: OpenPackage, *, name: str) -> OpenPackage:
        """Put a package into the cache, for good, unless it is there; it is read from there from now on.

        It appears there whole or not at all, whatever happens meanwhile. ``StorageError`` where it cannot be written.
        """
        from reconciler.packages.zip.pack import pack  # only what was fetched is packed here

        tree = opened.package.tree
        found, target = self._readable(tree, name=name), self.home.cached(tree)
        if found is not None:
            return found
        try:
            durable.make_folders(self.home.cache)
            with nameless.file_in(self.home.cache) as out:
                pack(opened.content, out)
                for _ in range(_ATTEMPTS):
                    nameless.give_name(out, target)
                    found = self._readable(tree, name=name)
                    if found is not None:
                        return found
                    remove_tree(target)  # what has the name is damaged; other processes may be at it too
        except OSError as error:
            message = f"{error.filename or self.home.cache}: {error.strerror}; {name} was not put into the cache"
            raise StorageError(message) from error
        raise StorageError(f"{target} is not what was just written there", advice="check the disk")


def store_for(home: Home, policy: Policy) -> PackageStore:
    """The packages of a pass under this policy."""
    return PackageStore(home=home, limits=policy.limits, ignore=ignores(policy.ignore))


def _opened(content: Content, name: str) -> OpenPackage:
    from reconciler.packages.manifest import read_package  # most passes open no package

    return OpenPackage(package=read_package(content, name=name), content=content)


def _check_is_offered(item: DesiredItem, offer: Offer, tree: Digest) -> None:
    if offer.tree not in (None, tree):
        who = "the lock pins" if offer.is_locked else "the catalog lists"
        message = f"{item.source} holds other content ({tree}) than {who} ({offer.tree})"
        accept = f"find out who changed it; 'llamagate lock --upgrade {item.key.id}' accepts it as it is"
        publisher = "find out who changed it; its publisher has to fix the catalog"
        raise RefusedError(message, advice=accept if offer.is_locked else publisher, code=ErrorCode.PIN_MISMATCH)


def _check_is_listed(item: DesiredItem, offer: Offer, manifest: Manifest, size: int | None) -> None:
    """``RefusedError`` where an index says something else of a package than the package itself."""
    if offer.kind is None:
        return
    listed = {"kind": offer.kind, "version": offer.version, "size": offer.size}
    found = {"kind": manifest.kind, "version": manifest.version, "size": size}
    differ = [f"{what} {listed[what]}, and it has {found[what]}" for what in listed if listed[what] != found[what]]
    if differ:
        message = f"{item.source} lists {item.key.id} with the {'; the '.join(differ)}"
        raise RefusedError(message, advice="its publisher has to build the catalog again", code=ErrorCode.PIN_MISMATCH)


def _other_version(item: DesiredItem, offer: Offer, version: str) -> Iterator[Note]:
    if not offer.is_locked and offer.version not in ("", version):
        what = f"the tag {offer.pin.tag}" if offer.pin.tag else offer.pin.url or offer.pin.oci
        message = f"{item.key.id}: {what} holds version {version} of it, and not {offer.version}"
        yield Note(WarningCode.OTHER_VERSION, message, item.key)
