"""Recover: settle what a crash left."""

from __future__ import annotations

from pathlib import Path

from reconciler.apply import recovery
from reconciler.apply.recovery import Recovered
from reconciler.commands.sync import propose_sync
from reconciler.errors import InputError
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Listener
from reconciler.reconcile.change import change
from reconciler.reconcile.exclusive import exclusive, settle
from reconciler.reconcile.gateway import reload_gateway
from reconciler.reconcile.home_state import read_home_state
from reconciler.reconcile.readers import check_there, transaction_state


def recover(env: Environment, file: Path, listener: Listener) -> Recovered:
    """Finish or undo what was interrupted, also beside ``file``, and notify the gateway; nothing else."""
    with exclusive(env, listener):
        recovered = settle(env, file)
        if recovered is not Recovered.NONE:
            reload = reload_gateway(env, read_home_state(env, file).gateway)
            if reload is not None:
                for line in (reload.message, *reload.notes):
                    listener.notice(line)
        return recovered


def abandon(env: Environment, file: Path, listener: Listener) -> bool:
    """Keep everything as it is, stop calling it interrupted, and sync; whether anything was interrupted."""
    home = Home(env.home)
    check_there(home)
    if transaction_state(home) == "none":
        return False
    with exclusive(env, listener):
        kept = recovery.abandon(home)
        if kept is not None:
            listener.notice(f"the journal and the staged files of the interrupted change are kept in {kept}")
    _sync(env, file, listener)
    return True


def _sync(env: Environment, file: Path, listener: Listener) -> None:
    """Make record and registry say what is on disk, and tell what that comes to."""
    try:
        plan = change(env, file, listener, lambda: propose_sync(env, file)).plan
    except InputError as error:
        advice = f"{error.advice or 'fix it'}; everything was kept, then run 'llamagate sync'"
        raise InputError(error.message, faults=error.faults, advice=advice, code=error.code) from error
    for action in plan.actions:
        listener.notice(f"{action.action} {action.key}: {'; '.join(action.reasons)}")
    for warning in plan.warnings:
        listener.notice(str(warning))
