"""Fetch: packages that nobody here has yet, many side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from reconciler.errors import LlamagateError
from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey
from reconciler.model.lock import LockItem
from reconciler.model.offer import Offer
from reconciler.planning.choose import choose
from reconciler.reconcile.progress import Progress
from reconciler.sources.protocol import Place
from reconciler.sources.reach import Reach
from reconciler.sources.remote import Remotes, fetch
from reconciler.sources.resolved import Resolved

SIDE_BY_SIDE: Final = 8
"""Places that are asked, and packages that are fetched, at once."""

Request = tuple[DesiredItem, LockItem | None]
"""An item to fetch, and the entry of the lock that says which package it is."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The package that an item is to be, before it is fetched, and what people should know of it."""

    item: DesiredItem
    place: Place
    offer: Offer
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one place said."""

    chosen: tuple[_Chosen, ...]
    errors: Mapping[ItemKey, LlamagateError]


def fetch_all(
    requests: Iterable[Request], reach: Reach, progress: Progress
) -> tuple[dict[ItemKey, Resolved], dict[ItemKey, LlamagateError]]:
    """Fetch every item: what each stands for, or what is wrong with it. A place is asked once for all its items."""
    found: dict[ItemKey, Resolved] = {}
    errors: dict[ItemKey, LlamagateError] = {}
    by_place = _by_place(requests, Remotes(reach))
    with threads() as pool:
        fetching: dict[Future[Resolved], ItemKey] = {}
        for future in as_completed([pool.submit(_ask, place, asked) for place, asked in by_place]):
            answer = future.result()
            errors |= answer.errors
            fetching |= {pool.submit(_fetched, chosen, reach): chosen.item.key for chosen in answer.chosen}
        for done, arrived in enumerate(as_completed(fetching)):
            progress("fetching", done, len(fetching))
            try:
                found[fetching[arrived]] = arrived.result()
            except LlamagateError as error:
                errors[fetching[arrived]] = error
    progress("fetching", len(fetching), len(fetching))
    return found, errors


def _by_place(requests: Iterable[Request], remotes: Remotes) -> list[tuple[Place, list[Request]]]:
    found: dict[int, tuple[Place, list[Request]]] = {}
    for request in requests:
        place = remotes.place(request[0])
        found.setdefault(id(place), (place, []))[1].append(request)
    return [*found.values()]


@contextmanager
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads that nobody waits for once something is wrong here, such as Ctrl-C."""
    pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="fetch")
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _ask(place: Place, requests: Sequence[Request]) -> _Asked:
    chosen: list[_Chosen] = []
    errors: dict[ItemKey, LlamagateError] = {}
    for item, entry in requests:
        try:
            chosen.append(_chosen(place, item, entry))
        except LlamagateError as error:
            errors[item.key] = error
    try:
        place.bring([one.offer for one in chosen if not place.holds(one.offer)])
    except LlamagateError as error:
        return _Asked((), errors | {one.item.key: error for one in chosen})
    return _Asked(tuple(chosen), errors)


def _chosen(place: Place, item: DesiredItem, entry: LockItem | None) -> _Chosen:
    if entry is None:
        offers, name = place.offers(item), str(item.source)
        return _Chosen(item, place, choose(offers, item.version, item_id=item.key.id, place=name))
    offer = Offer.of(entry)
    notes = () if place.holds(offer) else place.confirm(item, offer)
    return _Chosen(item, place, offer, notes)


def _fetched(chosen: _Chosen, reach: Reach) -> Resolved:
    resolved = fetch(chosen.item, chosen.offer, chosen.place, reach)
    return replace(resolved, notes=resolved.notes + chosen.notes)
