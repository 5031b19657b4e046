"""``llamagate wait``: wait until the home is ready."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation, seconds_of
from reconciler.cli.status import render_status
from reconciler.queries.ready import Goal, wait_for


def wait(
    invocation: Invocation,
    goal: Annotated[
        Goal, typer.Option("--for", help="'ready': the home is as the file says; 'served': a gateway serves it, too.")
    ] = Goal.READY,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", callback=seconds_of, help="How long to wait; 0: look once.")
    ] = 300.0,
) -> int:
    """Wait until the home is as llamagate.yaml says.

    For scripts and service units that need what is installed. It changes nothing: 'apply' or 'watch' does.

    Example: llamagate wait --timeout 60
    Example: llamagate wait --for served --gateway http://localhost:8080
    Exit codes: 0, 1
    """
    status = wait_for(goal, invocation.env, invocation.file, seconds=timeout, tell=invocation.terminal.notice)
    return invocation.answer(status.to_document(), render_status(status, invocation.terminal.style))
