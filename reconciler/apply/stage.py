"""New trees, built completely and durably before anything is changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from reconciler.errors import StorageError
from reconciler.fs import durable, swap, sync, tree
from reconciler.fs.carry import carry, copy_tree
from reconciler.fs.descriptor import CREATE, naming, opened, write_all
from reconciler.fs.ownership import Likeness, likeness_of
from reconciler.fs.presence import is_folder, is_there
from reconciler.model.desired import Limits
from reconciler.model.digest import Digest
from reconciler.model.home import STAGE_BESIDE, Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.record import RecordedFile
from reconciler.packages.content import Content, OpenPackage, executables_of, privates_of
from reconciler.packages.realise import Realised
from reconciler.packages.zip.pack import pack, packed_small
from reconciler.packages.zip.packed import open_packed

_SMALL_BYTES: Final = 2**20


class NewTree(Struct, frozen=True, kw_only=True):
    """What to build for one item: the package, its files as installed, and what stays as it is on disk."""

    opened: OpenPackage
    realised: Realised
    keep: frozenset[str] = frozenset()
    brought: frozenset[str] = frozenset()
    carried_from: Path | None = None
    """Where local files come from, if not from what stands at the item's place."""
    private: bool = False
    """Whether what was written for the configuration holds secrets, and is for the owner's eyes only."""
    was_private: bool = False
    """Whether that was so of what stands at the item's place."""
    executables: frozenset[str] | None = None
    """The paths of the executable files; ``None``: as the package has them."""

    @property
    def paths(self) -> Iterator[str]:
        """The files to write."""
        return (path for path in self.realised.hashes if path not in self.keep)

    @property
    def published(self) -> frozenset[str]:
        """The paths that hold secrets no longer: their old mode does not count."""
        manifest = self.opened.package.manifest
        is_published = self.was_private and not self.private
        return frozenset([manifest.definition, manifest.installed_definition] if is_published else [])

    def modes(self) -> Callable[[str], int]:
        """The mode of each path. What only its owner may read in the source stays so, and so does a manifest of it."""
        content, manifest = self.opened.content, self.opened.package.manifest
        executables = executables_of(content) if self.executables is None else self.executables
        private = privates_of(content)
        if manifest.definition in private:
            private |= {manifest.installed_definition}
        if self.private:
            private |= self.realised.written.keys()
        return lambda path: (0o755 if path in executables else 0o644) & (0o700 if path in private else 0o777)


class Stage(Struct):
    """The staging folders of one transaction: below our own folder, or beside an ``installed`` that lies elsewhere."""

    home: Home
    txn: str
    _areas: dict[Kind, Path] = field(default_factory=dict)
    _folders: dict[Kind, str] = field(default_factory=dict)
    _prepared: set[Kind] = field(default_factory=set)
    _cached: frozenset[str] | None = None
    """The names in the cache, once they were asked for."""
    _packed: set[str] = field(default_factory=set)
    """Those of what this transaction packs."""

    def new(self, key: ItemKey) -> str:
        return f"{self._area(key.kind)}/new/{key.kind}/{key.id}"

    def old(self, key: ItemKey) -> str:
        return f"{self._area(key.kind)}/old/{key.kind}/{key.id}"

    def build(self, key: ItemKey, wanted: NewTree) -> Mapping[str, RecordedFile]:
        """Build the item's new tree; the files as staged, with stamps that the swap does not change."""
        root, installed = self.new(key), self._installed(key.kind)
        before = _Before(f"{installed}/{key.id}", likeness_of(installed))
        os.mkdir(root)  # noqa: PTH102 - once an item, and parsing paths is a fair part of a large change
        with closing(_FolderFds(root, before)) as folder_fd:
            mode, published = wanted.modes(), wanted.published
            stamps = {
                path: _write(root, folder_fd, path, wanted, before.mode(path, mode(path), is_new=path in published))
                for path in wanted.paths
            }
        if wanted.carried_from or before.is_there:
            carry_local(wanted.carried_from or self.home.item(key), Path(root), wanted.brought)
        return stamps

    def copy(self, key: ItemKey, folder: Path) -> None:
        """Build the item's new tree as a copy of ``folder``, local files and all."""
        copy_tree(folder, Path(self.new(key)))

    def cache(self, tree_digest: Digest, content: Content) -> None:
        """Pack the package for the cache, in place of a damaged one too: it can come back when its source is gone."""
        size, cached = sum(entry.size for entry in content.files), self.home.cached(tree_digest)
        if self._cached is None:
            self._cached = _names_in(self.home.cache)
        if cached.name in self._packed or (cached.name in self._cached and _is_whole(cached, tree_digest, content)):
            return
        self._packed.add(cached.name)
        target = f"{self.home.stage}/{self.txn}/cache/{cached.name}"
        with naming(target), opened(target, CREATE, 0o666) as descriptor:
            if size <= _SMALL_BYTES:
                write_all(descriptor, packed_small(content))
            else:
                with os.fdopen(descriptor, "wb", closefd=False) as out:
                    pack(content, out, for_cache=True)
            if privates_of(content):
                os.fchmod(descriptor, 0o600)

    def seal(self) -> None:
        """Make all that was built durable, then let the cache have its part."""
        areas = {*self._areas.values(), self.home.stage / self.txn}
        for area in areas:
            if is_there(area) and not sync.sync_filesystem(area):
                sync.sync_tree(area)
                for folder in (area.parent, area.parent.parent):  # the names of the area, and of what holds all areas
                    sync.sync_folder(folder)
        packed, cache = self._cache_area, self.home.cache
        if is_there(packed):
            durable.make_folders(cache)
            for name in sorted(os.listdir(packed)):  # noqa: PTH208 - names are enough, and there may be thousands
                with suppress(IsADirectoryError):
                    os.replace(f"{packed}/{name}", f"{cache}/{name}")  # noqa: PTH105
                    continue
                tree.remove_tree(cache / name)  # a folder has the name, and is no package
                os.replace(f"{packed}/{name}", f"{cache}/{name}")  # noqa: PTH105
            sync.sync_folder(cache)

    def discard(self) -> None:
        """Remove the staging folders; ``OSError`` where that fails."""
        for area in {*self._areas.values(), self.home.stage / self.txn}:
            tree.remove_tree(area)
        for beside in {area.parent for area in self._areas.values()} - {self.home.stage}:
            if not any(beside.iterdir()):
                beside.rmdir()

    def prepare(self, kind: Kind) -> None:
        """Create the folders that items of ``kind`` are staged in and go to, once."""
        if kind in self._prepared:
            return
        self._prepared.add(kind)
        durable.make_folders(self.home.installed(kind))
        area = self._area(kind)
        for part in ("new", "old"):
            durable.make_folders(area / part / kind, sync=False)
        durable.make_folders(self._cache_area, sync=False)

    @property
    def _cache_area(self) -> Path:
        return self.home.stage.joinpath(self.txn, "cache")

    def _installed(self, kind: Kind) -> str:
        if kind not in self._folders:
            self._folders[kind] = os.fspath(self.home.installed(kind))
        return self._folders[kind]

    def _area(self, kind: Kind) -> Path:
        if kind not in self._areas:
            self._areas[kind] = self._place(kind) / self.txn
        return self._areas[kind]

    def _place(self, kind: Kind) -> Path:
        installed = self.home.installed(kind)
        durable.make_folders(self.home.stage)
        if swap.same_filesystem(self.home.stage, installed):
            return self.home.stage
        where = f"{installed} is on another filesystem"
        beside = beside_stage(installed)
        try:
            beside.mkdir(exist_ok=True)
            if swap.same_filesystem(beside, installed):
                return beside
            beside.rmdir()
        except OSError as error:
            raise StorageError(
                f"{where}, and no temporary folder can be made beside it: {error}",
                advice=f"make {beside.parent} writable, or keep the home on one filesystem",
            ) from error
        raise StorageError(
            f"{where} whose root it is, so nothing beside it can be renamed into it; nothing was changed",
            advice="mount the filesystem one folder higher, or keep the home on one filesystem",
        )


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names are enough, and there may be thousands
    except FileNotFoundError:
        return frozenset()


