"""New trees, built completely and durably before anything is changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from reconciler.apply.local_files import carry_local
from reconciler.apply.new_tree import Before, NewTree, write_files
from reconciler.errors import StorageError
from reconciler.fs import durable, swap, sync, tree
from reconciler.fs.carry import copy_tree
from reconciler.fs.descriptor import CREATE, naming, opened, write_all
from reconciler.fs.ownership import Likeness, likeness_of
from reconciler.fs.presence import is_there
from reconciler.model.desired import Limits
from reconciler.model.digest import Digest
from reconciler.model.home import STAGE_BESIDE, Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.record import RecordedFile
from reconciler.packages.content import Content, privates_of
from reconciler.packages.zip.pack import pack, packed_small
from reconciler.packages.zip.packed import is_packed_at, open_packed

_SMALL_BYTES: Final = 2**20


class Stage(Struct):
    """The staging folders of one transaction: below our own folder, or beside an ``installed`` that lies elsewhere."""

    home: Home
    txn: str
    _areas: dict[Kind, Path] = field(default_factory=dict)
    _folders: dict[Kind, tuple[str, Likeness | None]] = field(default_factory=dict)
    _prepared: set[Kind] = field(default_factory=set)
    _cached: frozenset[str] | None = None
    """The names in the cache, once they were asked for."""
    _packing: str = ""
    """Where packages for the cache are written."""
    _packed: set[str] = field(default_factory=set)
    """Those of what this transaction packs."""

    def target(self, key: ItemKey) -> str:
        """Where the item goes to."""
        return f"{self._installed(key.kind)[0]}/{key.id}"

    def new(self, key: ItemKey) -> str:
        return f"{self._area(key.kind)}/new/{key.kind}/{key.id}"

    def old(self, key: ItemKey) -> str:
        return f"{self._area(key.kind)}/old/{key.kind}/{key.id}"

    def build(self, key: ItemKey, wanted: NewTree) -> Mapping[str, RecordedFile]:
        """Build the item's new tree; the files as staged, with stamps that the swap does not change."""
        root, (installed, like) = self.new(key), self._installed(key.kind)
        before = Before(f"{installed}/{key.id}", like)
        os.mkdir(root)  # noqa: PTH102 - once an item, and parsing paths is a fair part of a large change
        stamps = write_files(root, wanted, before)
        if wanted.carried_from or before.is_there:
            carry_local(wanted.carried_from or self.home.item(key), Path(root), wanted.brought)
        return stamps

    def copy(self, key: ItemKey, folder: Path) -> None:
        """Build the item's new tree as a copy of ``folder``, local files and all."""
        copy_tree(folder, Path(self.new(key)))

    def cache(self, tree_digest: Digest, content: Content) -> None:
        """Pack the package for the cache, in place of a damaged one too: it can come back when its source is gone."""
        size, name = sum(entry.size for entry in content.files), f"{tree_digest.removeprefix('sha256:')}.zip"
        if self._cached is None:
            self._cached = _names_in(self.home.cache)
        is_known = name in self._cached
        if name in self._packed or (is_known and _is_whole(self.home.cached(tree_digest), tree_digest, content)):
            return
        self._packed.add(name)
        self._packing = self._packing or f"{self._cache_area}"
        target = f"{self._packing}/{name}"
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

    def _installed(self, kind: Kind) -> tuple[str, Likeness | None]:
        """The folder of the items, and what it is like."""
        if kind not in self._folders:
            folder = os.fspath(self.home.installed(kind))
            self._folders[kind] = folder, likeness_of(folder)
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
    if is_packed_at(cached, tree_digest):
        return True
    size = sum(entry.size for entry in content.files)
    own_limits = Limits(unpacked=size, file=size, entries=len(content.files))
    return open_packed(cached, tree_digest, limits=own_limits, name=str(cached)) is not None


def beside_stage(installed: Path) -> Path:
    """The staging folder on the filesystem where ``installed``, which exists, really lies. Raises ``OSError``."""
    return Path(os.path.realpath(installed, strict=True)).parent / STAGE_BESIDE
