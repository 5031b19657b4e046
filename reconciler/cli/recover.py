"""``llamagate recover``: settle what an interrupted command left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from reconciler.cli.invocation import WaitingInvocation
from reconciler.commands.recover import recover as settle
from reconciler.commands.sync import propose_sync
from reconciler.errors import InputError, LlamagateError, NotDesiredError
from reconciler.model.desired import GatewaySettings
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Listener
from reconciler.reconcile.change import change
from reconciler.reconcile.readers import transaction_state
from reconciler.store.desired_file import read_desired

_SAID: Final = {
    "none": "Nothing was interrupted.",
    "finished": "An interrupted change was finished.",
    "undone": "An interrupted change was undone.",
}


def recover(
    invocation: WaitingInvocation,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Keep everything as it is, and stop calling it interrupted.")
    ] = False,
) -> int:
    """Finish or undo an interrupted change. Every command that writes does this first by itself."""
    env, file, listener = invocation.env, invocation.named_file, invocation.listener
    abandoned = abandon and transaction_state(Home(env.home)) != "none"
    recovered = settle(env, file, _gateway(file), listener, abandon=abandon)
    if abandoned:
        _sync(env, file, listener)
    kept = "Everything was kept as it is; 'llamagate plan' shows what differs."
    return invocation.answer({"recovered": str(recovered)}, kept if abandoned else _SAID[recovered])


def _sync(env: Environment, file: Path, listener: Listener) -> None:
    """Make record and registry say what is on disk, and tell what that comes to."""
    try:
        plan = change(env, file, listener, lambda: propose_sync(env, file)).plan
    except InputError as error:
        advice = f"{error.advice or 'mend it'}; everything was kept as it is, and 'llamagate sync' is still to be run"
        raise InputError(error.message, faults=error.faults, advice=advice) from error
    for action in plan.actions:
        listener.notice(f"{action.action} {action.key}: {'; '.join(action.reasons)}")
    for warning in plan.warnings:
        listener.notice(warning)


def _gateway(file: Path) -> GatewaySettings:
    """The gateway to notify. A desired state that cannot be read must not keep a recovery from its work."""
    if not file.exists():
        return GatewaySettings()
    try:
        return read_desired(file).desired.gateway
    except NotDesiredError:
        return GatewaySettings()
    except LlamagateError:
        return GatewaySettings(reload="off")
