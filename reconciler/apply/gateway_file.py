"""Edits of the gateway's configuration file, which people write too, without a lock."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, StorageError
from reconciler.fs import durable, sync, tree
from reconciler.fs.bounded import read_if_there
from reconciler.model.home import Home
from reconciler.model.servers import BACKUP_FILE, ServerChange, ServerEdit, server_key

_ATTEMPTS: Final = 20
_PRIVATE: Final = 0o600


def edit_gateway_file(path: Path, change: ServerChange) -> None:
    """Lay the edits over the file as it is now; all else in it stays. Raises ``OSError``, ``StorageError``.

    Where another program writes meanwhile, they are laid over its version.
    """
    for attempt in range(_ATTEMPTS):
        found = read_if_there(path)
        wanted = _with(found, change.edits, path)
        before = durable.mode_of(path)
        mode = before & _PRIVATE if change.is_private else before
        if wanted == (found or b"") and (mode == before or found is None):
            return
        still = partial(_is_as, path, found) if attempt < _ATTEMPTS - 1 else None
        if durable.write_file(path, wanted, mode=mode, still=still, is_theirs=True):
            return


def restore_gateway_file(path: Path, change: ServerChange) -> None:
    """Undo the edits. The bytes from before come back, where nobody else has written since; else the entries alone."""
    found = read_if_there(path)
    before = None if change.text is None else change.text.encode()
    mode = durable.mode_of(path) if change.mode is None else change.mode
    if found == before and (found is None or mode == durable.mode_of(path)):
        return
    if found == _with(before, change.edits, path):
        if before is None:
            durable.unlink(path)
        else:
            durable.write_file(path, before, mode=mode, is_theirs=True)
        return
    undone = _with(found, change.before, path)
    if undone != (found or b""):
        durable.write_file(path, undone, mode=durable.mode_of(path), is_theirs=True)


def keep_entries(home: Home, change: ServerChange, generation: int) -> None:
    """Write the backup of each entry that is kept. Raises ``OSError``."""
    for name in change.kept:
        folder = home.backup(server_key(name), generation)
        durable.make_folders(folder)
        data = json.dumps(change.before[name].entry, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")
        durable.write_file(folder / BACKUP_FILE, data, mode=durable.private_mode(home.ours))


def drop_entries(home: Home, change: ServerChange, generation: int) -> None:
    """Remove those backups again. Raises ``OSError``."""
    for name in change.kept:
        folder = home.backup(server_key(name), generation)
        if tree.inode_of(folder) is not None:
            tree.remove_tree(folder)
            sync.sync_folder(folder.parent)


def mode_before(path: Path) -> int | None:
    """The permission bits of the file; ``None`` where there is none. Raises ``OSError``."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def _is_as(path: Path, expected: bytes | None) -> bool:
    return read_if_there(path) == expected


def _with(found: bytes | None, edits: Mapping[str, ServerEdit], path: Path) -> bytes:
    try:
        return yaml_text.with_edits(found, edits, name=str(path))
    except InputError as error:
        raise StorageError(f"{path} cannot be edited in place: {error.message}") from error
