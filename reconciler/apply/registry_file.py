"""Edits of ``installed.json``, which the gateway's own tools write too, without a lock."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from reconciler.errors import StorageError
from reconciler.fs import durable
from reconciler.fs.descriptor import naming
from reconciler.fs.settled import read_settled
from reconciler.model.journal import Edits, Journal
from reconciler.model.registry import (
    CorruptRegistryError,
    NewerRegistryError,
    Registry,
    RegistryEntry,
    decode_registry,
    encode_registry,
    is_registry,
)

_ATTEMPTS: Final = 20


def edit_registry(path: Path, edits: Edits, rebuilt: Sequence[RegistryEntry] | None, keep_broken: Path) -> None:
    """Lay ``edits`` over the registry as it is now; entries and keys that are not ours stay.

    Where its bytes cannot be read, ``rebuilt`` takes their place and they are kept at ``keep_broken``; without
    ``rebuilt`` that is a ``StorageError``. Where another program writes meanwhile, the edits are laid over its version;
    one that never pauses loses what it wrote in the last few milliseconds.
    """
    for attempt in range(_ATTEMPTS):
        found = _bytes(path)
        edited = _decoded(path, found, rebuilt, keep_broken).edited(edits)
        wanted = encode_registry(edited)
        if wanted == found or (found is None and not edited.entries):
            return
        durable.make_folders(path.parent)
        still = partial(_is_as, path, found) if attempt < _ATTEMPTS - 1 else None
        if durable.write_file(path, wanted, mode=durable.mode_of(path), still=still):
            return


def _is_as(path: Path, found: bytes | None) -> bool:
    """Nothing but a read: what is written between it and the rename that follows is lost."""
    try:
        with naming(str(path)):
            return path.read_bytes() == found
    except FileNotFoundError:
        return found is None


def restore_registry(path: Path, journal: Journal, broken: Path) -> None:
    """Undo the edits of ``journal``. Bytes that could not be read, and that are kept at ``broken``, come back.

    But not where another program has written a registry that can be read since: then only the edits are undone.
    """
    found, kept = _bytes(path), _bytes(broken)
    if journal.rebuilt is None:
        if journal.previous_record is None and found == encode_registry(Registry().edited(journal.edits)):
            durable.unlink(path)  # it came with this home's first change; on a full disk not even an empty one fits
        else:
            edit_registry(path, journal.before, None, broken)
        return
    ours = encode_registry(Registry(entries={entry.key.id: entry for entry in journal.rebuilt}).edited(journal.edits))
    if kept is not None and found in (ours, None):
        durable.write_file(path, kept, mode=durable.mode_of(path))
        found = kept
    if kept is not None and found == kept:
        durable.unlink(broken)
    elif found is not None and is_registry(found):
        edit_registry(path, journal.before, None, broken)


def _bytes(path: Path) -> bytes | None:
    try:
        with naming(str(path)):
            return read_settled(path, is_registry)
    except FileNotFoundError:
        return None


def _decoded(path: Path, found: bytes | None, rebuilt: Sequence[RegistryEntry] | None, keep_broken: Path) -> Registry:
    if found is None:
        return Registry()
    try:
        return decode_registry(found)
    except NewerRegistryError as error:
        raise StorageError(f"{path}: {error}") from error
    except CorruptRegistryError as error:
        if rebuilt is None:
            raise StorageError(f"{path} cannot be read: {error}") from error
    durable.write_file(keep_broken, found, mode=0o600)  # nobody knows what it is
    return Registry(entries={entry.key.id: entry for entry in rebuilt})
