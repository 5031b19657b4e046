"""The remotes that one command talks to, each of them once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field

from reconciler.model.desired import DesiredItem
from reconciler.model.source import Fetching, SourceKind
from reconciler.sources.catalog.remote import CatalogFolder
from reconciler.sources.context import SourceContext
from reconciler.sources.git.remote import GitRepository
from reconciler.sources.oci.remote import RegistryRepository
from reconciler.sources.protocol import Remote
from reconciler.sources.web.remote import WebAddress

REMOTES: Final[Mapping[SourceKind, Callable[[str, Fetching, SourceContext], Remote]]] = {
    SourceKind.HTTP: WebAddress,
    SourceKind.GIT: GitRepository,
    SourceKind.CATALOG: CatalogFolder,
    SourceKind.OCI: RegistryRepository,
}
"""The remote for each kind of source that the lock pins: made from its absolute location."""


class Remotes(Struct, frozen=True):
    """Every remote is made once, so that it is asked once for what it offers."""

    context: SourceContext
    _made: dict[tuple[SourceKind, str, Fetching], Remote] = field(default_factory=dict)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def of(self, item: DesiredItem) -> Remote:
        """The remote that has the package of ``item``."""
        key = (item.source.kind, self.context.location(item.source), item.fetching)
        with self._one_at_a_time:
            if key not in self._made:
                kind, location, fetching = key
                self._made[key] = REMOTES[kind](location, fetching, self.context)
            return self._made[key]
