"""``llamagate sign``: sign a package, or a catalog's index."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.words import counted
from reconciler.commands.catalog_sign import SignedCatalog, Signing, sign_index
from reconciler.commands.sign import sign_package, statement_of
from reconciler.errors import ExitCode, UsageError
from reconciler.model.catalog import INDEX_NAME
from reconciler.model.regex import regex
from reconciler.model.trust import seconds_of

KEY_HELP = "The file of a key, private or public, or 'agent' for the only key of the agent."
EXPIRES_HELP = "How long the index counts: 12h, 30d, 4w."
_DURATION = regex(r"[1-9][0-9]{0,4}[mhdw]")
KeyOption = Annotated[str, typer.Option("--key", metavar="FILE|agent", help=KEY_HELP)]
ExpiresOption = Annotated[str, typer.Option("--expires", metavar="TIME", help=EXPIRES_HELP)]


def duration(text: str) -> int:
    """``30d`` in seconds. ``UsageError`` where it is none."""
    if not _DURATION.fullmatch(text):
        raise UsageError(f"--expires {text}: write a number and one of m, h, d, w, as in 30d")
    return seconds_of(text)


def render_signed(signed: SignedCatalog) -> str:
    """Which issue was signed, and who else has signed it."""
    text = f"Signed {signed.index}: serial {signed.issue.serial}, it counts until {signed.issue.expires}."
    text += f" {counted(signed.others, 'other signature')} of it kept." if signed.others else ""
    return f"{text}{lapsed(signed)}"


def lapsed(signed: SignedCatalog) -> str:
    """That others have to sign the new issue, too."""
    if not signed.lapsed:
        return ""
    were = "was" if signed.lapsed == 1 else "were"
    what = f"{counted(signed.lapsed, 'other signature')} {were} of the issue before"
    return f"\n{what}: 'llamagate catalog sign {signed.index.parent} --key KEY' adds one to this."


def sign(
    invocation: Invocation,
    package: Annotated[
        Path, typer.Argument(metavar="PACKAGE|CATALOG", readable=False, help="A package, or a catalog's folder.")
    ],
    key: KeyOption = "",
    expires: ExpiresOption = "30d",
    statement: Annotated[
        bool, typer.Option("--statement", help="Print what would be signed, and sign nothing.")
    ] = False,
) -> int:
    """Sign a package or a catalog with an SSH key.

    The signature is written beside the package, as PACKAGE.sig, or beside the index of
    the catalog. It is of the package's content: one is good for a folder, an archive, a
    URL and a catalog. What others signed of the same content stays.
    A catalog that others have signed is signed by one more.

    Example: llamagate sign dist/greeter-1.2.0.zip --key ~/.ssh/id_ed25519
    Exit codes: 0, 1
    """
    is_catalog = (package / INDEX_NAME).is_file() or package.name == INDEX_NAME
    if statement:
        if is_catalog:
            raise UsageError("of a catalog the index itself is signed; --statement is for packages")
        sys.stdout.write(statement_of(invocation.env, package).decode())
        return ExitCode.OK
    if not key:
        raise UsageError("name a key with --key: a file, or 'agent'")
    if is_catalog:
        index = sign_index(invocation.env, package, Signing(key=key, seconds=duration(expires)))
        return invocation.answer(index.to_document(), render_signed(index))
    done = sign_package(invocation.env, package, key)
    others = f" {counted(done.others, 'other signature')} of it kept." if done.others else ""
    return invocation.answer(done.to_document(), f"Signed {done.what} with {done.key}: wrote {done.path}.{others}")
