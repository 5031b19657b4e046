"""Cache gc: drop from the cache what neither a lock nor a generation needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.apply.cleanup import unneeded_packages
from reconciler.errors import telling
from reconciler.fs import tree
from reconciler.fs.places import located
from reconciler.fs.presence import entries
from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.home import DOCUMENT_SUFFIX, Home
from reconciler.model.listener import Listener
from reconciler.model.lock import LockItem
from reconciler.model.record import Record
from reconciler.model.source import SourceKind
from reconciler.reconcile.exclusive import exclusive, settle
from reconciler.sources.git.copy import unneeded_copies
from reconciler.store.lock_file import lock_path, read_lock
from reconciler.store.state_files import read_record


class Dropped(Struct, frozen=True):
    """Something that is not needed: its name in the cache, and its size in bytes."""

    what: str
    size: int


class Collected(Struct, frozen=True, kw_only=True):
    """``dropped`` is still there where it was a dry run."""

    dropped: tuple[Dropped, ...]
    dry_run: bool

    def to_document(self) -> JsonObject:
        return {
            "dry_run": self.dry_run,
            "freed": sum(one.size for one in self.dropped),
            "dropped": [{"path": one.what, "size": one.size} for one in self.dropped],
        }


def collect(env: Environment, file: Path, listener: Listener, *, dry_run: bool) -> Collected:
    """Drop packages that neither the record, a generation nor a lock names, repositories that no lock names, and all
    documents of web servers: they are fetched again where one is asked for.

    The locks are that of ``file`` and those of the files whose items are installed; one that cannot be read is an
    error, since what it needs cannot be known.
    """
    home = Home(env.home)
    with exclusive(env, listener):
        settle(env, file)
        record, _ = read_record(home)
        locked = [*_locked(record, file, env.lock_file)]
        packages = {home.cached(entry.tree) for entry in locked}
        git = [entry.source.location for entry in locked if entry.source.kind is SourceKind.GIT]
        with telling("some of it could not be deleted"):
            packages_to_drop = [path for path in unneeded_packages(home) if path not in packages]
            documents = [path for path in entries(home.cache) if path.suffix == DOCUMENT_SUFFIX]
            dropped = [_drop(path, home, dry_run=dry_run) for path in (*packages_to_drop, *documents)]
            with unneeded_copies(home.git_cache, keep=git) as copies:
                dropped += [_drop(path, home, dry_run=dry_run) for path in copies]
    return Collected(dropped=tuple(dropped), dry_run=dry_run)


def _locked(record: Record, file: Path, named: Path | None) -> Iterator[LockItem]:
    """The entries of every lock, sources with absolute locations. That of ``file`` may be in the place ``named``."""
    files = {file.absolute(), *map(Path, record.owners.values())}
    for path in sorted(files):
        for entry in read_lock(lock_path(path, named if path == file.absolute() else None)).lock.items:
            source = entry.source
            location = source.location if source.is_address else str(located(path.parent, source.location))
            yield replace(entry, source=replace(source, location=location))


def _drop(path: Path, home: Home, *, dry_run: bool) -> Dropped:
    dropped = Dropped(path.relative_to(home.cache).as_posix(), _size(path))
    if not dry_run:
        tree.remove_tree(path)
    return dropped


def _size(path: Path) -> int:
    below: Iterable[Path] = path.rglob("*") if path.is_dir() else ()
    return sum(one.lstat().st_size for one in (path, *below) if not one.is_dir())
