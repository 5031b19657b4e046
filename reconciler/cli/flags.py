"""The flags that several verbs share, and what they make of the process's environment."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from reconciler.errors import Fault, InputError, StorageError, UsageError
from reconciler.model.environment import Environment

if TYPE_CHECKING:
    from reconciler.planning.intent import Allowances
    from reconciler.reconcile.proposal import Options

DEFAULT_FILE: Final = "llamagate.yaml"
DEFAULT_WAIT_SECONDS: Final = 300.0

# readable=False: a path that cannot be read is no mistake in the command line, and whoever reads it says why.
HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        readable=False,
        help="The LlamaGate home.  [default: $LLAMAGATE_HOME, else ~/.llamagate]",
    ),
]
FileOption = Annotated[Path, typer.Option("--file", "-f", metavar="FILE", readable=False, help="The desired state.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Print more of what is done.")]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="No colours, also on a terminal.")]


def _seconds(value: float) -> float:
    if not value >= 0:  # so that "nan" is none either
        raise typer.BadParameter("expected a number of seconds, 0 or more")
    return value


WaitOption = Annotated[
    float,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        callback=_seconds,
        show_default=False,
        help="How long to wait for another command's change.  [default: 300]",
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="ID", help="Only this item and what it depends on; may be repeated."),
]
LockedOption = Annotated[bool, typer.Option("--locked", help="Fail (4) instead of renewing a stale lock.")]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Fetch nothing: what is not on this machine yet is an error.")
]
AllowPruneOption = Annotated[bool, typer.Option("--allow-prune", help="Permit more removals than policy.max_prune.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Where a file was changed here and in the package, take the package's.")
]
TakeOverOption = Annotated[
    list[str] | None,
    typer.Option("--take-over", metavar="ID", help="Replace this item although it is not this file's; repeatable."),
]
TakeOverAllOption = Annotated[
    bool, typer.Option("--take-over-all", help="Replace every item that is in the way, and this owner's other file.")
]


def allowances(*, prune: bool, overwrite: bool, take_over: list[str] | None, everything: bool) -> Allowances:
    """What the flags permit beyond the policy."""
    from reconciler.planning.intent import Allowances

    return Allowances(prune=prune, overwrite=overwrite, take_over=None if everything else frozenset(take_over or ()))


def pass_options(
    file: Path, *, only: list[str] | None = None, locked: bool, allowances: Allowances | None = None
) -> Options:
    """How ``plan``, ``apply`` and ``watch`` run their pass."""
    from reconciler.reconcile.proposal import Options

    chosen = Options(file=file, only=frozenset(only or ()), locked=locked)
    return chosen if allowances is None else replace(chosen, allowances=allowances)


def named_file(file: Path) -> Path:
    """``file``, which need not exist unless the user named it."""
    if file != Path(DEFAULT_FILE) and not file.exists():
        message = "there is no such file"
        raise InputError(f"{file}: {message}", faults=[Fault(file=str(file), message=message)])
    return file


def check_output(path: Path, file: Path) -> None:
    """Refuse to write over the desired state or its lock, which is one forgotten word away."""
    from reconciler.store.desired_file import lock_path

    if path.resolve() in (file.resolve(), lock_path(file).resolve()):
        raise UsageError(f"{path} is an input of this command; name another file for --out")


def write_output(path: Path, data: bytes) -> None:
    """Write a file that the user asked for, whole or not at all."""
    from reconciler.fs.durable import write_file

    if path.exists() and not path.is_file():
        raise InputError(f"{path} is no regular file; name another one")
    try:
        write_file(path, data)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; it was not written") from error


def environment(home: Path | None, *, offline: bool = False) -> Environment:
    """What this process was started with. Nothing else reads ``os.environ``."""
    named = home or os.environ.get("LLAMAGATE_HOME")
    own = _absolute("~/.llamagate")
    absolute = _absolute(named) if named else own
    return Environment(
        home=absolute,
        is_own_home=absolute == own,
        variables=dict(os.environ),
        now=datetime.now(UTC),
        command=" ".join(["llamagate", *sys.argv[1:2]]),
        offline=offline,
    )


def _absolute(path: str | Path) -> Path:
    try:
        return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 - resolve() would follow a linked home
    except RuntimeError as error:
        message = f"{path}: there is no such user, or no home is known; set HOME, or give --home a path"
        raise InputError(message) from error
