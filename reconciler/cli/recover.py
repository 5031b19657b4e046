"""``llamagate recover``: settle what an interrupted command left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode, InputError, LlamagateError, NotDesiredError

if TYPE_CHECKING:
    from reconciler.model.desired import GatewaySettings
    from reconciler.model.environment import Environment
    from reconciler.model.listener import Listener

_SAID: Final = {
    "none": "Nothing was interrupted.",
    "finished": "An interrupted change was finished.",
    "undone": "An interrupted change was undone.",
}


def recover(
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Keep everything as it is, and stop calling it interrupted.")
    ] = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> int:
    """Finish or undo an interrupted change. Every command that writes does this first by itself."""
    from reconciler.commands.recover import recover as settle
    from reconciler.model.home import Home
    from reconciler.model.listener import Listener
    from reconciler.reconcile.readers import transaction_state

    terminal = Terminal(as_json=as_json, quiet=quiet)
    named = options.named_file(file)
    watch = Listener(wait=wait, notice=terminal.notice)
    environment = options.environment(home)
    abandoned = abandon and transaction_state(Home(environment.home)) != "none"
    recovered = settle(environment, named, _gateway(named), watch, abandon=abandon)
    if abandoned:
        _sync(environment, named, watch)
    terminal.document({"recovered": str(recovered)})
    terminal.result(
        "Everything was kept as it is; 'llamagate plan' shows what differs." if abandoned else _SAID[recovered]
    )
    return ExitCode.OK


def _sync(environment: Environment, file: Path, watch: Listener) -> None:
    """Make record and registry say what is on disk, and tell what that comes to."""
    from reconciler.commands.sync import propose_sync
    from reconciler.reconcile.change import change

    try:
        plan = change(environment, file, watch, lambda: propose_sync(environment, file)).plan
    except InputError as error:
        advice = f"{error.advice or 'mend it'}; everything was kept as it is, and 'llamagate sync' is still to be run"
        raise InputError(error.message, faults=error.faults, advice=advice) from error
    for action in plan.actions:
        watch.notice(f"{action.action} {action.key}: {'; '.join(action.reasons)}")
    for warning in plan.warnings:
        watch.notice(warning)


def _gateway(file: Path) -> GatewaySettings:
    """Whom to tell. A desired state that cannot be read must not stand in the way of a recovery."""
    from reconciler.model.desired import GatewaySettings
    from reconciler.store.desired_file import read_desired

    if not file.exists():
        return GatewaySettings()
    try:
        return read_desired(file).desired.gateway
    except NotDesiredError:
        return GatewaySettings()
    except LlamagateError:
        return GatewaySettings(reload="off")
