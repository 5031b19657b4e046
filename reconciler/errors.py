"""Every exception that this project raises on purpose.

Each class says, by its exit code and its advice, what a person or a script should do next. Foreign exceptions are
wrapped where they happen; only ``cli`` catches these and turns them into text and an exit code.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Self

from msgspec import Struct

from reconciler.codes import ErrorCode, FaultCode


class ExitCode(IntEnum):
    """Exit codes of the command line (the table of ``docs/commands.md``)."""

    OK = 0
    ERROR = 1
    CHANGES_PENDING = 2
    DRIFT = 3
    LOCK_STALE = 4
    REFUSED = 5
    ROLLED_BACK = 6
    NEEDS_RECOVERY = 7
    BUSY = 8
    PLAN_STALE = 9
    NOT_RELOADED = 10
    USAGE = 64
    BUG = 70
    INTERRUPTED = 130


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with an input.

    ``line`` and ``column`` count from 1. ``path`` is the place inside the document, in dotted form
    (``extensions.foo.version``, ``steps[0].uses``). What is unknown is ``None``. ``source`` is the text of the line: a
    person at a terminal sees it, and no document or log has it.
    """

    message: str
    code: ErrorCode | FaultCode = ErrorCode.MALFORMED
    file: str | None = None
    line: int | None = None
    column: int | None = None
    path: str | None = None
    source: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return ": ".join(part for part in (place, self.path, self.message) if part)


_NO_ACCESS = os.strerror(errno.EACCES)
_NO_ACCESS_ADVICE = "run it as a user who may read and write there, or change the owner or the mode (chown, chmod)"


def _access_advice(message: str) -> str:
    """What to do where access was denied, unless the message says it."""
    return _NO_ACCESS_ADVICE if _NO_ACCESS in message and "permissions" not in message else ""


class LlamagateError(Exception):
    """Base of all expected failures: a message for people, advice, and the faults behind it.

    ``may_pass``: the same command may succeed a while later, though nobody changed anything.
    """

    exit_code: ExitCode = ExitCode.ERROR
    code: ErrorCode
    advice: str = ""
    may_pass: bool = False

    def __init__(
        self, message: str, *, advice: str = "", faults: Iterable[Fault] = (), code: ErrorCode | None = None
    ) -> None:
        """``code`` says it more exactly than the code of the class."""
        super().__init__(message)
        self.code = code or type(self).code
        self.message = message
        self.advice = advice or type(self).advice or _access_advice(message)
        self.faults = tuple(faults)

    @property
    def details(self) -> list[str]:
        """The faults in words, without what the message or the fault before says already."""
        found: list[str] = []
        for text in map(str, self.faults):
            if not any(text in said for said in (self.message, *found)):
                found.append(text)
        return found


class InputError(LlamagateError):
    """A document, package or source is malformed, missing or unreadable. Nothing was changed."""

    code = ErrorCode.MALFORMED

    @classmethod
    def at(
        cls,
        message: str,
        *,
        file: str | Path,
        place: tuple[int, int | None] | None = None,
        path: str = "",
        advice: str = "",
        code: ErrorCode | FaultCode | None = None,
    ) -> Self:
        """The error for one fault of ``file``, where ``place`` is line and column: its message says where, too."""
        line, column = place or (None, None)
        fault = Fault(
            message=message, code=code or cls.code, file=str(file), line=line, column=column, path=path or None
        )
        return cls(str(fault), faults=[fault], advice=advice, code=code if isinstance(code, ErrorCode) else None)

    @staticmethod
    def of(faults: Sequence[Fault], summary: str) -> InputError:
        """One error for all ``faults``: what a single one says, or the ``summary`` of several."""
        return InputError(str(faults[0]) if len(faults) == 1 else summary, faults=faults)


class WrongKindError(InputError):
    """A package is of the other kind than it was taken for."""

    code = ErrorCode.WRONG_PACKAGE


def together(errors: Sequence[LlamagateError], summary: str) -> LlamagateError:
    """One error for what is wrong with several inputs, of the kind of the first; a lone one is as it was."""
    if len(errors) == 1:
        return errors[0]
    faults = [fault for error in errors for fault in error.faults or [_as_fault(error)]]
    return type(errors[0])(summary, faults=faults, code=errors[0].code)


def _as_fault(error: LlamagateError) -> Fault:
    return Fault(message=f"{error.message}; {error.advice}" if error.advice else error.message, code=error.code)


class NotDesiredError(InputError):
    """The file in the place of the desired state is the gateway's own configuration, which has the same name."""

    code = ErrorCode.NOT_DESIRED_STATE
    advice = "name a desired state with -f FILE, or put it into another folder; 'llamagate init -f FILE' writes one"


class NewerDocumentError(InputError):
    """A newer version of llamagate wrote one of our documents. Nothing was changed."""

    code = ErrorCode.NEWER_DOCUMENT
    advice = "use that version"


