"""``llamagate push``: a package into a registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.sign import KEY_HELP
from reconciler.commands.push import push_package
from reconciler.commands.sign import sign_package


def push(
    invocation: Invocation,
    package: Annotated[
        Path, typer.Argument(metavar="PACKAGE", readable=False, help="A package: a folder, or a zip or tar archive.")
    ],
    ref: Annotated[
        str, typer.Argument(metavar="REF", help="REGISTRY/NAME or REGISTRY/NAME:TAG.  [default tag: the version]")
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Permit other content for a version that is there already.")
    ] = False,
    sign: Annotated[str, typer.Option("--sign", metavar="FILE|agent", help=f"Sign it first. {KEY_HELP}")] = "",
) -> int:
    """Put a package into an OCI registry, and print its digest.

    The same content has the same digest, from wherever it is pushed. Who you are to
    the registry, 'docker login' or 'podman login' has noted. Plain http is spoken
    to this machine only. The signatures beside the package, in PACKAGE.sig, go along.

    Example: llamagate push ./packages/greeter registry.example.org/team/greeter
    Example: llamagate push greeter.zip registry.example.org/team/greeter:1.2.0
    Example: llamagate push ./greeter registry.example.org/team/greeter --sign agent
    Exit codes: 0, 1, 5
    """
    if sign:
        sign_package(invocation.env, package, sign)
    terminal = invocation.terminal
    done = push_package(invocation.env, invocation.file, package, ref, replaces=replace, progress=terminal.progress)
    for note in done.warnings:
        terminal.notice(f"warning: {note}")
    what, place = f"{done.key.id} {done.version}", f"{done.repository}:{done.tag}"
    signed = ", with the signatures beside it" if done.signatures else ""
    said = f"Pushed {what} to {place}{signed}." if done.is_new else f"{place} has this content already."
    return invocation.answer(done.to_document(), f"{said}\n{done.digest}")
