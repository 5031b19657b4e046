"""An earlier state of a package: as it was at a git ref, or a version of an item."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.desired import Policy
from reconciler.model.environment import Environment
from reconciler.packages.content import Content
from reconciler.queries.versions import package_of_version
from reconciler.reconcile.home_state import read_home_state
from reconciler.reconcile.naming import find
from reconciler.sources.git.working_copy import content_at
from reconciler.store.desired_file import DesiredFile


def is_version(against: str) -> bool:
    """Whether ``ID@1.2.0`` is meant, and not a git ref."""
    item, at, version = against.partition("@")
    return bool(item and at and version[:1].isdigit())


@contextmanager
def earlier(env: Environment, file: Path, desired: DesiredFile | None, place: Path, against: str) -> Iterator[Content]:
    """The package in the folder ``place`` as it was at ``against``; to be read within the context.

    ``InputError`` where that is not known.
    """
    if is_version(against):
        yield _version(env, file, against)
        return
    policy = desired.desired.policy if desired else Policy()
    with content_at(place, against, variables=env.variables, limits=policy.limits) as content:
        yield content


def _version(env: Environment, file: Path, against: str) -> Content:
    item_id, _, version = against.partition("@")
    state = read_home_state(env, file)
    items = state.file.desired.items if state.file else ()
    listed = next((item for item in items if item.key.id == item_id), None)
    key = listed.key if listed else find(state, item_id, None)
    if key is None:
        raise InputError(f"'{item_id}' is neither listed in the file nor installed", code=ErrorCode.NOT_FOUND)
    return package_of_version(state, key, listed, version).content
