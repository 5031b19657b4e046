"""Packages in zip archives on web servers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from msgspec import Struct

from reconciler.model.desired import DesiredItem
from reconciler.model.lock import Pin
from reconciler.model.note import Note
from reconciler.model.offer import Offer
from reconciler.model.source import Fetching, Source
from reconciler.sources.context import SourceContext
from reconciler.sources.protocol import Delivery
from reconciler.sources.web.artifact import BY_FILE, BY_LOCK, Download, downloaded


class WebAddress(Struct, frozen=True):
    """One archive, at its url or at a mirror of it. ``Remote`` says what the parts mean."""

    url: str
    fetching: Fetching
    context: SourceContext

    def offers(self, _item: DesiredItem) -> tuple[Offer, ...]:
        return (Offer(pin=Pin(url=self.url), archive=self.fetching.sha256),)

    def holds(self, _offer: Offer) -> bool:
        return False

    def confirm(self, _item: DesiredItem, _offer: Offer) -> tuple[Note, ...]:
        return ()

    def bring(self, offers: Sequence[Offer]) -> None:
        """Nothing: there is one archive, which is taken when it is opened."""

    def open(self, source: Source, offer: Offer) -> AbstractContextManager[Delivery]:
        wanted = Download(
            urls=(self.url, *self.fetching.mirrors),
            name=str(source),
            auth=self.fetching.auth,
            archive=offer.archive,
            claim=BY_LOCK if offer.is_locked else BY_FILE,
        )
        return downloaded(wanted, self.context)
