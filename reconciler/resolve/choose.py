"""Which of the packages that a remote offers an item gets."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.desired import DesiredItem
from reconciler.model.offer import Offer
from reconciler.model.version import in_range, newest

_SHOWN_VERSIONS = 5


def choose(offers: Iterable[Offer], item: DesiredItem) -> Offer:
    """The newest in the range of ``item`` that was not taken back; without a range, the newest release.

    ``InputError`` that names what there is where none fits.
    """
    known, item_id, source, allowed = list(offers), item.key.id, item.source, item.version
    if len(known) == 1 and not known[0].version:
        return known[0]  # there is one package, and which version that is shows when it is fetched
    found = newest_fitting(known, allowed)
    if found is not None:
        return found
    if not known:
        raise InputError(
            f"{source} has no version of {item_id}",
            advice="check the id, and what is published there",
            code=ErrorCode.NO_VERSION,
        )
    versions = _shown(known)
    if allowed is None:
        raise InputError(
            f"{source} has no release of {item_id}, only {versions}",
            advice="name one with 'version'",
            code=ErrorCode.NO_VERSION,
        )
    if any(in_range(offer.version, allowed) for offer in known):
        message = f"every version of {item_id} in the range '{allowed}' was withdrawn by its publisher"
        raise InputError(f"{source}: {message}", advice="widen the range", code=ErrorCode.NO_VERSION)
    raise InputError(
        f"{source} has no version of {item_id} in the range '{allowed}'; it has {versions}", code=ErrorCode.NO_VERSION
    )


def newest_fitting(offers: Iterable[Offer], allowed: str | None) -> Offer | None:
    """The newest offer in the range ``allowed`` that was not taken back; ``None`` where there is none."""
    by_version = {
        offer.version: offer for offer in offers if not offer.yanked and in_range(offer.version, allowed or "*")
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
