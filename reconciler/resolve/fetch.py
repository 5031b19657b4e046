"""Fetch: packages that nobody here has yet, many side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from reconciler.errors import InputError, LlamagateError
from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey
from reconciler.model.listener import Progress
from reconciler.model.lock import LockItem
from reconciler.model.offer import Offer
from reconciler.resolve.choose import choose
from reconciler.resolve.parallel import side_by_side
from reconciler.resolve.remotes import Remotes, fetch
from reconciler.resolve.resolved import Resolved
from reconciler.sources.context import SourceContext
from reconciler.sources.git.failure import UnknownCommitError
from reconciler.sources.protocol import Remote

Request = tuple[DesiredItem, LockItem | None]
"""An item to fetch, and the entry of the lock that says which package it is."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The package that an item is to be, before it is fetched, and what people should know of it."""

    item: DesiredItem
    place: Remote
    offer: Offer
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one place said."""

    chosen: tuple[_Chosen, ...]
    errors: Mapping[ItemKey, LlamagateError]


def fetch_all(
    requests: Iterable[Request], reach: SourceContext, progress: Progress
) -> tuple[dict[ItemKey, Resolved], dict[ItemKey, LlamagateError]]:
    """Fetch every item: what each stands for, or what is wrong with it. A place is asked once for all its items."""
    found: dict[ItemKey, Resolved] = {}
    errors: dict[ItemKey, LlamagateError] = {}
    chosen: list[_Chosen] = []
    for _, answer in side_by_side(_asking(requests, Remotes(reach), errors)):
        if isinstance(answer, LlamagateError):
            raise answer
        chosen += answer.chosen
        errors |= answer.errors
    fetching = {one.item.key: partial(_fetched, one, reach) for one in chosen}
    for done, (key, arrived) in enumerate(side_by_side(fetching)):
        progress("fetching", done, len(fetching))
        if isinstance(arrived, LlamagateError):
            errors[key] = arrived
        else:
            found[key] = arrived
    progress("fetching", len(fetching), len(fetching))
    return found, errors


def _asking(
    requests: Iterable[Request], remotes: Remotes, errors: dict[ItemKey, LlamagateError]
) -> dict[int, Callable[[], _Asked]]:
    """A task for each place; what is no place that may be asked goes to ``errors``."""
    by_place: dict[int, tuple[Remote, list[Request]]] = {}
    for item, entry in requests:
        try:
            place = remotes.place(item)
        except LlamagateError as error:
            errors[item.key] = error
            continue
        by_place.setdefault(id(place), (place, []))[1].append((item, entry))
    return {number: partial(_ask, place, asked) for number, (place, asked) in by_place.items()}


def _ask(place: Remote, requests: Sequence[Request]) -> _Asked:
    chosen: list[_Chosen] = []
    errors: dict[ItemKey, LlamagateError] = {}
    for item, entry in requests:
        try:
            chosen.append(_chosen(place, item, entry))
        except LlamagateError as error:
            errors[item.key] = error
    errors |= _bring(place, chosen)
    return _Asked(tuple(one for one in chosen if one.item.key not in errors), errors)


def _bring(place: Remote, wanted: Sequence[_Chosen]) -> dict[ItemKey, LlamagateError]:
    """Fetch together what can be. Where one of them is not there, halves are tried: the others are not to blame."""
    try:
        place.bring([one.offer for one in wanted])
    except UnknownCommitError as error:
        if len({one.offer.pin.commit for one in wanted}) > 1:
            half = len(wanted) // 2
            return _bring(place, wanted[:half]) | _bring(place, wanted[half:])
        return {one.item.key: _not_there(one, error) for one in wanted}
    except LlamagateError as error:
        return {one.item.key: error for one in wanted}
    return {}


def _not_there(chosen: _Chosen, error: LlamagateError) -> LlamagateError:
    if not chosen.offer.is_locked:
        return error
    advice = f"'llamagate lock --upgrade {chosen.item.key.id}' pins what is there now"
    return InputError(f"{error.message}, which the lock pins", advice=advice)


def _chosen(place: Remote, item: DesiredItem, entry: LockItem | None) -> _Chosen:
    if entry is None:
        offers, name = place.offers(item), str(item.source)
        return _Chosen(item, place, choose(offers, item.version, item_id=item.key.id, place=name))
    offer = Offer.of(entry)
    notes = () if place.holds(offer) else place.confirm(item, offer)
    return _Chosen(item, place, offer, notes)


def _fetched(chosen: _Chosen, reach: SourceContext) -> Resolved:
    resolved = fetch(chosen.item, chosen.offer, chosen.place, reach)
    return replace(resolved, notes=resolved.notes + chosen.notes)
