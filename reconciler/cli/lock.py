"""``llamagate lock``: pin what the file names."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli import options
from reconciler.cli.terminal import Terminal
from reconciler.errors import ExitCode


def lock(
    file: options.FileOption = Path(options.DEFAULT_FILE),
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> int:
    """Write the lock: which exact package each item stands for. Entries that still fit stay as they are."""
    from reconciler.reconcile.changing import write_lock
    from reconciler.store.desired_file import lock_path

    terminal = Terminal(as_json=as_json, quiet=quiet)
    pins = write_lock(options.environment(home), file, terminal.progress)
    path = lock_path(file)
    terminal.document({"lock": str(path), "changed": pins.changed, "stale": [*pins.stale]})
    lines = [f"  {line}" for line in pins.stale]
    head = f"{path} is up to date." if not pins.changed else f"Wrote {path}:"
    terminal.result("\n".join([head, *lines]))
    return ExitCode.OK
