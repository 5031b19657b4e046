"""What a folder of a checked-out repository held at an earlier commit, read from the objects of the repository."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.sources.git.command import Git, GitRules
from reconciler.sources.git.content import GitContent, open_commit
from reconciler.sources.git.objects import DamagedError, Objects

_POINTER: Final = "gitdir: "
_MAX_POINTER_BYTES: Final = 8192


@contextmanager
def content_at(folder: Path, ref: str, *, variables: Mapping[str, str], limits: Limits) -> Iterator[GitContent]:
    """The package in ``folder`` as it was at ``ref``; it may be read within the context. Nothing is checked out.

    ``InputError`` where the folder is in no repository, or has no package at that commit.
    """
    real = Path(os.path.realpath(folder))
    top = next((one for one in (real, *real.parents) if os.path.lexists(one / ".git")), None)
    if top is None:
        raise InputError(f"{folder} is not in a git repository", code=ErrorCode.NOT_FOUND)
    repository, name = _repository(top / ".git"), f"{folder} at {ref}"
    with tempfile.TemporaryDirectory(prefix="llamagate-git-") as home:
        git = Git(str(top), home=Path(home), rules=GitRules(variables=variables, offline=True))
        objects = Objects(git, repository)
        try:
            path = real.relative_to(top).as_posix()
            commit = _commit(git, repository, ref, folder)
            yield open_commit(objects, commit, "" if path == "." else path, limits=limits, name=name)
        except DamagedError as error:
            message = f"{name}: the repository does not have all of that commit; fetch it"
            raise InputError(message, code=ErrorCode.NOT_FOUND) from error
        finally:
            objects.close()


def _repository(place: Path) -> Path:
    """Where the repository is that the ``.git`` of a working copy is or names."""
    if place.is_dir():
        return place
    try:
        with place.open("rb") as file:
            text = os.fsdecode(file.read(_MAX_POINTER_BYTES)).strip()
    except OSError as error:
        raise InputError(f"{place}: {error.strerror}", code=ErrorCode.UNREADABLE) from error
    if not text.startswith(_POINTER):
        raise InputError(f"{place} is not a git repository", code=ErrorCode.NOT_FOUND)
    return place.parent / text.removeprefix(_POINTER)


def _commit(git: Git, repository: Path, ref: str, folder: Path) -> str:
    told = git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", repository=repository)
    if told.code:
        message = f"the repository of {folder} has no commit '{ref}'"
        raise InputError(message, advice="name a branch, a tag or a commit", code=ErrorCode.NOT_FOUND)
    return told.out.decode().strip()
