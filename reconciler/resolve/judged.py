"""What is found of who signed the pins of a file. Nothing of the room of trust is loaded for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import LlamagateError, RefusedError
from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey
from reconciler.model.lock import LockItem
from reconciler.model.note import Note
from reconciler.model.trust import LockedCatalog

if TYPE_CHECKING:
    from reconciler.trust.policy import Problem

Ask = Callable[[DesiredItem, LockItem], tuple[bytes, ...]]
"""Asks a source for the signatures of a pin. Raises whatever a remote raises."""


def nothing_asked(_item: DesiredItem, _entry: LockItem) -> tuple[bytes, ...]:
    """For readers that must not wait for others."""
    return ()


class Judged(Struct, frozen=True, kw_only=True):
    """Entries of a lock with the signatures that count, and why some may not be used.

    ``lines`` explain each item that was judged; ``catalogs`` belong into the lock.
    """

    entries: Mapping[ItemKey, LockItem]
    refusals: Mapping[ItemKey, Problem]
    lines: Mapping[ItemKey, tuple[str, ...]]
    catalogs: tuple[LockedCatalog, ...]
    notes: tuple[Note, ...]

    def errors(self) -> dict[ItemKey, LlamagateError]:
        """The refusals as errors, for a command that has no plan."""
        return {key: refused(problem) for key, problem in self.refusals.items()}


def refused(problem: Problem, what: str = "") -> RefusedError:
    message = f"{what}: {problem.message}" if what else problem.message
    return RefusedError(message, advice=problem.advice, code=ErrorCode(problem.code.value))
