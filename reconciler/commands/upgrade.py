"""Upgrade: move pins to the newest versions that fit, and apply that, as one change."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from reconciler.commands.lock import named_upgrades
from reconciler.model.environment import Environment
from reconciler.model.ids import word_of
from reconciler.model.listener import Progress, no_progress
from reconciler.reconcile.options import Options
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.propose import propose
from reconciler.store.desired_file import read_desired


def propose_upgrade(
    env: Environment,
    file: Path,
    ids: Collection[str],
    progress: Progress = no_progress,
    *,
    downgrade: bool = False,
    signer_change: bool = False,
) -> Proposal:
    """Plan to upgrade these items and what they depend on; without ``ids`` everything that the file lists."""
    named = frozenset(ids)
    if named:
        found = named_upgrades(read_desired(file), named, advice="'llamagate apply' installs what is there now")
        named = frozenset(map(word_of, found))
    options = Options(file=file, only=named, upgrade=named or None, downgrade=downgrade, signer_change=signer_change)
    return propose(env, options, progress)
