"""Packages in OCI registries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, TypeVar, cast

from msgspec.structs import replace

from reconciler.codes import ErrorCode, WarningCode
from reconciler.errors import InputError, LlamagateError, RefusedError, StorageError
from reconciler.model.desired import DesiredItem
from reconciler.model.digest import Digest
from reconciler.model.lock import Pin
from reconciler.model.note import Note
from reconciler.model.offer import Offer
from reconciler.model.source import Fetching, Source
from reconciler.sources.context import SourceContext
from reconciler.sources.oci.access import access_to
from reconciler.sources.oci.client import Client
from reconciler.sources.oci.manifests import SIGNATURE, Manifest, only_layer
from reconciler.sources.oci.reference import digest_in, is_version, repository, versions_of
from reconciler.sources.oci.referrers import referrers
from reconciler.sources.protocol import Delivery
from reconciler.sources.web.artifact import (
    BY_LOCK,
    BY_MANIFEST,
    Artifact,
    Download,
    arriving,
    bounds_of,
    delivery,
    show_arrival,
)
from reconciler.sources.web.transfer import all_failed

T = TypeVar("T")

_LISTED: Final = "'skopeo list-tags docker://REGISTRY/NAME' lists the tags that are there"


class RegistryRepository:
    """One repository of a registry, and its mirrors, which are asked in their order where it fails or has nothing.

    ``Remote`` says what the parts mean.
    """

    def __init__(self, location: str, fetching: Fetching, context: SourceContext) -> None:
        self._location = location
        self._context = context
        places = [(location, fetching.auth), *((mirror, None) for mirror in fetching.mirrors)]
        self._clients = tuple(
            Client(access=access_to(repository(place), auth, context.variables), bounds=bounds_of(context))
            for place, auth in places
        )
        self._manifests: dict[str, Manifest] = {}
        self._tags: tuple[str, ...] | None = None
        self._one_at_a_time = threading.Lock()

    def offers(self, item: DesiredItem) -> tuple[Offer, ...]:
        """A ref has one manifest; else a range, or nothing, chooses among the tags that are versions."""
        if ref := item.source.ref:
            digest = digest_in(ref) or self._must_have(ref).digest
            return (Offer(pin=Pin(oci=self._location, digest=digest)),)
        return tuple(
            Offer(pin=Pin(oci=self._location, tag=tag), version=version)
            for version, tag in versions_of(self._listed(), item.key.id).items()
        )

    def holds(self, _offer: Offer) -> bool:
        return False

    def confirm(self, item: DesiredItem, offer: Offer) -> tuple[Note, ...]:
        """A tag that is a version stays where it is, or someone has replaced what was published; others move on."""
        tag = offer.pin.tag or item.source.ref
        if not is_version(tag):
            return ()
        now = self._manifest(tag)
        if now is None:
            message = f"{item.key.id}: {self._location} does not have the tag {tag} any more, which the lock pins"
            return (Note(WarningCode.UNLISTED, message, item.key),)
        if now.digest != offer.pin.digest:
            pinned = f"from {offer.pin.digest}, which the lock pins, to {now.digest}"
            message = f"{self._location}: the tag {tag} was moved {pinned}"
            advice = f"find out who moved it; 'llamagate lock --upgrade {item.key.id}' accepts it as it is"
            raise RefusedError(message, advice=advice, code=ErrorCode.PIN_MISMATCH)
        return ()

    def bring(self, offers: Sequence[Offer]) -> None:
        """Nothing: each package is taken when it is opened."""

    def signatures(self, _item: DesiredItem, offer: Offer, _tree: Digest) -> tuple[bytes, ...]:
        """What is attached to the manifest. A mirror that was not given it has none."""
        manifest = self._manifest(offer.pin.digest or offer.pin.tag)
        if manifest is None:
            return ()
        found = self._first(lambda client: referrers(client, manifest.digest, SIGNATURE).attached or None)
        return tuple(one.data for one in found or ())

    @contextmanager
    def open(self, source: Source, offer: Offer) -> Iterator[Delivery]:
        manifest = self._manifest(offer.pin.digest or offer.pin.tag)
        if manifest is None:
            raise self._gone(source, offer)
        layer = only_layer(manifest, name=str(source))
        by_lock = offer.is_locked and offer.archive is not None
        wanted = Download(
            urls=(),
            name=str(source),
            archive=offer.archive if by_lock else layer.digest,
            claim=BY_LOCK if by_lock and offer.archive != layer.digest else BY_MANIFEST,
        )
        with arriving(self._context) as out:
            arrived = partial(show_arrival, self._context.progress, wanted.name)
            digest = cast(Digest, self._first(lambda client: client.fetch(layer, out, arrived)))
            found = delivery(Artifact(out, digest), wanted, self._context)
            yield replace(found, pin=replace(offer.pin, oci=self._location, digest=manifest.digest))

    def _listed(self) -> Sequence[str]:
        with self._one_at_a_time:
            if self._tags is None:
                self._context.check_may_ask(self._location)
                self._tags = self._first(lambda client: client.tags())
            if self._tags is None:
                raise InputError(f"{self._location}: there is no such repository", code=ErrorCode.NOT_FOUND)
            return self._tags

    def _must_have(self, tag: str) -> Manifest:
        if (found := self._manifest(tag)) is None:
            raise InputError(f"{self._location} has no tag '{tag}'", advice=_LISTED, code=ErrorCode.NOT_FOUND)
        return found

    def _manifest(self, ref: str) -> Manifest | None:
        """What a tag leads to is known by its digest from then on."""
        if ref not in self._manifests:
            self._context.check_may_ask(f"{self._location} at {ref}")
            found = self._first(lambda client: client.manifest(ref))
            if found is None:
                return None
            self._manifests |= {ref: found, found.digest: found}
        return self._manifests[ref]

    def _first(self, ask: Callable[[Client], T | None]) -> T | None:
        """What the first has that has it; ``None`` where none has. One error for all that failed.

        What is taken from any of them is held against its digest, as far as that is known.
        """
        failures: list[LlamagateError] = []
        for client in self._clients:
            try:
                if (found := ask(client)) is not None:
                    return found
            except StorageError:
                raise
            except LlamagateError as error:
                failures.append(error)
        if failures:
            raise all_failed(failures)
        return None

    def _gone(self, source: Source, offer: Offer) -> InputError:
        if not offer.is_locked:
            return InputError(f"{source}: the registry has nothing there", advice=_LISTED, code=ErrorCode.NOT_FOUND)
        message = f"{source}: the registry does not have {offer.pin.digest} any more, which the lock pins"
        return InputError(
            message, advice="'llamagate lock --upgrade ID' pins what is there now", code=ErrorCode.NOT_FOUND
        )
