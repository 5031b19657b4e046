"""Which of the packages that a place has is the one that an item wants."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import InputError
from reconciler.model.offer import Offer
from reconciler.model.version import in_range, newest

_SHOWN_VERSIONS = 5


def choose(offers: Iterable[Offer], wanted: str | None, *, item_id: str, place: str) -> Offer:
    """The newest in the range ``wanted`` that was not taken back; without a range, the newest release.

    ``InputError`` that names what there is where none fits.
    """
    known = list(offers)
    if len(known) == 1 and not known[0].version:
        return known[0]  # the place has one package, and which version that is shows when it is fetched
    found = newest_fitting(known, wanted)
    if found is not None:
        return found
    if not known:
        raise InputError(f"{place} has no version of {item_id}", advice="check the id, and what is published there")
    versions = _shown(known)
    if wanted is None:
        raise InputError(f"{place} has no release of {item_id}, only {versions}", advice="name one with 'version'")
    if any(in_range(offer.version, wanted) for offer in known):
        message = f"every version of {item_id} in the range '{wanted}' was taken back by its publisher"
        raise InputError(f"{place}: {message}", advice="widen the range")
    raise InputError(f"{place} has no version of {item_id} in the range '{wanted}'; it has {versions}")


def newest_fitting(offers: Iterable[Offer], wanted: str | None) -> Offer | None:
    """The newest offer in the range that was not taken back; ``None`` where there is none."""
    by_version = {
        offer.version: offer for offer in offers if not offer.yanked and in_range(offer.version, wanted or "*")
    }
    version = newest(by_version)
    return by_version[version] if version is not None else None


def _shown(offers: list[Offer]) -> str:
    """The newest versions in words, newest first."""
    left = {offer.version for offer in offers}
    found: list[str] = []
    while left and len(found) < _SHOWN_VERSIONS:
        version = newest(left) or next(iter(left))
        found.append(version)
        left.discard(version)
    return ", ".join(found) + (f" and {len(left)} more" if left else "")
