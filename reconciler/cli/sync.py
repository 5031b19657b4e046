"""``llamagate sync``: record, registry and disk agree again."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli import options


def sync(
    dry_run: options.DryRunOption = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Make record and registry say what is on disk. No item is changed."""
    from reconciler.reconcile.syncing import look_at_sync

    command = options.command(file, home, options.terminal(as_json, quiet, no_color), wait=wait, dry_run=dry_run)
    return command.run(lambda: look_at_sync(command.env, command.file))
