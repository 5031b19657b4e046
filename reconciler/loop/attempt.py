"""One attempt of the watcher: a pass that heeds holds and suspensions, and never raises for what may go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import LlamagateError, RefusedError, StandstillError, StorageError
from reconciler.loop.evidence import evidence
from reconciler.loop.fights import Fights
from reconciler.loop.schedule import End
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Listener
from reconciler.model.plan import Plan
from reconciler.model.record import Record
from reconciler.model.watched import Result
from reconciler.reconcile.change import change
from reconciler.reconcile.gateway import Reload, reload_if_missed
from reconciler.reconcile.holds import leaving_out, standstill
from reconciler.reconcile.input_digest import Inputs
from reconciler.reconcile.outcome import Outcome
from reconciler.reconcile.proposal import Options, Proposal
from reconciler.reconcile.propose import propose
from reconciler.store.desired_file import read_desired
from reconciler.store.state_files import read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How an attempt went: ``outcome`` where a plan was made, ``error`` where it failed.

    ``evidence`` tells of each item that was changed, by id, what points to who changed it before. ``reload`` tells how
    a gateway took the last change, where it was told of one.
    """

    outcome: Outcome | None = None
    error: LlamagateError | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)
    reload: Reload | None = None

    @property
    def carried_out(self) -> Plan | None:
        """The plan that changed the home; ``None`` where nothing was changed."""
        plan = self.outcome.plan if self.outcome is not None else None
        return plan if plan is not None and plan.changes and not plan.refusals else None

    @property
    def result(self) -> Result:
        if isinstance(self.error, StandstillError):
            return Result.LEFT_ALONE
        if isinstance(self.error, RefusedError):
            return Result.REFUSED
        if self.error is not None:
            return Result.FAILED
        return Result.APPLIED if self.carried_out is not None else Result.UNCHANGED

    @property
    def end(self) -> End:
        if self.error is None or isinstance(self.error, StandstillError):
            return End.SETTLED
        went_back = self.outcome is not None and self.outcome.gone_back is not None
        return End.RETRY if self.error.may_pass and not went_back else End.STUCK

    @property
    def reason(self) -> str:
        """One word: the code of the error, or how the attempt ended."""
        text = self.error.code if self.error is not None else str(self.result)
        return "".join(part.capitalize() for part in text.split("-"))


def attempt(env: Environment, options: Options, watch: Listener, inputs: Inputs, fights: Fights) -> Tried:
    """Make the home match the file once, under the lock."""
    found: dict[str, str] = {}
    reload: Reload | None = None

    def look_now() -> Proposal:
        nonlocal reload
        record, _ = read_record(Home(env.home))
        reason = standstill(record, options.file, inputs.digest(options.file))
        if reason:
            reload = _told_all_the_same(env, options.file, record)
            raise StandstillError(reason)
        proposal = propose(env, options, watch.progress)
        proposal = leaving_out(proposal, {one.item: f"suspended: {one.reason}" for one in record.suspensions})
        found.update(evidence(proposal, fights))
        return proposal

    try:
        outcome = change(env, options.file, watch, look_now)
    except LlamagateError as error:
        return Tried(error=error, evidence=found, reload=reload)
    except OSError as error:
        failure = StorageError(f"{error.filename or 'the system'}: {error.strerror or error}")
        return Tried(error=failure, evidence=found)
    return Tried(outcome=outcome, error=_what_is_wrong(outcome), evidence=found, reload=outcome.reload)


def _told_all_the_same(env: Environment, file: Path, record: Record) -> Reload | None:
    """Tell a gateway that missed the last change: a home that is left alone is to be served, too.

    A rollback that was interrupted, or that the gateway was down for, is such a change. Where the file cannot be read,
    nobody knows the gateway.
    """
    if record.told_generation == record.generation:
        return None
    try:
        return reload_if_missed(env, read_desired(file, known=record.documents).desired.gateway, record)
    except LlamagateError:
        return None


def _what_is_wrong(outcome: Outcome) -> LlamagateError | None:
    refusals = outcome.plan.refusals
    if refusals:
        return RefusedError("; ".join(f"{refusal.key.id}: {refusal.message}" for refusal in refusals))
    return outcome.reload_error
