"""Packages in a catalog: a folder, here or on a web server, whose index says what it has."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct, field

from reconciler.codes import ErrorCode, WarningCode
from reconciler.errors import InputError, RefusedError
from reconciler.fs.bounded import read_if_there, read_start
from reconciler.model.catalog import INDEX_NAME, Catalog
from reconciler.model.desired import DesiredItem
from reconciler.model.digest import Digest
from reconciler.model.lock import Pin
from reconciler.model.note import Note
from reconciler.model.offer import Offer
from reconciler.model.source import URL, Fetching, Source
from reconciler.model.trust import MAX_SIGNATURES_BYTES, SIGNATURE_SUFFIX, armoured
from reconciler.sources.catalog.index import MAX_INDEX_BYTES, path_of, read_index
from reconciler.sources.context import SourceContext
from reconciler.sources.protocol import Delivery
from reconciler.sources.web.again import forget, read_again
from reconciler.sources.web.artifact import BY_INDEX, BY_LOCK, Download, copied, downloaded, network_of
from reconciler.sources.web.beside import beside
from reconciler.sources.web.credentials import credentials_for
from reconciler.sources.web.transfer import Bounds


class CatalogFolder(Struct):
    """One catalog, by the address of its folder or of its index. ``Remote`` says what the parts mean."""

    location: str
    fetching: Fetching
    context: SourceContext
    _catalog: Catalog | None = None
    _once: threading.Lock = field(default_factory=threading.Lock)

    def offers(self, item: DesiredItem) -> tuple[Offer, ...]:
        index = self._index()
        if self.context.judge is not None:
            self.context.judge.check_fresh(self.location)
        return tuple(
            Offer(
                pin=Pin(url=self._folder + release.url if self._is_remote else release.url),
                version=version,
                archive=release.archive,
                tree=release.tree,
                kind=index.kind(item.key.id),
                size=release.size,
                yanked=release.yanked,
                executables=release.executables,
            )
            for version, release in index.releases(item.key.id).items()
        )

    def signatures(self, item: DesiredItem, offer: Offer, tree: Digest) -> tuple[bytes, ...]:
        """What the index has of this version, if it lists the same content."""
        listed = self._index().releases(item.key.id).get(offer.version)
        if listed is None or listed.tree != tree:
            return ()
        return tuple(armoured(text) for text in listed.signatures)

    def everything(self) -> Catalog:
        """All that the catalog lists. Errors as for ``offers``."""
        return self._index()

    def holds(self, _offer: Offer) -> bool:
        return False

    def confirm(self, item: DesiredItem, offer: Offer) -> tuple[Note, ...]:
        """A version that the index does not list any more is no reason to refuse it: the archive decides."""
        source, item_id = item.source, item.key.id
        listed = self._index().releases(item_id).get(offer.version)
        if listed is None:
            message = f"{item_id}: {source} does not list version {offer.version} any more, which the lock pins"
            return (Note(WarningCode.UNLISTED, message, item.key),)
        # One archive may have another tree, by other rules of what is content.
        if offer.archive != listed.archive and (offer.archive is not None or listed.tree != offer.tree):
            message = f"{source} now lists other content as version {offer.version} of {item_id} than the lock pins"
            advice = f"find out who changed it; 'llamagate lock --upgrade {item_id}' accepts it as it is"
            raise RefusedError(message, advice=advice, code=ErrorCode.PIN_MISMATCH)
        if listed.yanked:
            message = f"{item_id}: version {offer.version}, which the lock pins, was withdrawn by its publisher"
            return (Note(WarningCode.YANKED, message, item.key),)
        return ()

    def bring(self, offers: Sequence[Offer]) -> None:
        """Nothing: each archive is taken when it is opened."""

    def open(self, source: Source, offer: Offer) -> AbstractContextManager[Delivery]:
        wanted = Download(
            urls=(offer.pin.url,),
            name=f"{source}, {offer.pin.url}",
            auth=self.fetching.auth,
            archive=offer.archive,
            claim=BY_LOCK if offer.is_locked else BY_INDEX,
        )
        path = path_of(self._relative(source, offer.pin.url))
        if self._is_remote:
            return downloaded(wanted, self.context)
        return copied(self._below(path, wanted.name), wanted, self.context)

    def _below(self, path: str, name: str) -> Path:
        """The file at ``path``. ``RefusedError`` where a link leads it out of the catalog's folder."""
        place = Path(self._folder, path)
        if not Path(os.path.realpath(place)).is_relative_to(os.path.realpath(self._folder)):
            raise RefusedError(
                f"{name}: a link leads out of the catalog's folder",
                advice="copy the archive there",
                code=ErrorCode.INSECURE,
            )
        return place

    def _relative(self, source: Source, url: str) -> str:
        if not self._is_remote:
            return url
        if not url.startswith(self._folder):
            message = f"the lock pins {url}, which is not in the catalog {source}"
            raise RefusedError(
                message, advice="'llamagate lock --upgrade ID' pins it again", code=ErrorCode.PIN_MISMATCH
            )
        return url.removeprefix(self._folder)

    def _index(self) -> Catalog:
        with self._once:
            if self._catalog is None:
                self._catalog = self._downloaded() if self._is_remote else self._read()
            return self._catalog

    def _read(self) -> Catalog:
        path = Path(self._index_address)
        try:
            data = read_start(path, MAX_INDEX_BYTES + 1)
            self._check_signed(data, lambda: read_if_there(Path(f"{path}{SIGNATURE_SUFFIX}"), MAX_SIGNATURES_BYTES))
            return read_index(data, name=str(path))
        except OSError as error:
            advice = f"'llamagate catalog build {path.parent}' writes it"
            raise InputError(
                f"{path} cannot be read: {error.strerror}", advice=advice, code=ErrorCode.UNREADABLE
            ) from error

    def _downloaded(self) -> Catalog:
        self.context.check_may_ask(self._index_address)
        rules, auth, url = self.context.rules, self.fetching.auth, self._index_address
        network = network_of(self.context)
        bounds = Bounds(size=MAX_INDEX_BYTES, seconds=rules.seconds, private_hosts=rules.private_hosts, network=network)
        credentials = credentials_for(auth, url, self.context.variables) if auth else None
        data = read_again(url, self.context.home, bounds=bounds, credentials=credentials)
        try:
            self._check_signed(data, lambda: next(iter(beside([url], auth, self.context)), None))
            return read_index(data, name=url)
        except (InputError, RefusedError):  # else a server that is well again could say that it has not changed
            forget(url, self.context.home)
            raise

    def _check_signed(self, data: bytes, signatures: Callable[[], bytes | None]) -> None:
        """Before anything in it is looked at, where signatures are asked for."""
        if self.context.judge is not None:
            self.context.judge.check_index(self.location, data, signatures())

    @property
    def _is_remote(self) -> bool:
        return bool(URL.match(self.location))

    @property
    def _index_address(self) -> str:
        is_index = self.location.lower().endswith(".json")
        return self.location if is_index else f"{self.location.rstrip('/')}/{INDEX_NAME}"

    @property
    def _folder(self) -> str:
        return self._index_address.rpartition("/")[0] + "/"
