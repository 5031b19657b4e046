"""Confirm: a change that stays only if a person says so in time. Its command waits in front, without the mutex."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from msgspec.structs import replace

from reconciler.errors import InputError, LlamagateError, RolledBackError
from reconciler.fs import file_lock
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Listener
from reconciler.model.record import ConfirmBy
from reconciler.model.registry import registry_time
from reconciler.reconcile.change import undo_unconfirmed
from reconciler.reconcile.exclusive import exclusive, settle
from reconciler.reconcile.holds import is_awaited
from reconciler.reconcile.input_digest import input_digests
from reconciler.reconcile.proposal import Proposal
from reconciler.store.state_files import read_record
from reconciler.store.write import write_record

_POLL_SECONDS: Final = 0.25
_ENDING: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
)


class Pending:
    """One change of a command that is to be confirmed within ``seconds``; a context around the change and the wait."""

    def __init__(self, env: Environment, file: Path, listener: Listener, seconds: float) -> None:
        self._env, self._file, self._listener, self._seconds = env, file, listener, seconds
        self._stack, self._started = ExitStack(), time.monotonic()
        self._ended: list[int] = []
        self.confirm_by: ConfirmBy | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        """Whatever ends the command before somebody confirmed, ends the change too; the ``error`` goes on."""
        try:
            if error is not None and self.confirm_by is not None and not isinstance(error, RolledBackError):
                self._undo("the command failed")
        except LlamagateError as undone:
            self._listener.notice(undone.message)
        finally:
            self._stack.close()

    def proposed(self, proposal: Proposal) -> Proposal:
        """The proposal as one that waits for a person. Called under the mutex, just before it is carried out.

        From here on a signal does not end the process at once.
        """
        if not proposal.plan.changes or proposal.plan.refusals:
            return proposal
        if proposal.state.policy.generations < 2:
            message = "--confirm needs a generation to go back to, and policy.generations keeps only one"
            raise InputError(message, advice="set policy.generations to 2 or more")
        if self.confirm_by is None:
            lock = Home(self._env.home).confirm_lock
            self._stack.enter_context(
                file_lock.exclusive(lock, command=self._env.command, wait=0, notice=self._listener.notice)
            )
            self._stack.enter_context(_noting_signals(self._ended))
        generation = proposal.state.record.generation
        writing = {one.path.absolute(): one.data for one in proposal.parts.inputs if one.data is not None}
        self._started = time.monotonic()
        self.confirm_by = ConfirmBy(
            generation=generation + 1,
            back_to=generation,
            until=registry_time(self._env.now + timedelta(seconds=self._seconds)),
            inputs=input_digests(proposal.state.path, proposal.state.record, writing),
        )
        return replace(proposal, parts=replace(proposal.parts, confirm_by=self.confirm_by))

    def wait(self) -> None:
        """Return once it is confirmed. ``RolledBackError`` where it was undone: by a signal, or when time is over."""
        stamp = None
        while not self._ended and time.monotonic() - self._started < self._seconds:
            stamp, before = self._stamp(), stamp
            if stamp != before and not self._is_open():
                return
            time.sleep(_POLL_SECONDS)
        self._undo(f"ended by {signal.Signals(self._ended[0]).name}" if self._ended else "the time is over")

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = Home(self._env.home).record.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _is_open(self) -> bool:
        try:
            return read_record(Home(self._env.home))[0].confirm_by == self.confirm_by
        except LlamagateError:  # somebody is at it; the end of the time decides
            return True

    def _undo(self, why: str) -> None:
        now = self._env.now + timedelta(seconds=time.monotonic() - self._started)
        env = replace(self._env, now=now)
        with exclusive(env, self._listener):
            settle(env, self._file)
            if self.confirm_by is None or not self._is_open():
                return
            done = undo_unconfirmed(env, self._file, self._listener, self.confirm_by)
        raise RolledBackError(
            f"{done} ({why})", advice="the watcher is paused; an apply or 'llamagate resume' ends that"
        )


@contextmanager
def _noting_signals(noted: list[int]) -> Iterator[None]:
    """Signals that would end the process are only noted."""
    before = {one: signal.signal(one, lambda number, _: noted.append(number)) for one in _ENDING}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def confirm(env: Environment, file: Path, listener: Listener) -> int | None:
    """Keep the change that waits; its generation, ``None`` where none does. ``RolledBackError``: too late."""
    home = Home(env.home)
    with exclusive(env, listener):
        settle(env, file)
        record, _ = read_record(home)
        one = record.confirm_by
        if one is None:
            return None
        if not is_awaited(home, one, env.now):
            raise RolledBackError(f"too late: {undo_unconfirmed(env, file, listener, one)}")
        write_record(home, replace(record, confirm_by=None))
        return one.generation
