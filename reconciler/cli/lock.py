"""``llamagate lock``: pin what the file names."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from reconciler.cli.flags import OfflineOption
from reconciler.cli.invocation import Invocation
from reconciler.commands.lock import Locking
from reconciler.commands.lock import lock as renew
from reconciler.errors import UsageError
from reconciler.store.desired_file import lock_path


def lock(
    invocation: Invocation,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="With --upgrade: only these items.")
    ] = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Move pins to the newest that fits; without ids, all of them.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail (4) where the lock does not fit the file.")
    ] = False,
    offline: OfflineOption = False,
) -> int:
    """Write the lock: which exact package each item stands for. Entries that still fit stay as they are."""
    if ids and not upgrade:
        raise UsageError(f"'{ids[0]}' goes with --upgrade; 'llamagate lock' alone looks at every item")
    if upgrade and check:
        raise UsageError("--check writes nothing, and --upgrade does; 'llamagate outdated' shows what there is")
    file, env = invocation.file, replace(invocation.env, offline=offline)
    moved = (frozenset(ids) if ids else None) if upgrade else frozenset()
    asked = Locking(file=file, upgrade=moved, check=check)
    pins, path = renew(env, asked, invocation.terminal.notice, invocation.terminal.progress), lock_path(file)
    changed = pins.changed and not check
    head = f"Wrote {path}:" if changed else f"{path} is up to date."
    text = "\n".join([head, *(f"  {line}" for line in pins.stale)])
    return invocation.answer({"lock": str(path), "changed": changed, "stale": [*pins.stale]}, text)
