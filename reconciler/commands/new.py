"""New: a package of one's own to start from."""

from __future__ import annotations

from pathlib import Path

from reconciler.codes import ErrorCode
from reconciler.commands.add import Added, add
from reconciler.commands.skeletons import SKELETONS
from reconciler.errors import InputError, StorageError, UsageError
from reconciler.fs.durable import write_file
from reconciler.model.environment import Environment
from reconciler.model.ids import did_you_mean, id_problem
from reconciler.model.listener import Notice

_NAME = "NAME"


def make_package(kind: str, folder: Path) -> list[str]:
    """Write a package of ``kind`` into ``folder``, whose name is its id; the paths of its files.

    ``InputError`` where the folder exists already, or its name cannot be an id; then nothing is written.
    """
    if kind not in SKELETONS:
        kinds = ", ".join(SKELETONS)
        raise UsageError(f"there is no kind '{kind}'{did_you_mean(kind, SKELETONS)}", advice=f"choose one of {kinds}")
    item_id = folder.name
    if problem := id_problem(item_id):
        raise InputError(f"the id {item_id!r}: {problem}", code=ErrorCode.MALFORMED)
    if folder.exists():
        raise InputError(f"{folder} exists; it is not overwritten", advice="choose another id", code=ErrorCode.EXISTS)
    for path, text in SKELETONS[kind].items():
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_file(target, text.replace(_NAME, item_id).encode(), mode=0o644, sync=False)
        except OSError as error:
            raise StorageError(f"{target}: {error.strerror}; it was not written") from error
    return [*SKELETONS[kind]]


def list_in(env: Environment, file: Path, folder: Path, notice: Notice) -> None:
    """List the package in ``file``, relative to it. Errors as for ``add``."""
    add(env, file, Added(item_id=folder.name, source=str(folder)), notice, dry_run=False)
