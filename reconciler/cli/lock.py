"""``llamagate lock``: pin what the file names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode, UsageError


def lock(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="With --upgrade: only these items.")
    ] = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Move pins to the newest that fits; without ids, all of them.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail (4) where the lock does not fit the file.")
    ] = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    offline: options.OfflineOption = False,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> int:
    """Write the lock: which exact package each item stands for. Entries that still fit stay as they are."""
    from reconciler.commands.lock import Locking
    from reconciler.commands.lock import lock as renew
    from reconciler.store.desired_file import lock_path

    if ids and not upgrade:
        raise UsageError(f"'{ids[0]}' goes with --upgrade; 'llamagate lock' alone looks at every item")
    if upgrade and check:
        raise UsageError("--check writes nothing, and --upgrade does; 'llamagate outdated' shows what there is")
    terminal = Terminal(as_json=as_json, quiet=quiet)
    env, path = options.environment(home, offline=offline), lock_path(file)
    moving = (frozenset(ids) if ids else None) if upgrade else frozenset()
    asked = Locking(file=file, upgrade=moving, check=check)
    pins = renew(env, asked, terminal.notice, terminal.progress)
    terminal.document({"lock": str(path), "changed": pins.changed and not check, "stale": [*pins.stale]})
    lines = [f"  {line}" for line in pins.stale]
    head = f"{path} is up to date." if check or not pins.changed else f"Wrote {path}:"
    terminal.result("\n".join([head, *lines]))
    return ExitCode.OK
