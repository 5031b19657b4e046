"""The places that one command talks to, each of them once, and the packages that come from there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from reconciler.errors import RefusedError
from reconciler.model.desired import DesiredItem
from reconciler.model.lock import LockItem
from reconciler.model.offer import Offer
from reconciler.model.source import Fetching, SourceKind
from reconciler.packages.content import Content
from reconciler.packages.manifest import read_package
from reconciler.packages.open_package import OpenPackage
from reconciler.resolve.cache import keep
from reconciler.resolve.resolved import Resolved, absolute, check, resolved_as
from reconciler.sources.catalog.remote import CatalogFolder
from reconciler.sources.context import SourceContext
from reconciler.sources.git.remote import GitRepository
from reconciler.sources.protocol import Remote
from reconciler.sources.web.artifact import BY_INDEX
from reconciler.sources.web.remote import WebAddress

PLACES: Final[Mapping[SourceKind, Callable[[str, Fetching, SourceContext], Remote]]] = {
    SourceKind.HTTP: WebAddress,
    SourceKind.GIT: GitRepository,
    SourceKind.CATALOG: CatalogFolder,
}
"""What serves which kind of source that the lock pins: made from its absolute location."""


@dataclass(frozen=True, slots=True)
class Remotes:
    """Every place is made once, so that what it says is asked for once."""

    reach: SourceContext
    _places: dict[tuple[SourceKind, str, Fetching], Remote] = field(default_factory=dict)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def place(self, item: DesiredItem) -> Remote:
        """Where the package of ``item`` is."""
        kind, location = item.source.kind, self.reach.location(item.source)
        with self._one_at_a_time:
            place = self._places.get((kind, location, item.fetching))
            if place is None:
                place = PLACES[kind](location, item.fetching, self.reach)
                self._places[kind, location, item.fetching] = place
            return place


def fetch(item: DesiredItem, offer: Offer, place: Remote, reach: SourceContext) -> Resolved:
    """Take the package that ``offer`` is into the cache.

    ``RefusedError`` where it is not what the lock, the file or a catalog says; ``InputError`` where it is not what the
    item says.
    """
    name = str(item.source)
    with place.open(item.source, offer) as delivery:
        opened = _opened(item, offer, delivery.content)
        check(item, opened.package.manifest)
        kept = keep(opened, reach.home, reach.limits, name=name)
    resolved = resolved_as(absolute(item.source, reach), kept, name=name)
    return replace(
        resolved,
        key=item.key,
        pin=offer.pin,
        archive=delivery.archive,
        notes=(*resolved.notes, *_notes(item, offer, resolved.manifest.version)),
    )


def _notes(item: DesiredItem, offer: Offer, version: str) -> Iterator[str]:
    if not offer.is_locked and offer.version not in ("", version):
        what = f"the tag {offer.pin.tag}" if offer.pin.tag else offer.pin.url
        yield f"{item.key.id}: {what} holds version {version} of it, and not {offer.version}"


def fetch_locked(item: DesiredItem, entry: LockItem, reach: SourceContext) -> Resolved:
    """What the lock pins, from where it is, for one item alone."""
    place, offer = Remotes(reach).place(item), Offer.of(entry)
    if not place.holds(offer):
        place.confirm(item, offer)
        place.bring([offer])
    return fetch(item, offer, place, reach)


def _opened(item: DesiredItem, offer: Offer, content: Content) -> OpenPackage:
    package = read_package(content, name=str(item.source))
    if offer.tree not in (None, package.tree):
        who = "the lock pins" if offer.is_locked else "the catalog lists"
        message = f"{item.source} holds other content ({package.tree}) than {who} ({offer.tree})"
        accept = f"find out who changed it; 'llamagate lock --upgrade {item.key.id}' accepts it as it is"
        raise RefusedError(message, advice=accept if offer.is_locked else BY_INDEX.advice)
    return OpenPackage(package=package, content=content)
