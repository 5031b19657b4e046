"""Resolve: which package each item of a file is, or everything that is wrong with any of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.errors import Fault, LlamagateError, LockStaleError, RefusedError, UnreachableError
from reconciler.fs.places import located_text
from reconciler.fs.presence import is_there
from reconciler.model.desired import DesiredItem, place_of
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.listener import Progress, no_progress
from reconciler.model.lock import LockItem
from reconciler.model.record import Record
from reconciler.model.source import Source
from reconciler.resolve.pins import Partition, Request
from reconciler.resolve.resolved import Resolved, check, package_as_resolved, recorded_as_resolved
from reconciler.resolve.store import PackageStore
from reconciler.sources.context import IndexJudge, SourceContext
from reconciler.sources.local import LOCAL, kind_at
from reconciler.store.desired_file import DesiredFile


class Resolver(Struct, frozen=True, kw_only=True):
    """Resolves items of one file. What was installed or fetched before needs no source."""

    file: DesiredFile
    record: Record
    store: PackageStore
    context: SourceContext
    lock_path: Path

    def resolve(
        self, parts: Partition, *, only: Collection[str] | None = None, locked: bool = False
    ) -> dict[ItemKey, Resolved]:
        """Resolve the items; ``only`` narrows that to these ids and what they depend on.

        The error of one item that cannot be used, or one error with the faults of all of them. ``LockStaleError``
        where only the lock may decide (``locked``), and it does not.
        """
        found: dict[ItemKey, Resolved] = {}
        errors: dict[ItemKey, LlamagateError] = {}
        wave, done = (parts if only is None else parts.only(only)), set(only or ())
        while wave:
            if locked and wave.undecided:
                raise LockStaleError(f"{self.lock_path} is out of date: " + "; ".join(wave.reasons))
            new, failed = self._wave(wave, fetches=not errors)
            found |= new
            errors |= failed
            needs = (name for item in wave.items for name in _needs(item, new.get(item.key)))
            needed = set() if only is None else {*needs} - done
            wave = parts.only(needed)
            done |= needed
        self.context.progress("reading", len(found), len(found))
        if errors:
            raise together(self.file, errors)
        return found

    def fetch_lost(self, needed: Iterable[Resolved]) -> None:
        """Fetch what is needed now of packages that the lock pins, and that the cache has lost. Errors as above."""
        items = {item.key: item for item in self.file.desired.items}
        lost = [
            (items[one.key], one.locked_as(items[one.key].source))
            for one in needed
            if one.pin is not None and self.store.find(one.tree, name=one.name) is None
        ]
        _, errors = self._fetched(lost)
        if errors:
            raise together(self.file, errors)

    def _wave(
        self, parts: Partition, *, fetches: bool
    ) -> tuple[dict[ItemKey, Resolved], dict[ItemKey, LlamagateError]]:
        found: dict[ItemKey, Resolved] = {}
        errors: dict[ItemKey, LlamagateError] = {}
        requests: list[Request] = [(item, None) for item, _ in parts.undecided]
        for done, (item, entry, resolve) in enumerate(tasks := [*self._tasks(parts)]):
            self.context.progress("reading", done, len(tasks))
            try:
                resolved = resolve()
            except LlamagateError as error:
                errors[item.key] = error
                continue
            if resolved is None:
                requests.append((item, entry))
            else:
                found[item.key] = resolved
        if errors or not fetches:  # what is wrong here is said before anyone waits for others
            return found, errors
        fetched, errors = self._fetched(requests)
        return found | fetched, errors

    def _tasks(self, parts: Partition) -> Iterator[tuple[DesiredItem, LockItem | None, Callable[[], Resolved | None]]]:
        for item in parts.local:
            yield item, None, partial(self._local, item)
        for item, entry in parts.locked:
            yield item, entry, partial(self._locked, item, entry)

    def _local(self, item: DesiredItem) -> Resolved:
        """What is at a local source now; it is only read if the record does not know it as it is."""
        kind, name = LOCAL[item.source.kind], item.source.location
        location, recorded = located_text(str(self.context.base), name), self.record.items.get(item.key)
        source = Source(item.source.kind, location, path=item.source.path)
        stamp = kind.stamp(location, self.store.ignore)
        if recorded is not None and stamp and (recorded.source, recorded.source_stamp) == (source, stamp):
            return self._recorded(item, recorded_as_resolved(recorded, name=name))
        package = self.store.read(source, name=name).package
        found = package_as_resolved(package, source, name=name, key=item.key, stamp=stamp)
        check(item, found.manifest)
        return found

    def _locked(self, item: DesiredItem, entry: LockItem) -> Resolved | None:
        """What the lock says, if it was installed or fetched before; ``None`` where it must be fetched.

        ``RefusedError`` where the cache was tampered with and nobody may be asked for the package again.
        """
        name, recorded = str(item.source), self.record.items.get(item.key)
        if recorded is not None and recorded.tree == entry.tree:
            found = self._recorded(item, recorded_as_resolved(recorded, name=name))
        else:
            opened = self.store.find(entry.tree, name=name)
            if opened is None:
                self._check_is_not_damaged(entry)
                return None
            found = package_as_resolved(opened.package, item.source, name=name)
            check(item, found.manifest)
        source = self.context.absolute(item.source)
        bits = found.executables if entry.executables is None else entry.executables
        pinned = replace(found, key=item.key, source=source, stamp="", pin=entry.pin, archive=entry.archive)
        return replace(pinned, executables=bits)

    def _recorded(self, item: DesiredItem, found: Resolved) -> Resolved:
        """What the record knows; that it is what the item says was found before, where the file is known."""
        if not self.file.is_known:
            check(item, found.manifest)
        return found

    def _check_is_not_damaged(self, entry: LockItem) -> None:
        path = self.store.home.cached(entry.tree)
        if self.context.offline and is_there(path):
            message = f"{path} is damaged, or was changed: it is not the package that the lock pins"
            raise RefusedError(
                message, advice="run it without --offline: the package is fetched again", code=ErrorCode.PIN_MISMATCH
            )

    def _fetched(self, requests: Sequence[Request]) -> tuple[dict[ItemKey, Resolved], dict[ItemKey, LlamagateError]]:
        if not requests:
            return {}, {}
        from reconciler.resolve.fetch import fetch_all  # the door to the clients, which take time to load

        return fetch_all(requests, self.store, self.context)


def _needs(item: DesiredItem, resolved: Resolved | None) -> tuple[str, ...]:
    """What an item depends on; what a module requires is known only once it was resolved."""
    return (*item.depends_on, *(resolved.manifest.requires if resolved else ()))


def together(file: DesiredFile, errors: Mapping[ItemKey, LlamagateError]) -> LlamagateError:
    """One error for all. That trying again may help is only said where nothing else is wrong."""
    faults: list[Fault] = []
    ordered = [(item.key, errors[item.key]) for item in file.desired.items if item.key in errors]
    placed = file.faults([(place_of(key), error.message, error.code) for key, error in ordered])
    for fault, (_, error) in zip(placed, ordered, strict=True):
        faults.append(fault)
        faults += [fault for fault in error.faults if fault.line or fault.message not in error.message]
    worst = [error for _, error in ordered if not isinstance(error, UnreachableError)]
    first = (worst or [error for _, error in ordered])[0]
    message = str(faults[0]) if len(errors) == 1 else f"{file.path}: {len(errors)} items cannot be used"
    return type(first)(message, faults=faults, advice=first.advice, code=first.code)


def resolve_path(path: Path, store: PackageStore, *, name: str, inside: str = "") -> Resolved:
    """What the package at ``path``, which a command names, is now; ``inside`` is its folder in an archive."""
    source = Source(kind_at(path), str(path), path=inside)
    return package_as_resolved(store.read(source, name=name).package, source, name=name)


def context_of(
    env: Environment, file: DesiredFile, progress: Progress = no_progress, *, judge: IndexJudge | None = None
) -> SourceContext:
    """What the sources of ``file`` are read and fetched with."""
    policy = file.desired.policy
    return SourceContext(
        home=Home(env.home),
        base=file.path.absolute().parent,
        variables=env.variables,
        rules=policy.sources,
        limits=policy.limits,
        offline=env.offline,
        progress=progress,
        judge=judge,
    )
