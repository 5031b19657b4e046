"""One attempt of the watcher: a pass that heeds holds and suspensions, and never raises for what may go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from reconciler.codes import ErrorCode
from reconciler.errors import LlamagateError, RefusedError, StandstillError, StorageError
from reconciler.loop.evidence import evidence
from reconciler.loop.fights import Fights
from reconciler.loop.tried import Tried
from reconciler.model.digest import Digest
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.listener import Listener
from reconciler.model.record import Record
from reconciler.reconcile.change import change
from reconciler.reconcile.gateway import Reload, reload_if_missed
from reconciler.reconcile.holds import leaving_out, standstill
from reconciler.reconcile.input_digest import Inputs
from reconciler.reconcile.options import Options
from reconciler.reconcile.outcome import Outcome
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.propose import propose
from reconciler.reconcile.trusted import distrusted
from reconciler.store.desired_file import read_desired
from reconciler.store.state_files import read_record


class _LeftAloneError(StandstillError):
    """A hold or a suspension; ``reload`` is how a gateway took a change that it had missed.

    ``distrust`` says why what is installed is no longer trusted.
    """

    def __init__(self, reason: str, reload: Reload | None, distrust: str) -> None:
        super().__init__(f"{reason}; no longer trusted: {distrust}" if distrust else reason)
        self.reload = reload
        self.distrust = distrust


class WatchedPass(Struct):
    """What an attempt is given: ``inputs`` reads the file and what it names, ``fights`` is what was done before."""

    env: Environment
    options: Options
    listener: Listener
    inputs: Inputs
    fights: Fights
    _evidence: Mapping[ItemKey, str] = field(default_factory=dict)

    def attempt(self) -> Tried:
        """Make the home match the file once, under the lock."""
        try:
            outcome = change(self.env, self.options.file, self.listener, self._propose, creates=True)
        except _LeftAloneError as error:
            return Tried(error=error, reload=error.reload, distrust=error.distrust)
        except LlamagateError as error:
            return Tried(error=error)
        except OSError as error:
            return Tried(error=StorageError(f"{error.filename or 'the system'}: {error.strerror or error}"))
        return Tried(outcome=outcome, error=_what_is_wrong(outcome), evidence=self._evidence, reload=outcome.reload)

    def _propose(self) -> Proposal:
        """What to do, decided under the lock. ``_LeftAloneError`` where a person ordered that it is nothing."""
        file = self.options.file
        record, _ = read_record(Home(self.env.home))
        reason = standstill(record, file, self.inputs.digest(file) if record.hold else Digest(""))
        if reason:
            reload = _told_all_the_same(self.env, file, record)
            raise _LeftAloneError(reason, reload, distrusted(self.env, file, record))
        # Nobody looks at this plan: what a tool says of itself is accepted by an 'apply' alone.
        proposal = propose(self.env, self.options, self.listener.progress, keeps=True, accepts_tools=False)
        proposal = leaving_out(proposal, record.suspensions)
        self._evidence = evidence(proposal, self.fights)
        return proposal


def _told_all_the_same(env: Environment, file: Path, record: Record) -> Reload | None:
    """Tell a gateway that missed the last change: a home that is left alone is to be served, too.

    A rollback that was interrupted, or that the gateway was down for, is such a change. Where the file cannot be read,
    nobody knows the gateway.
    """
    try:
        return reload_if_missed(env, read_desired(file, known=record.documents).desired.gateway, record)
    except LlamagateError:
        return None


def _what_is_wrong(outcome: Outcome) -> LlamagateError | None:
    refusals = outcome.plan.refusals
    if refusals:
        return RefusedError("; ".join(f"{refusal.key.id}: {refusal.message}" for refusal in refusals))
    if expired := outcome.plan.expired:
        return RefusedError("; ".join(expired), code=ErrorCode.CATALOG_EXPIRED)
    return outcome.reload_error
