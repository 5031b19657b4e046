"""``llamagate catalog build``: an index of the packages in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.sign import KEY_HELP, ExpiresOption, KeyOption, duration, lapsed, render_signed
from reconciler.cli.ui.words import counted
from reconciler.commands.catalog_build import Built, build_catalog
from reconciler.commands.catalog_sign import Signing, sign_index
from reconciler.model.desired import Limits

SIGN_HELP = f"Sign the packages and the index. {KEY_HELP}"
NameOption = Annotated[
    str, typer.Option("--name", metavar="NAME", help="What the catalog is called.  [default: as before]")
]


def build(
    invocation: Invocation,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", readable=False, help="A folder of packages: zips, and folders to pack.")
    ],
    sign: Annotated[str, typer.Option("--sign", metavar="FILE|agent", help=SIGN_HELP)] = "",
    expires: ExpiresOption = "30d",
    name: NameOption = "",
) -> int:
    """Write DIR/index.json, which lists the packages in a folder.

    Zips and folders are packages; tar archives are not looked at. Any web server
    can serve the folder. Versions that the index lists already keep their entries.
    With --sign each package is signed, and the index, as a new issue.

    Example: llamagate catalog build ./public
    Example: llamagate catalog build ./public --sign ~/.ssh/id_ed25519 --expires 30d
    Exit codes: 0, 1, 5
    """
    signing = Signing(key=sign, seconds=duration(expires), name=name) if sign else None
    built = build_catalog(invocation.env, folder, Limits(), signing)
    for note in built.warnings:
        invocation.terminal.notice(f"warning: {note}")
    return invocation.answer(built.to_document(), render_built(built))


def sign(
    invocation: Invocation,
    folder: Annotated[Path, typer.Argument(metavar="DIR", readable=False, help="The catalog's folder.")],
    key: KeyOption,
    renew: Annotated[
        bool, typer.Option("--renew", help="Sign the same packages as a new issue, which only this key has signed.")
    ] = False,
    expires: ExpiresOption = "30d",
    name: NameOption = "",
) -> int:
    """Sign a catalog's index: as one more signer, or as a new issue.

    An index that others have signed gets one more signature. Run it with --renew before the
    index expires: from an expired one nothing new is pinned. A new issue has one
    signature, and the others sign it again. What the packages are signed with stays.

    Example: llamagate catalog sign ./public --key ~/.ssh/id_ed25519
    Example: llamagate catalog sign ./public --renew --key ~/.ssh/id_ed25519
    Exit codes: 0, 1
    """
    asked = Signing(key=key, seconds=duration(expires), name=name)
    signed = sign_index(invocation.env, folder, asked, renew=renew)
    return invocation.answer(signed.to_document(), render_signed(signed))


def render_built(built: Built) -> str:
    """What is new in a catalog."""
    count = sum(len(versions) for versions in built.catalog.items.values())
    lines = [f"packed {path}" for path in built.packed]
    lines += [f"  + {added}" for added in built.added] + [f"  - {gone}: its file is gone" for gone in built.gone]
    text = f"{built.index} lists {counted(count, 'version')} of {counted(len(built.catalog.items), 'item')}."
    return "\n".join([*lines, text]) + (lapsed(built.signed) if built.signed else "")
