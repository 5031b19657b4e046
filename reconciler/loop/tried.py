"""How an attempt went, as a value: what the report, the schedule and people are told of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from reconciler.errors import LlamagateError, RefusedError, StandstillError
from reconciler.loop.schedule import End
from reconciler.model.ids import ItemKey
from reconciler.model.plan import Plan
from reconciler.model.watched import Result
from reconciler.reconcile.gateway import Reload
from reconciler.reconcile.outcome import Outcome


class Tried(Struct, frozen=True, kw_only=True):
    """``outcome`` where a plan was made, ``error`` where the attempt failed.

    ``evidence`` tells of each item that was changed what points to who changed it before. ``reload`` tells how
    a gateway took the last change, where it was told of one. ``distrust``: why what is installed is no longer trusted,
    where everything is left alone.
    """

    outcome: Outcome | None = None
    error: LlamagateError | None = None
    evidence: Mapping[ItemKey, str] = field(default_factory=dict)
    reload: Reload | None = None
    distrust: str = ""

    @property
    def done(self) -> Plan | None:
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
        return Result.APPLIED if self.done is not None else Result.UNCHANGED

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
