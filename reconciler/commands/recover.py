"""Recover: settle what a crash left."""

from __future__ import annotations

from pathlib import Path

from reconciler.apply import recovery
from reconciler.apply.recovery import Recovered
from reconciler.model.desired import GatewaySettings
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Listener
from reconciler.reconcile.exclusive import exclusive, settle
from reconciler.reconcile.gateway import reload_gateway


def recover(
    env: Environment, file: Path, gateway: GatewaySettings, listener: Listener, *, abandon: bool = False
) -> Recovered:
    """Settle what a crash left, also beside ``file``, and nothing else. ``abandon`` keeps everything as it is."""
    home = Home(env.home)
    with exclusive(env, listener):
        if abandon:
            kept = recovery.abandon(home)
            if kept is not None:
                listener.notice(f"the journal and the staged files of the interrupted change are kept in {kept}")
            return Recovered.NONE
        recovered = settle(home, file)
        reload = reload_gateway(env, gateway) if recovered is not Recovered.NONE else None
        if reload is not None:
            listener.notice(reload.message)
        return recovered
