"""``llamagate verify``: every installed file against the record."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.plan_rows import drift_rows
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.words import counted
from reconciler.errors import ExitCode, UsageError
from reconciler.model.plan import Change
from reconciler.model.trust import LockedCatalog
from reconciler.queries.signatures import SignaturesFound, read_signatures
from reconciler.queries.verify import Verified
from reconciler.queries.verify import verify as verify_files


def verify(
    invocation: Invocation,
    signatures: Annotated[
        bool, typer.Option("--signatures", help="Check who signed the packages of the lock instead.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="With --signatures: each signature, and the rule and line that decided.")
    ] = False,
) -> int:
    """Check installed files for damage or edits.

    It reads every file, and every package in the cache that an item needs.

    Example: llamagate verify
    Example: llamagate verify --signatures --explain
    Exit codes: 0 all is as it should be, 1, 3 a file is damaged or edited, 4 the lock lacks an item, 5 a signature
    is refused, 7, 8
    """
    if explain and not signatures:
        raise UsageError("--explain works only with --signatures")
    if signatures:
        return _signatures(invocation, explain=explain)
    found = verify_files(invocation.env, invocation.named_file)
    for warning in found.warnings:
        invocation.terminal.notice(str(warning))
    text = render_verified(found, invocation.terminal.style)
    return invocation.answer(found.to_document(), text, ExitCode.OK if found.is_good else ExitCode.DRIFT)


def _signatures(invocation: Invocation, *, explain: bool) -> int:
    found = read_signatures(invocation.env, invocation.file)
    for message in (*found.warnings, *found.expired):
        invocation.terminal.notice(f"warning: {message}")
    text = render_signatures(found, invocation.terminal.style, explain=explain)
    bad = ExitCode.REFUSED if found.is_refused else ExitCode.LOCK_STALE
    return invocation.answer(found.to_document(), text, ExitCode.OK if found.is_good else bad)


def render_signatures(found: SignaturesFound, style: Style, *, explain: bool) -> str:
    """Who signed each item, and what is refused."""
    if not found.has_rules:
        return "Nobody is asked for signatures: there is no 'trust' in the file, and no rules of this host."
    lines: list[str] = []
    for one in found.items:
        names = " and ".join(map(str, one.signers))
        what = one.problem or (f"signed by {names}" if names else "not signed, and need not be")
        lines.append(
            style.paint(
                f"{' '.join(filter(None, (one.key.id, one.version)))}: {what}", "red" if one.problem else "green"
            )
        )
        lines += [f"  {line}" for line in one.lines] if explain else []
    lines += [_of_catalog(one) for one in found.catalogs]
    return "\n".join(lines) or "Nothing in the lock has to be signed."


def _of_catalog(one: LockedCatalog) -> str:
    if not one.signed:
        return f"{one.source}: its index was signed, and is not signed now"
    return f"{one.source}: serial {one.serial}, it counts until {one.expires}"


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