def _is_whole(cached: Path, tree_digest: Digest, content: Content) -> bool:
    """Whether the cache has the package, undamaged."""
    size = sum(entry.size for entry in content.files)
    own_limits = Limits(unpacked=size, file=size, entries=len(content.files))
    return open_packed(cached, tree_digest, limits=own_limits, name=str(cached)) is not None


def beside_stage(installed: Path) -> Path:
    """The staging folder on the filesystem where ``installed``, which exists, really lies. Raises ``OSError``."""
    return Path(os.path.realpath(installed, strict=True)).parent / STAGE_BESIDE


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


class _Before:
    """What a new tree is like: owner, group and mode of what it replaces, else of the folder that it comes into."""

    def __init__(self, item: str, parent: Likeness | None) -> None:
        self._item = item
        self.is_there = tree.inode_of(item) is not None
        replaced = likeness_of(item) if self.is_there else None
        self._replaces = replaced is not None
        self.root = replaced or parent

    def folder(self, path: str) -> Likeness | None:
        """What the folder ``path`` is like; ``""`` is the whole."""
        found = likeness_of(f"{self._item}/{path}") if path and self._replaces else None
        return found or self.root

    def mode(self, path: str, wanted: int, *, is_new: bool) -> int:
        """The mode of a file: who may read and write it as before; nobody else where it is ``wanted`` private."""
        access = self.root.file_mode if self.root else 0o644
        if self._replaces and not is_new:
            with suppress(OSError):
                status = os.lstat(f"{self._item}/{path}")
                access = (status.st_mode if stat.S_ISREG(status.st_mode) else access) & 0o666 | 0o600
        mode = access | (access & 0o444) >> 2 if wanted & 0o100 else access
        return mode if wanted & 0o077 else mode & 0o700


class _FolderFds:
    """Opens the folders of one tree, creating them, one descriptor each. They are like those ``before``."""

    def __init__(self, root: str, before: _Before) -> None:
        self.root, self.before = root, before
        self._fds = {"": os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)}
        self._make_like("")

    def _make_like(self, folder: str) -> None:
        like = self.before.folder(folder)
        if like is not None:
            with naming(f"{self.root}/{folder}"):
                status, mode = os.fstat(self._fds[folder]), like.mode | stat.S_IRWXU
                if like.give(self._fds[folder], status) or stat.S_IMODE(status.st_mode) != mode:
                    os.fchmod(self._fds[folder], mode)

    def __call__(self, folder: str) -> int:
        if folder not in self._fds:
            parent, _, name = folder.rpartition("/")
            above = self(parent)
            os.mkdir(name, dir_fd=above)
            self._fds[folder] = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
            self._make_like(folder)
        return self._fds[folder]

    def close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)


def _write(root: str, folder_fd: _FolderFds, path: str, wanted: NewTree, mode: int) -> RecordedFile:
    folder, _, name = path.rpartition("/")
    try:
        chunks = wanted.realised.chunks(path, wanted.opened.content)
        stamp = tree.create_file(folder_fd(folder), name, chunks, mode, like=folder_fd.before.root)
    except OSError as error:
        error.filename = f"{root}/{path}"  # relative to a descriptor, or missing
        raise
    return RecordedFile(wanted.realised.hashes[path], *stamp)
