"""Who puts an item wrong? No file system tells which process did; this is what can be known before a repair."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from reconciler.errors import LlamagateError
from reconciler.loop.fights import Fights
from reconciler.model.plan import Action, Change, Drift
from reconciler.reconcile.looking import Looked
from reconciler.store.state_files import read_generation


def evidence(looked: Looked, fights: Fights) -> dict[str, str]:
    """For each item that the pass is about to change, by id: what points to who changed it."""
    ours = "; ".join(_other_commands(looked, fights))
    return {action.key.id: ours or "; ".join(_traces(looked, action)) for action in looked.plan.actions}


def _other_commands(looked: Looked, fights: Fights) -> Iterator[str]:
    """Another llamagate was at work here since the watcher looked last."""
    owner, file = looked.intent.owner or "", looked.intent.file
    other = looked.record.owners.get(owner, file)
    if other != file:
        yield f"{other} speaks for the owner '{owner}' too"
    if fights.generation and looked.record.generation > fights.generation:
        try:
            last = read_generation(looked.home, looked.record.generation)
        except LlamagateError:
            return
        yield f"'{last.command}' made generation {last.number} at {last.applied_at[:19]}Z"


def _traces(looked: Looked, action: Action) -> Iterator[str]:
    """What the changed files themselves tell."""
    rows = [row for row in looked.plan.drift if row.key == action.key]
    for row in rows[:3]:
        yield _trace(looked, row)
    if not rows:
        yield f"it was {action.from_version or 'absent'} again"


def _trace(looked: Looked, row: Drift) -> str:
    if row.change is Change.REGISTRY:
        entry = looked.observed.registry.get(row.key)
        when = f", last updated at {entry.last_updated_at}" if entry else ""
        return f"its registry entry is {'another' if entry else 'gone'}{when}"
    path = looked.home.item(row.key) if row.path == "." else looked.home.item(row.key) / row.path
    if row.change is Change.MISSING:
        return f"{path} is gone; {_touched(path.parent)}"
    found = looked.observed.item(row.key).files.get(row.path)
    content = f" with the sha256 {found.sha256[:12]}" if found is not None and found.sha256 else ""
    return f"{path} comes back{content}; {_touched(path)}"


def _touched(path: Path) -> str:
    """When ``path`` was changed last, and whose it is."""
    try:
        status = path.lstat()
    except OSError:
        return f"{path} cannot be looked at"
    moment = f"{datetime.fromtimestamp(status.st_mtime, UTC):%Y-%m-%dT%H:%M:%S}Z"
    try:
        user = path.owner()
    except (KeyError, OSError, NotImplementedError):
        user = str(status.st_uid)
    return f"{path.name} was changed at {moment} and belongs to the user {user}"
