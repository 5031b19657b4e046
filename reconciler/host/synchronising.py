"""``sync`` as a host does it: without telling a gateway, because it is one, and looks at the home itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reconciler.model.environment import Environment
from reconciler.reconcile.changing import Outcome, Watch, change
from reconciler.reconcile.looking import Looked
from reconciler.reconcile.syncing import look_at_sync


def synchronise(env: Environment, file: Path, watch: Watch) -> Outcome:
    """Make record, registry and disk agree. Errors are those of ``change``."""
    return change(env, file, watch, lambda: look_at_synchronising(env, file))


def look_at_synchronising(env: Environment, file: Path) -> Looked:
    """Plan it."""
    looked = look_at_sync(env, file)
    return replace(looked, gateway=replace(looked.gateway, reload="off"))
