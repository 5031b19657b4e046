"""The inputs beside the home are written only while they are what the pass has read; else the pass is made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from reconciler.apply.inputs import check_inputs, inputs_written
from reconciler.errors import InputChangedError, telling
from reconciler.model.inputs import Input
from reconciler.model.listener import Notice

_PASSES: Final = 3
_Made = TypeVar("_Made")


@contextmanager
def writing_inputs(inputs: tuple[Input, ...]) -> Iterator[None]:
    """``inputs_written``; ``StorageError`` where the system refuses."""
    with telling("it was not written"), inputs_written(inputs):
        yield


def look_again(inputs: tuple[Input, ...]) -> None:
    """``InputChangedError`` where an input is no longer what was read, ``StorageError`` where it cannot be read."""
    with telling("nothing was changed"):
        check_inputs(inputs)


def made_again(make: Callable[[], _Made], notice: Notice) -> _Made:
    """What ``make`` returns; it is called again, up to two times, where another program changed what it had read."""
    for _ in range(_PASSES - 1):
        try:
            return make()
        except InputChangedError as error:
            notice(f"{error.message}; starting again with the new content")
    try:
        return make()
    except InputChangedError as error:
        raise InputChangedError(f"{error.message}, {_PASSES} times in a row; nothing was changed") from error
