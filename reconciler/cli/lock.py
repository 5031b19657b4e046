"""``llamagate lock``: pin what the file names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from reconciler.cli.flags import OfflineOption, SignerChangeOption
from reconciler.cli.invocation import Invocation
from reconciler.cli.item import typed_ids
from reconciler.commands.lock import Locking, check_locks
from reconciler.commands.lock import lock as renew
from reconciler.errors import UsageError
from reconciler.model.environment import Environment


def lock(
    invocation: Invocation,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TYPE] [ID|FILE]...",
            help="With --upgrade: only these items. With --check: these llamagate.yaml, or the locks beside them.",
        ),
    ] = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Move these pins, or all, to the newest version that fits.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 4 if the lock is out of date.")
    ] = False,
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Permit --upgrade to move a pin to an older version.")
    ] = False,
    accept_signer_change: SignerChangeOption = False,
    offline: OfflineOption = False,
) -> int:
    """Pin the exact package of each item in llamagate.lock.yaml.

    Pins that still fit the file stay as they are. Commit the lock with the file, so that all
    machines install the same bytes.

    Example: llamagate lock
    Example: llamagate lock --upgrade greeter
    Example: llamagate lock --check hosts/a/llamagate.yaml hosts/b/llamagate.yaml
    Exit codes: 0, 1, 4 the lock is out of date (with --check), 5, 8, 9
    """
    if words and not (upgrade or check):
        raise UsageError(f"'{words[0]}' works only with --upgrade; 'llamagate lock' alone checks every item")
    if upgrade and check:
        raise UsageError("use either --check or --upgrade, not both; 'llamagate outdated' shows newer versions")
    if allow_downgrade and not upgrade:
        raise UsageError("--allow-downgrade works only with --upgrade")
    if accept_signer_change and not upgrade:
        raise UsageError("--accept-signer-change works only with --upgrade")
    file, env = invocation.file, replace(invocation.env, offline=offline)
    if words and check:
        return _checked(invocation, env, words)
    moved = (typed_ids(words) if words else None) if upgrade else frozenset()
    asked = Locking(
        file=file, upgrade=moved, check=check, downgrade=allow_downgrade, signer_change=accept_signer_change
    )
    pins = renew(env, asked, invocation.terminal.notice, invocation.terminal.progress)
    path = pins.old.path
    changed = pins.changed and not check
    head = f"Wrote {path}:" if changed else f"{path} is up to date."
    text = "\n".join([head, *(f"  {line}" for line in pins.stale)])
    return invocation.answer({"lock": str(path), "changed": changed, "stale": [*pins.stale]}, text)


def _checked(invocation: Invocation, env: Environment, files: Sequence[str]) -> int:
    if len(files) > 1 and env.lock_file is not None:
        raise UsageError("--lock-file is the lock of one file; name only that one")
    done = check_locks(env, [*map(Path, files)], invocation.terminal.notice, invocation.terminal.progress)
    paths = [str(pins.old.path) for pins in done]
    return invocation.answer(
        {"locks": [*paths], "changed": False}, "\n".join(f"{path} is up to date." for path in paths)
    )
