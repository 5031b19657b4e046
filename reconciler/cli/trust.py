"""``llamagate trust``: who may sign, and whose keys count no longer."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.table import table
from reconciler.commands.trust import Wrote, add_signer, list_signers
from reconciler.commands.trust import revoke as revoke_key


def list_(invocation: Invocation) -> int:
    """List who may sign, with each key and its line.

    Example: llamagate trust list
    Exit codes: 0, 1
    """
    found = list_signers(invocation.env, invocation.named_file)
    if found is None:
        return invocation.answer({"signers": []}, "No signatures are required.")
    base = invocation.file.absolute().parent
    rows = [(one.name, one.key, f"{os.path.relpath(one.file, base)}:{one.line}", one.state or "valid") for one in found]
    text = (
        table([("NAME", "KEY", "LINE", "STATE"), *rows], invocation.terminal.style)
        if rows
        else "Nobody may sign: no file of signers has a key. 'llamagate trust add NAME KEY' adds one."
    )
    return invocation.answer({"signers": [one.to_document() for one in found]}, text)


def add(
    invocation: Invocation,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is, as an e-mail address.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="A public key, or the file that has it.")],
    valid_before: Annotated[
        str, typer.Option("--valid-before", metavar="TIME", help="Until when it counts: YYYYMMDD, or with HHMM.")
    ] = "",
) -> int:
    """Let a person sign packages and catalogs.

    It adds a line to the file of signers that 'trust.signers' names.

    Example: llamagate trust add alice@example.org ~/.ssh/id_ed25519.pub
    Exit codes: 0, 1
    """
    return _told(invocation, add_signer(invocation.env, invocation.file, name, key, valid_before=valid_before))


def revoke(
    invocation: Invocation,
    what: Annotated[
        str, typer.Argument(metavar="KEY|NAME", help="A fingerprint, a public key or its file, or a name.")
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for who reads the file.")] = "",
) -> int:
    """Let a key count no longer, whatever it signed and whenever.

    It adds lines to the file that 'trust.revoked' names. What only this key signed is
    refused by the next apply, and by every watcher that reads the file.

    Example: llamagate trust revoke alice@example.org --reason 'laptop lost'
    Exit codes: 0, 1
    """
    return _told(invocation, revoke_key(invocation.env, invocation.file, what, reason=reason))


def _told(invocation: Invocation, wrote: Wrote) -> int:
    head = f"Wrote {wrote.path}:" if wrote.lines else f"{wrote.path} says so already."
    return invocation.answer(wrote.to_document(), "\n".join([head, *(f"  {line}" for line in wrote.lines)]))
