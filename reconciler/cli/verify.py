"""``llamagate verify``: every installed file against the record."""

from __future__ import annotations

from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.plan import drift_rows
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.words import counted
from reconciler.errors import ExitCode
from reconciler.model.plan import Change
from reconciler.queries.verify import Verified
from reconciler.queries.verify import verify as verify_files


def verify(invocation: Invocation) -> int:
    """Check installed files for damage or edits.

    It reads every file, and every package in the cache that an item needs.

    Example: llamagate verify
    Exit codes: 0 all files are as installed, 1, 3 a file is damaged or edited, 7, 8
    """
    found = verify_files(invocation.env, invocation.named_file)
    for warning in found.warnings:
        invocation.terminal.notice(str(warning))
    text = render_verified(found, invocation.terminal.style)
    return invocation.answer(found.to_document(), text, ExitCode.OK if found.is_good else ExitCode.DRIFT)


def render_verified(found: Verified, style: Style) -> str:
    """What was read, and what is not as it was written."""
    head = f"{counted(found.files, 'file')} of {counted(found.items, 'item')} read"
    if found.is_good:
        return style.paint(f"{head}: all as installed.", "green")
    rows = [*drift_rows(found.drift), *found.damaged]
    lines = [style.paint(f"{head}: {counted(len(rows), 'difference')}.", "yellow"), *(f"  {row}" for row in rows)]
    if any(row.change is Change.EDITED for row in found.drift):
        lines.append("  'llamagate status --diff ID' shows what was changed")
    return "\n".join(lines)
