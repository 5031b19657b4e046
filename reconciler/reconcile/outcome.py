"""What a pass did."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from reconciler.apply.recovery import Recovered
from reconciler.errors import LlamagateError, NotReloadedError, RolledBackError
from reconciler.gateway.call import Cause
from reconciler.model.config import Json, JsonObject
from reconciler.model.note import Note
from reconciler.model.plan import Plan
from reconciler.reconcile.gateway import Reload
from reconciler.reconcile.proposal import Proposal

Result: TypeAlias = Literal["applied", "applied-not-served", "rolled-back", "refused"]
"""How a pass ended. Only what is refused did nothing at all."""

_NOT_SERVED: Final = {"NotSeen": "may not serve it", "RestartNeeded": "must be restarted to serve it"}


class GoneBack(Struct, frozen=True, kw_only=True):
    """A change that a required gateway did not serve was taken back: the list of generation ``to`` was brought back.

    It is ``generation`` now, and a hold with the ``reason`` keeps it. ``reload`` says how notifying the gateway of that
    went.
    """

    to: int
    generation: int
    reason: str
    reload: Reload | None


class Outcome(Struct, frozen=True, kw_only=True):
    """What a pass did; nothing where the plan holds refusals. ``reload`` is ``None`` where no gateway was notified."""

    proposal: Proposal
    recovered: Recovered
    warnings: tuple[Note, ...] = ()
    reload: Reload | None = None
    gone_back: GoneBack | None = None

    @property
    def plan(self) -> Plan:
        return self.proposal.plan

    @property
    def reload_failed(self) -> bool:
        """Whether a gateway that must serve the change does not."""
        return self.proposal.state.gateway.reload == "required" and self.reload is not None and not self.reload.reloaded

    @property
    def reload_error(self) -> LlamagateError | None:
        """The error where a gateway that must serve the change does not."""
        if self.gone_back is not None:
            return RolledBackError(
                f"the gateway does not serve the change, so it was undone: the items of generation {self.gone_back.to} "
                f"are back as generation {self.gone_back.generation}, and the watcher is paused",
                advice="fix the cause; a change of the file, an apply or 'llamagate resume' ends the pause",
            )
        if not self.reload_failed:
            return None
        state = self.reload.state if self.reload else None
        what = "was not reloaded" if isinstance(state, Cause) else _NOT_SERVED.get(state or "", "does not serve it")
        return NotReloadedError(f"everything is applied, but the gateway {what}, and 'reload: required' is set")

    @property
    def generation(self) -> int:
        """The current generation."""
        if self.gone_back is not None:
            return self.gone_back.generation
        return self.plan.generation + (self.plan.changes and not self.plan.refusals)

    @property
    def result(self) -> Result:
        """How it ended."""
        if self.plan.refusals:
            return "refused"
        if self.gone_back is not None:
            return "rolled-back"
        return "applied-not-served" if self.reload_failed else "applied"

    @property
    def hold(self) -> Json:
        """The hold that counts now: why, and since which generation."""
        before, pause = self.proposal.state.record.hold, self.proposal.intent.pause
        if self.gone_back is not None:
            return {"reason": self.gone_back.reason, "generation": self.generation}
        if pause.reason and self.result != "refused":
            return {"reason": pause.reason, "generation": self.generation}
        return {"reason": before.reason, "generation": before.generation} if before and not pause.ends else None

    def document(self) -> JsonObject:
        """The plan's document, with the current generation, the warnings of the change, and how it ended."""
        reload = self.gone_back.reload if self.gone_back else self.reload
        return self.plan.to_document() | {
            "outcome": self.result,
            "generation": self.generation,
            "warnings": [note.to_document() for note in (*self.plan.warnings, *self.warnings)],
            "hold": self.hold,
            "gateway": reload.to_document() if reload else None,
        }