_STORAGE_ADVICE = {
    errno.EACCES: "run it as a user who may write there, or change the owner or the mode of the folder",
    errno.EPERM: "run it as a user who may write there, or change the owner or the mode of the folder",
    errno.EROFS: "this file system is read-only; work on a copy, or mount it writable",
    errno.EEXIST: "move away what is in its place, or name another folder",
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "free some space: the quota of this user is used up",
}
_NO_RIGHT = (errno.EACCES, errno.EPERM, errno.EROFS)
LOCK_ENDING = ".lock.yaml"
_LOCK_ADVICE = (
    "run 'llamagate lock' where it can be written and keep the lock beside the file, "
    "or name another place with --lock-file"
)


def refused(error: OSError) -> str:
    """What the operating system refused, and where."""
    place = " -> ".join(str(path) for path in (error.filename, error.filename2) if path) or "the home"
    return f"{place}: {error.strerror or error}"


class StorageError(LlamagateError):
    """The operating system refused to read or write a file. Nothing was changed."""

    code = ErrorCode.STORAGE
    may_pass = True

    @staticmethod
    def of(error: OSError, outcome: str) -> StorageError:
        """What the operating system refused, where, and what that means."""
        advice = _STORAGE_ADVICE.get(error.errno or 0, "")
        if error.errno in _NO_RIGHT and str(error.filename).endswith(LOCK_ENDING):
            advice = _LOCK_ADVICE
        return StorageError(f"{refused(error)}; {outcome}", advice=advice)


@contextmanager
def telling(outcome: str) -> Iterator[None]:
    """``StorageError``, which says the ``outcome``, for what the operating system refuses."""
    try:
        yield
    except OSError as error:
        raise StorageError.of(error, outcome) from error


class UnreachableError(LlamagateError):
    """The other side or the network failed; trying again may help.

    ``passes_soon``: it may help at once, or after ``wait`` seconds, which the other side asks for.
    """

    code = ErrorCode.UNREACHABLE
    may_pass = True
    advice = "try again later"
    passes_soon = True
    wait = 0.0

    def after(self, seconds: float) -> Self:
        """The same error, with how long to wait."""
        self.wait = seconds
        if seconds:
            self.advice = f"it asks to be left alone for {seconds:.0f} s; try again then"
        return self

    def for_long(self) -> Self:
        """The same error, of which nobody expects that it passes within the same command."""
        self.passes_soon = False
        return self


class LockStaleError(LlamagateError):
    """The lock does not fit the desired state and the command was told not to re-pin."""

    exit_code = ExitCode.LOCK_STALE
    code = ErrorCode.LOCK_STALE
    advice = "run 'llamagate lock' and commit the result"


class RefusedError(LlamagateError):
    """Policy, a pin or a checksum forbids what was asked for."""

    exit_code = ExitCode.REFUSED
    code = ErrorCode.REFUSED


class RolledBackError(LlamagateError):
    """A change failed after its commit point and was undone completely."""

    exit_code = ExitCode.ROLLED_BACK
    code = ErrorCode.ROLLED_BACK
    may_pass = True
    advice = "fix the cause and run the command again"


class NeedsRecoveryError(LlamagateError):
    """An interrupted change can neither be finished nor undone without help."""

    exit_code = ExitCode.NEEDS_RECOVERY
    code = ErrorCode.NEEDS_RECOVERY
    advice = "fix the cause and run 'llamagate recover'"


class BusyError(LlamagateError):
    """Another process is changing this home."""

    exit_code = ExitCode.BUSY
    code = ErrorCode.BUSY
    may_pass = True
    advice = "wait for it to end, or give --wait more seconds"


class PlanStaleError(LlamagateError):
    """A plan that was shown is no longer what would be done now."""

    exit_code = ExitCode.PLAN_STALE
    code = ErrorCode.PLAN_STALE
    advice = "look at the new one with 'llamagate plan', then apply that"


class InputChangedError(LlamagateError):
    """Another program changed the desired state or the lock while a pass used it. Nothing was changed."""

    exit_code = ExitCode.PLAN_STALE
    code = ErrorCode.INPUT_CHANGED
    may_pass = True
    advice = "wait until no other program writes it, and run the command again"


class NotReloadedError(LlamagateError):
    """The change is committed, but a gateway that was required did not reload."""

    exit_code = ExitCode.NOT_RELOADED
    code = ErrorCode.NOT_RELOADED
    may_pass = True


class StandstillError(LlamagateError):
    """A hold or a suspension tells the watcher to leave everything alone. Nothing was changed."""

    exit_code = ExitCode.OK
    code = ErrorCode.STANDSTILL


class NotReadyError(LlamagateError):
    """What was waited for did not come within its time."""

    code = ErrorCode.NOT_READY
    may_pass = True
    advice = "'llamagate status' shows what differs, 'llamagate apply' or a watcher brings it about"


class MissingProgramError(LlamagateError):
    """A program or a package of Python is needed and not installed."""

    code = ErrorCode.MISSING_PROGRAM


class UsageError(LlamagateError):
    """The command line itself is wrong."""

    exit_code = ExitCode.USAGE
    code = ErrorCode.USAGE
