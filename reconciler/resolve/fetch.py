"""Fetch: packages that this machine does not have yet, many side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import WarningCode
from reconciler.errors import InputError, LlamagateError, UnreachableError
from reconciler.fs.ownership import give_back, owner_of_nearest
from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.lock import LockItem
from reconciler.model.note import Note
from reconciler.model.offer import Offer
from reconciler.model.source import Source
from reconciler.resolve.choose import choose
from reconciler.resolve.parallel import side_by_side
from reconciler.resolve.pins import Request
from reconciler.resolve.resolved import Resolved
from reconciler.resolve.store import PackageStore
from reconciler.sources.context import SourceContext
from reconciler.sources.git.failure import UnknownCommitError
from reconciler.sources.oci.reference import repository
from reconciler.sources.protocol import Remote
from reconciler.sources.remotes import Remotes
from reconciler.sources.web.proxy import DIRECT, proxies_of, unused_variable
from reconciler.sources.web.url import parsed_url


class _Chosen(Struct, frozen=True):
    """The package that an item is to be, before it is fetched, and what people should know of it."""

    item: DesiredItem
    remote: Remote
    offer: Offer
    notes: tuple[Note, ...] = ()


def fetch_all(
    requests: Sequence[Request], store: PackageStore, context: SourceContext
) -> tuple[dict[ItemKey, Resolved], dict[ItemKey, LlamagateError]]:
    """Fetch every item: what each is, or what is wrong with it. A remote is asked once for all its items."""
    groups, errors = _by_remote(requests, Remotes(context))
    chosen: list[_Chosen] = []
    for _, choice in side_by_side({number: partial(_choose, *group) for number, group in groups.items()}):
        if isinstance(choice, LlamagateError):
            raise choice
        chosen += choice[0]
        errors |= choice[1]
    found: dict[ItemKey, Resolved] = {}
    fetching = {one.item.key: partial(_fetched, one, store, context) for one in chosen}
    for done, (key, arrived) in enumerate(side_by_side(fetching)):
        context.progress("fetching", done, len(fetching))
        if isinstance(arrived, LlamagateError):
            errors[key] = arrived
        else:
            found[key] = arrived
    context.progress("fetching", len(fetching), len(fetching))
    _say_of_proxy(chosen, found, context)
    _hint_at_proxy(errors.values(), context)
    give_back(context.home.ours, owner_of_nearest(context.home.root))
    return found, errors


def fetch_one(source: Source, store: PackageStore, context: SourceContext, *, signed: bool = False) -> Resolved:
    """The package at an address, whatever its id is. Where tags or versions choose, the newest is taken.

    ``signed``: with the signatures that its source has of it.
    """
    item = DesiredItem(key=ItemKey(Kind.EXTENSION, _last_name(source)), source=source)
    remote = Remotes(context).of(item)
    offer = choose(remote.offers(item), item)
    remote.bring([offer])
    found = store.fetch_any(source, offer, remote)
    if signed:
        offer = replace(offer, version=offer.version or found.manifest.version)
        found = replace(found, signatures=remote.signatures(replace(item, key=found.key), offer, found.tree))
    give_back(context.home.ours, owner_of_nearest(context.home.root))
    return found


def _last_name(source: Source) -> str:
    """What the tags of its versions may begin with, in a repository of several packages."""
    return (source.path or source.location.removesuffix(".git")).rstrip("/").rpartition("/")[2]


def _say_of_proxy(chosen: Sequence[_Chosen], found: dict[ItemKey, Resolved], context: SourceContext) -> None:
    """Say once, with the first that came through a proxy, that only that knows where names lead."""
    proxies = proxies_of(context.rules, context.variables)
    for one in chosen if proxies != DIRECT else ():
        pin = one.offer.pin
        address = pin.url or (repository(pin.oci).base if pin.oci else "")
        if address and (proxy := proxies.of(parsed_url(address).origin)) and one.item.key in found:
            message = f"downloads went through the proxy {proxy}: it alone decides where the names of hosts lead"
            resolved = found[one.item.key]
            found[one.item.key] = replace(resolved, notes=(*resolved.notes, Note(WarningCode.PROXY_DECIDES, message)))
            return


def _hint_at_proxy(errors: Iterable[LlamagateError], context: SourceContext) -> None:
    """Mention a variable that names a proxy and is not used, where somebody was not reached."""
    variable = unused_variable(context.rules, context.variables)
    for error in errors if variable else ():
        if isinstance(error, UnreachableError):
            error.advice = f"{variable} is set, and not used; 'proxy: env' below policy.sources uses it"


def _by_remote(
    requests: Sequence[Request], remotes: Remotes
) -> tuple[dict[int, tuple[Remote, list[Request]]], dict[ItemKey, LlamagateError]]:
    """The requests of each remote, and what is wrong with addresses that may not be asked."""
    groups: dict[int, tuple[Remote, list[Request]]] = {}
    errors: dict[ItemKey, LlamagateError] = {}
    for item, entry in requests:
        try:
            remote = remotes.of(item)
        except LlamagateError as error:
            errors[item.key] = error
        else:
            groups.setdefault(id(remote), (remote, []))[1].append((item, entry))
    return groups, errors


def _choose(remote: Remote, requests: Sequence[Request]) -> tuple[list[_Chosen], dict[ItemKey, LlamagateError]]:
    """What one remote has of the items that are asked of it, and what is wrong with the others."""
    chosen: list[_Chosen] = []
    errors: dict[ItemKey, LlamagateError] = {}
    for item, entry in requests:
        try:
            chosen.append(_chosen(remote, item, entry))
        except LlamagateError as error:
            errors[item.key] = error
    errors |= _bring(remote, chosen)
    return [one for one in chosen if one.item.key not in errors], errors


def _bring(remote: Remote, chosen: Sequence[_Chosen]) -> dict[ItemKey, LlamagateError]:
    """Fetch together what can be. Where one of them is not there, halves are tried: the others are not to blame."""
    try:
        remote.bring([one.offer for one in chosen])
    except UnknownCommitError as error:
        if len({one.offer.pin.commit for one in chosen}) > 1:
            half = len(chosen) // 2
            return _bring(remote, chosen[:half]) | _bring(remote, chosen[half:])
        return {one.item.key: _not_there(one, error) for one in chosen}
    except LlamagateError as error:
        return {one.item.key: error for one in chosen}
    return {}


def _not_there(chosen: _Chosen, error: LlamagateError) -> LlamagateError:
    if not chosen.offer.is_locked:
        return error
    advice = f"'llamagate lock --upgrade {chosen.item.key.id}' pins what is there now"
    return InputError(f"{error.message}, which the lock pins", advice=advice, code=error.code)


def _chosen(remote: Remote, item: DesiredItem, entry: LockItem | None) -> _Chosen:
    if entry is None:
        return _Chosen(item, remote, choose(remote.offers(item), item))
    offer = Offer.of(entry)
    notes = () if remote.holds(offer) else remote.confirm(item, offer)
    return _Chosen(item, remote, offer, notes)


def _fetched(chosen: _Chosen, store: PackageStore, context: SourceContext) -> Resolved:
    resolved = store.fetch(chosen.item, chosen.offer, chosen.remote)
    if context.judge is not None and not chosen.offer.is_locked:
        offer = replace(chosen.offer, version=chosen.offer.version or resolved.manifest.version)
        resolved = replace(resolved, signatures=chosen.remote.signatures(chosen.item, offer, resolved.tree))
    return replace(resolved, source=context.absolute(chosen.item.source), notes=resolved.notes + chosen.notes)
