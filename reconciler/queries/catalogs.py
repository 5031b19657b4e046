"""What the catalogs at hand have: those that the file takes packages from, and those that are named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.catalog import Release
from reconciler.model.config import JsonObject
from reconciler.model.desired import Limits
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.listener import Progress, no_progress
from reconciler.model.source import NOTHING_MORE, Fetching, Source, SourceKind, SourceRules
from reconciler.model.version import in_order
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.resolve.signatures import looker_of, trust_of
from reconciler.sources.catalog.remote import CatalogFolder
from reconciler.sources.context import SourceContext
from reconciler.store.lock_file import lock_path, read_lock


class Offered(Struct, frozen=True, kw_only=True):
    """One item of one catalog, its versions from the newest to the oldest. ``installed`` is the version here."""

    key: ItemKey
    catalog: Source
    fetching: Fetching
    versions: tuple[tuple[str, Release], ...]
    installed: str | None

    @property
    def latest(self) -> str:
        """The newest version that was not taken back; empty where there is none."""
        return next((version for version, release in self.versions if not release.yanked), "")

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "catalog": self.catalog.location,
            "latest": self.latest or None,
            "installed": self.installed,
            "versions": [
                {"version": version, "released": one.released, "size": one.size, "yanked": one.yanked}
                for version, one in self.versions
            ],
        }


def search(
    env: Environment, file: Path, text: str, catalogs: Sequence[str], progress: Progress = no_progress
) -> tuple[Offered, ...]:
    """The items whose id holds ``text``, whatever its case."""
    state = read_home_state(env, file)
    found = offered(state, catalogs, progress)
    return tuple(one for one in found if text.casefold() in one.key.id.casefold())


def offered(state: HomeState, named: Sequence[str], progress: Progress = no_progress) -> tuple[Offered, ...]:
    """Everything that the catalogs have, by id. ``InputError`` where no catalog is known."""
    places = _places(state, named)
    if not places:
        raise InputError(
            f"no catalog is known: {state.path} takes no package from one",
            advice="name one with --catalog, a folder or an address",
            code=ErrorCode.NOT_FOUND,
        )
    context = context_for(state, progress)
    found: list[Offered] = []
    for done, (source, fetching) in enumerate(places):
        progress("reading catalogs", done, len(places))
        found += _of(state, CatalogFolder(context.location(source), fetching, context), source, fetching)
    progress("reading catalogs", len(places), len(places))
    return tuple(sorted(found, key=lambda one: (one.key.id, one.catalog.location)))


def _places(state: HomeState, named: Sequence[str]) -> list[tuple[Source, Fetching]]:
    items = state.file.desired.items if state.file else ()
    places = {
        item.source.location: (item.source, item.fetching) for item in items if item.source.kind is SourceKind.CATALOG
    }
    # What is named is meant from the current folder, what the file names from its own.
    given = {name: (Source(SourceKind.CATALOG, _absolute(name)), NOTHING_MORE) for name in named}
    return [*(given or places).values()]


def _absolute(name: str) -> str:
    return name if "://" in name else str(Path(name).absolute())


def _of(state: HomeState, catalog: CatalogFolder, source: Source, fetching: Fetching) -> Iterator[Offered]:
    for key, releases in catalog.everything().items.items():
        manifest = state.manifest_of(key)
        versions = tuple((version, releases[version]) for version in reversed(in_order(releases)))
        yield Offered(
            key=key,
            catalog=source,
            fetching=fetching,
            versions=versions,
            installed=manifest.version if manifest else None,
        )


def context_for(state: HomeState, progress: Progress = no_progress) -> SourceContext:
    """What catalogs are read with: by the rules of the file, if there is one, and of this host."""
    policy, base = state.file.desired.policy if state.file else None, state.path.absolute().parent
    old = read_lock(lock_path(state.path, state.env.lock_file), known=state.record.documents)
    return SourceContext(
        home=Home(state.env.home),
        base=base,
        variables=state.env.variables,
        rules=policy.sources if policy else SourceRules(),
        limits=policy.limits if policy else Limits(),
        offline=state.env.offline,
        progress=progress,
        judge=looker_of(trust_of(state.env, state.file, base, old=old)),
    )
