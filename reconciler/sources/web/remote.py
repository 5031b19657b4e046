"""Packages in zip and tar archives on web servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from weakref import finalize

from reconciler.model.desired import DesiredItem
from reconciler.model.digest import Digest
from reconciler.model.lock import Pin
from reconciler.model.note import Note
from reconciler.model.offer import Offer
from reconciler.model.source import Fetching, Source
from reconciler.sources.context import SourceContext
from reconciler.sources.protocol import Delivery
from reconciler.sources.web.artifact import BY_FILE, BY_LOCK, Artifact, Download, arrived_from, delivery, downloaded
from reconciler.sources.web.beside import beside


class WebAddress:
    """One archive, at its url or at a mirror of it. ``Remote`` says what the parts mean.

    Where it holds the packages of several items, it is downloaded once for all.
    """

    def __init__(self, url: str, fetching: Fetching, context: SourceContext) -> None:
        self._url = url
        self._fetching = fetching
        self._context = context
        self._shared = False
        self._artifact: Artifact | None = None
        self._one_at_a_time = threading.Lock()
        self._open = ExitStack()
        finalize(self, self._open.close)

    def offers(self, _item: DesiredItem) -> tuple[Offer, ...]:
        return (Offer(pin=Pin(url=self._url), archive=self._fetching.sha256),)

    def holds(self, _offer: Offer) -> bool:
        return False

    def confirm(self, _item: DesiredItem, _offer: Offer) -> tuple[Note, ...]:
        return ()

    def bring(self, offers: Sequence[Offer]) -> None:
        """Nothing yet: the archive is taken when a package in it is opened."""
        self._shared = len(offers) > 1

    def signatures(self, _item: DesiredItem, _offer: Offer, _tree: Digest) -> tuple[bytes, ...]:
        """What is at ``URL.sig``, or beside one of the mirrors."""
        urls = (self._url, *self._fetching.mirrors)
        return beside(urls, self._fetching.auth, self._context)

    @contextmanager
    def open(self, source: Source, offer: Offer) -> Iterator[Delivery]:
        wanted = Download(
            urls=(self._url, *self._fetching.mirrors),
            name=str(source),
            path=source.path,
            auth=self._fetching.auth,
            archive=offer.archive,
            claim=BY_LOCK if offer.is_locked else BY_FILE,
        )
        if self._shared:
            yield delivery(self._arrived(wanted), wanted, self._context)
            return
        with downloaded(wanted, self._context) as found:
            yield found

    def _arrived(self, wanted: Download) -> Artifact:
        with self._one_at_a_time:
            if self._artifact is None:
                self._artifact = self._open.enter_context(arrived_from(wanted, self._context))
            return self._artifact
