"""Edits of ``installed.json``, which the gateway's own tools write too, without a lock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reconciler.errors import StorageError
from reconciler.fs import durable
from reconciler.fs.descriptor import naming
from reconciler.model.journal import Edits
from reconciler.model.registry import (
    CorruptRegistryError,
    NewerRegistryError,
    Registry,
    RegistryEntry,
    decode_registry,
    encode_registry,
)

_ATTEMPTS: Final = 20
_NOTHING: Final = encode_registry(Registry())


def edit_registry(path: Path, edits: Edits, rebuilt: Sequence[RegistryEntry] | None, keep_broken: Path) -> None:
    """Lay ``edits`` over the registry as it is now; entries and keys that are not ours stay.

    Where its bytes cannot be read, ``rebuilt`` takes their place and they are kept at ``keep_broken``; without
    ``rebuilt`` that is a ``StorageError``. Where another program writes meanwhile, the edits are laid over its version.
    """
    for _ in range(_ATTEMPTS):
        found = _bytes(path)
        registry = _decoded(path, found, rebuilt, keep_broken)
        wanted = encode_registry(registry.edited(edits))
        if wanted == (_NOTHING if found is None else found):
            return  # no file says as much as an empty list, and needs no room on a full disk
        if _bytes(path) == found:
            durable.make_folders(path.parent)
            durable.write_file(path, wanted, mode=0o644)
            return
    raise StorageError(f"{path} keeps changing: another program writes it again and again")


def _bytes(path: Path) -> bytes | None:
    try:
        with naming(str(path)):
            return path.read_bytes()
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
    durable.write_file(keep_broken, found)
    return Registry(entries={entry.key.id: entry for entry in rebuilt})
