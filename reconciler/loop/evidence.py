"""Who puts an item wrong? No file system tells which process did; this is what can be known before a repair."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from reconciler.errors import LlamagateError
from reconciler.loop.fights import Fights
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.plan import Action, Change, Drift
from reconciler.reconcile.proposal import Proposal
from reconciler.store.state_files import read_generation


def evidence(proposal: Proposal, fights: Fights) -> dict[ItemKey, str]:
    """For each item that the pass is about to change: what points to who changed it."""
    ours = "; ".join(_other_commands(proposal, fights))
    return {action.key: ours or "; ".join(_traces(proposal, action)) for action in proposal.plan.actions}


def _other_commands(proposal: Proposal, fights: Fights) -> Iterator[str]:
    """Another llamagate was at work here since the watcher looked last."""
    owner, file = proposal.intent.speaker.owner or "", proposal.intent.speaker.file
    other = proposal.state.record.owners.get(owner, file)
    if other != file:
        yield f"{other} has the owner '{owner}' too"
    if fights.generation and proposal.state.record.generation > fights.generation:
        try:
            last = read_generation(proposal.state.home, proposal.state.record.generation)
        except LlamagateError:
            return
        yield f"'{last.command}' made generation {last.number} at {last.applied_at[:19]}Z"


def _traces(proposal: Proposal, action: Action) -> Iterator[str]:
    """What the changed files themselves tell."""
    rows = [row for row in proposal.plan.drift if row.key == action.key]
    for row in rows[:3]:
        yield _trace(proposal, row)
    if not rows:
        yield f"it was {action.from_version or 'absent'} again"


def _trace(proposal: Proposal, row: Drift) -> str:
    if row.change is Change.REGISTRY:
        entry = proposal.observed.registry.get(row.key)
        when = f", last updated at {entry.last_updated_at}" if entry else ""
        return f"its registry entry is {'another' if entry else 'gone'}{when}"
    if row.key.kind is Kind.MCP_SERVER:
        return f"its entry is {row.change}; {_touched(proposal.state.home.gateway_file)}"
    path = proposal.state.home.item(row.key) if row.path == "." else proposal.state.home.item(row.key) / row.path
    if row.change is Change.MISSING:
        return f"{path} is gone; {_touched(path.parent)}"
    found = proposal.observed.item(row.key).files.get(row.path)
    content = f" with the sha256 {found.sha256[:12]}" if found is not None and found.sha256 else ""
    return f"{path} comes back{content}; {_touched(path)}"


def _touched(path: Path) -> str:
    """When ``path`` was changed last, and whose it is."""
    try:
        status = path.lstat()
    except OSError:
        return f"{path} cannot be read"
    moment = f"{datetime.fromtimestamp(status.st_mtime, UTC):%Y-%m-%dT%H:%M:%S}Z"
    try:
        user = path.owner()
    except (KeyError, OSError, NotImplementedError):
        user = str(status.st_uid)
    return f"{path.name} was changed at {moment} and is owned by the user {user}"
