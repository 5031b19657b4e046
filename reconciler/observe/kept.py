"""What a home keeps of items: backups, and copies that the gateway's own tool left."""

from __future__ import annotations

from pathlib import Path

from reconciler.fs.presence import entries, is_folder
from reconciler.model.home import Home
from reconciler.model.ids import PACKAGE_KINDS, ItemKey, Kind, id_problem


def backups_of(home: Home, key: ItemKey) -> list[int]:
    """The generations whose backups of the item are kept, oldest first. A link that stood in its place is none."""
    if id_problem(key.id) is not None:
        return []
    found = entries(home.backup(key, 0).parent)
    return sorted(
        int(path.name) for path in found if path.name.isdecimal() and is_folder(path) and not path.is_symlink()
    )


def backed_up(home: Home) -> list[ItemKey]:
    """The items of which backups are kept, installed or not."""
    found = [ItemKey(kind, path.name) for kind in Kind for path in entries(home.backups / kind)]
    return sorted(key for key in found if backups_of(home, key))


def lost_copies(home: Home) -> dict[ItemKey, Path]:
    """Item → the newest copy that the gateway's own tool keeps of it while it updates it."""
    found = {}
    for kind in PACKAGE_KINDS:
        for copy in (copy for item in entries(home.installed(kind) / "backups") for copy in entries(item)):
            if _is_copy(copy):
                found[ItemKey(kind, copy.parent.name)] = copy
    return found


def _is_copy(path: Path) -> bool:
    return is_folder(path) and not path.is_symlink()
