"""Where a package is, as the rules of trust call it, and where its signatures are."""

from __future__ import annotations

from pathlib import Path

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.fs.bounded import read_if_there
from reconciler.fs.places import located
from reconciler.model.desired import DesiredItem
from reconciler.model.source import Source, SourceKind
from reconciler.model.trust import MAX_SIGNATURES_BYTES, SIGNATURE_SUFFIX
from reconciler.trust.policy import Subject


def subject_of(item: DesiredItem, base: Path) -> Subject:
    """An item, as it is judged."""
    source = item.source
    where = f"oci://{source.location}" if source.kind is SourceKind.OCI else location_of(source, base)
    return Subject(source=where, is_local=not source.is_pinned, item=item.key.id)


def location_of(source: Source, base: Path) -> str:
    """Where a catalog is, as its remote calls it."""
    return source.location if source.is_address else str(located(base, source.location))


def local_signatures(source: Source, base: Path) -> tuple[bytes, ...]:
    """The file beside a local package; nothing where there is none, or the package is a part of an archive."""
    place = signature_beside(located(base, source.location))
    try:
        found = read_if_there(place, MAX_SIGNATURES_BYTES + 1)
    except OSError as error:
        raise InputError.at(f"it cannot be read: {error.strerror}", file=place, code=ErrorCode.UNREADABLE) from error
    return () if found is None else (found,)


def signature_beside(package: Path) -> Path:
    """Where the signatures of a local package are."""
    return package.with_name(f"{package.name}{SIGNATURE_SUFFIX}")
