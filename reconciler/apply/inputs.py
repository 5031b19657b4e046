"""Write desired state and lock with a change, as long as they are what the pass has read; else the pass is stale."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from reconciler.errors import InputChangedError, RolledBackError, StorageError
from reconciler.fs.bounded import read_if_there
from reconciler.fs.replace import remove_if, replace_if
from reconciler.model.inputs import Input


@contextmanager
def inputs_written(inputs: tuple[Input, ...]) -> Iterator[None]:
    """Write the inputs, and put back what they were where the change then fails. A crash leaves them as written.

    Only bytes that were written here are put back. ``InputChangedError`` where another program has changed one, also
    one that is not to be written; none is written then. Raises ``OSError``.
    """
    written: list[Input] = []
    try:
        for one in inputs:
            _write(one, written)
        yield
    except (OSError, StorageError, RolledBackError, InputChangedError):
        for one in written:
            with suppress(OSError):
                _put_back(one)
        raise


def check_inputs(inputs: tuple[Input, ...]) -> None:
    """``InputChangedError`` where one is no longer what was read. Raises ``OSError``."""
    for one in inputs:
        if read_if_there(one.path) != one.before:
            raise _changed(one)


def _write(one: Input, written: list[Input]) -> None:
    if one.data is None or not one.is_written:
        check_inputs((one,))
        return
    written.append(one)
    if not replace_if(one.path, one.data, expected=one.before):
        written.pop()
        raise _changed(one)


def _changed(one: Input) -> InputChangedError:
    return InputChangedError(f"{one.path} changed while this command ran")


def _put_back(one: Input) -> None:
    if one.data is not None and one.before is not None:
        replace_if(one.path, one.before, expected=one.data)
    elif one.data is not None:
        remove_if(one.path, expected=one.data)
