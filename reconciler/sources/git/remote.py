"""Packages in git repositories."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from reconciler.codes import ErrorCode, WarningCode
from reconciler.errors import InputError, RefusedError
from reconciler.fs.places import located
from reconciler.model.desired import DesiredItem
from reconciler.model.digest import Digest
from reconciler.model.lock import Pin, asked_tag
from reconciler.model.note import Note
from reconciler.model.offer import Offer
from reconciler.model.source import Fetching, Source
from reconciler.model.trust import ARMOUR_BEGIN, MAX_SIGNATURES_BYTES, SIGNATURE_SUFFIX
from reconciler.model.version import tagged_versions
from reconciler.sources.context import SourceContext
from reconciler.sources.git.address import Transport, git_url_problem, local_path, transport_of
from reconciler.sources.git.command import GitRules
from reconciler.sources.git.refs import Refs
from reconciler.sources.git.repository import Repository
from reconciler.sources.protocol import Delivery
from reconciler.sources.web.credentials import credentials_for
from reconciler.sources.web.proxy import DIRECT, proxies_of
from reconciler.sources.web.url import parsed_url

_SIGNED: Final = ARMOUR_BEGIN.encode()


class GitRepository:
    """One repository, by its url. ``Remote`` says what the parts mean."""

    def __init__(self, url: str, fetching: Fetching, context: SourceContext) -> None:
        self._url = url
        self._context = context
        self._repository = Repository(url, folder=context.home.git_cache, rules=git_rules(url, fetching, context))
        self._refs: Refs | None = None
        self._held: set[str] = set()
        self._one_at_a_time = threading.Lock()

    def offers(self, item: DesiredItem) -> tuple[Offer, ...]:
        """A ref has one commit; a range chooses among the tags; without both, the default branch is meant."""
        refs = self._offered()
        if item.version is not None and not item.source.ref:
            versions = tagged_versions(refs.tags, item.key.id)
            return tuple(
                Offer(pin=Pin(commit=refs.tags[tag], tag=tag), version=version) for version, tag in versions.items()
            )
        if refs.is_ambiguous(item.source.ref):
            message = f"{self._url} has a branch and a tag '{item.source.ref}', which lead to different commits"
            advice = f"write refs/heads/{item.source.ref} or refs/tags/{item.source.ref} as ref"
            raise RefusedError(message, advice=advice, code=ErrorCode.AMBIGUOUS)
        commit = refs.resolve(item.source.ref) if item.source.ref else refs.head
        if commit is None:
            raise InputError(self._no_such_ref(item.source.ref, refs), code=ErrorCode.NOT_FOUND)
        return (Offer(pin=Pin(commit=commit)),)

    def holds(self, offer: Offer) -> bool:
        """Asked of git once for a commit: many items are of one."""
        commit = offer.pin.commit
        with self._one_at_a_time:
            if commit not in self._held and self._repository.has(commit):
                self._held.add(commit)
            return commit in self._held

    def confirm(self, item: DesiredItem, offer: Offer) -> tuple[Note, ...]:
        """A branch moves on; a tag stays where it is, or someone has replaced what was published."""
        refs = self._offered()
        tag = offer.pin.tag or item.source.ref.removeprefix("refs/tags/")
        now = None if not offer.pin.tag and refs.has_branch(tag) else refs.tags.get(tag)
        if now not in (None, offer.pin.commit):
            message = f"{self._url}: the tag {tag} was moved from {offer.pin.commit}, which the lock pins, to {now}"
            advice = f"find out who moved it; 'llamagate lock --upgrade {item.key.id}' accepts it as it is"
            raise RefusedError(message, advice=advice, code=ErrorCode.PIN_MISMATCH)
        if offer.pin.tag and now is None:
            message = f"{item.key.id}: {self._url} does not have the tag {tag} any more, which the lock pins"
            return (Note(WarningCode.UNLISTED, message, item.key),)
        return ()

    def bring(self, offers: Sequence[Offer]) -> None:
        """By one fetch, shallow, of all the commits."""
        if offers:
            self._repository.bring({offer.pin.commit for offer in offers})

    def signatures(self, item: DesiredItem, offer: Offer, _tree: Digest) -> tuple[bytes, ...]:
        """The file beside the package's folder in its commit, and the annotated tag that was asked for.

        A package that is the whole repository has no file beside it.
        """
        return tuple(one for one in (self._beside(item, offer), self._tag(item, offer)) if one is not None)

    def _beside(self, item: DesiredItem, offer: Offer) -> bytes | None:
        if not item.source.path:
            return None
        self.bring([offer])
        path, name = f"{item.source.path}{SIGNATURE_SUFFIX}", str(item.source)
        return self._repository.file(offer.pin.commit, path, most=MAX_SIGNATURES_BYTES, name=name)

    def _tag(self, item: DesiredItem, offer: Offer) -> bytes | None:
        oid = self._offered().tag_objects.get(asked_tag(item.source, offer.pin))
        data = None if oid is None else self._repository.tag(oid, most=MAX_SIGNATURES_BYTES)
        return data if data is not None and _SIGNED in data else None

    @contextmanager
    def open(self, source: Source, offer: Offer) -> Iterator[Delivery]:
        limits = self._context.limits
        content = self._repository.open(offer.pin.commit, source.path, limits=limits, name=str(source))
        yield Delivery(content, left_out=content.left_out)

    def _offered(self) -> Refs:
        with self._one_at_a_time:
            if self._refs is None:
                self._refs = self._repository.refs()
            return self._refs

    def _no_such_ref(self, ref: str, refs: Refs) -> str:
        if not ref:
            return f"{self._url} has no commit on its default branch"
        names = [name.removeprefix("refs/tags/").removeprefix("refs/heads/") for name in refs.commits]
        near = get_close_matches(ref, names, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"{self._url} has no branch, tag or commit '{ref}'{hint}"


def _proxy_for(url: str, context: SourceContext) -> str:
    proxies = proxies_of(context.rules, context.variables)
    if proxies == DIRECT or git_url_problem(url, local=True):
        return ""
    is_web = transport_of(url) in (Transport.HTTP, Transport.HTTPS)
    proxy = proxies.of(parsed_url(url).origin) if is_web else None
    return proxy.text if proxy else ""


def git_rules(url: str, fetching: Fetching, context: SourceContext) -> GitRules:
    """What git may do for ``url``, with the credentials that ``fetching`` names."""
    credentials = credentials_for(fetching.auth, url, context.variables) if fetching.auth else None
    is_trusted = local_path(url) in [
        os.path.normpath(located(context.base, path)) for path in context.rules.trusted_git
    ]
    return GitRules(
        local=context.rules.local_git or is_trusted,
        trusted=is_trusted,
        seconds=context.rules.seconds,
        proxy=_proxy_for(url, context),
        headers=(f"{credentials.header}: {credentials.value}",) if credentials else (),
        variables=context.variables,
        offline=context.offline and not (Path(url).is_absolute() or url.startswith("file:")),
    )
