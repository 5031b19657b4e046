"""``llamagate cache gc``: drop what nothing needs any more."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from reconciler.cli.invocation import WaitingInvocation
from reconciler.commands.cache_gc import Collected, collect

_KIBI: Final = 1024


def gc(
    invocation: WaitingInvocation,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted; delete nothing.")] = False,
) -> int:
    """Delete packages and copies of repositories that nothing needs.

    It keeps what a lock or a generation needs.

    Example: llamagate cache gc --dry-run
    Exit codes: 0, 1, 7, 8
    """
    collected = collect(invocation.env, invocation.file, invocation.listener, dry_run=dry_run)
    return invocation.answer(collected.to_document(), render_collected(collected))


def render_collected(collected: Collected) -> str:
    """What was dropped from the cache."""
    lines = [f"  - {dropped.what} ({_size(dropped.size)})" for dropped in collected.dropped]
    verb = "Would free" if collected.dry_run else "Freed"
    total = sum(dropped.size for dropped in collected.dropped)
    head = f"{verb} {_size(total)}:" if lines else "Nothing to delete: everything in the cache is needed."
    return "\n".join([head, *lines])


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < _KIBI:
            return f"{size:.0f} {unit}"
        size /= _KIBI
    return f"{size:.1f} GiB"
