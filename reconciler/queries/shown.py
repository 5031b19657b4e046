"""What is shown of one item, as values."""

from __future__ import annotations

from msgspec import Struct

from reconciler.model.config import Json, JsonObject
from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey
from reconciler.model.lock import LockItem
from reconciler.model.plan import Drift
from reconciler.model.record import RecordItem
from reconciler.observe.items import ListedItem
from reconciler.queries.catalogs import Offered
from reconciler.queries.contents import Contents, Value
from reconciler.queries.graph import Edge
from reconciler.queries.why import Listing


class FileShown(Struct, frozen=True, kw_only=True):
    """One file of an item; ``state`` is ``installed``, a change of drift, or ``local``: no package brought it."""

    path: str
    state: str

    def to_document(self) -> JsonObject:
        return {"path": self.path, "state": self.state}


class Step(Struct, frozen=True, kw_only=True):
    """One generation that changed the item, and how."""

    generation: int
    applied_at: str
    command: str
    changes: tuple[str, ...]

    def to_document(self) -> JsonObject:
        return {
            "generation": self.generation,
            "applied_at": self.applied_at,
            "command": self.command,
            "changes": [*self.changes],
        }


class Shown(Struct, frozen=True, kw_only=True):
    """All that is known of one item that is installed or listed.

    ``installed`` is ``None`` where it is only listed. ``enabled_by``: ``file`` or ``registry``. ``notes`` say what
    could not be looked at.
    """

    key: ItemKey
    installed: ListedItem | None
    recorded: RecordItem | None
    wanted: DesiredItem | None
    listing: Listing | None
    pin: LockItem | None
    enabled_by: str
    config: tuple[Value, ...]
    contents: Contents | None
    files: tuple[FileShown, ...]
    drift: tuple[Drift, ...]
    needs: tuple[Edge, ...]
    needed_by: tuple[Edge, ...]
    history: tuple[Step, ...]
    backups: tuple[int, ...]
    suspended: str
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """In one word or two."""
        return self.installed.state if self.installed else "not installed"

    def to_document(self) -> JsonObject:
        recorded, wanted, here = self.recorded, self.wanted, self.installed
        source = wanted.source if wanted else recorded.source if recorded else None
        return {
            **self.key.to_document(),
            "state": self.state,
            "name": here.name if here else None,
            "description": self.contents.description if self.contents else None,
            "version": here.version if here else None,
            "range": wanted.version if wanted else None,
            "enabled": here.enabled if here else None,
            "enabled_by": self.enabled_by or None,
            "source": source.to_full_document() if source else None,
            "listed": self.listing.to_document() if self.listing else None,
            "owner": recorded.owner if recorded else None,
            "pin": _pin_document(self.pin),
            "tree": recorded.tree if recorded else None,
            "signed_by": [{"by": one.by, "key": one.key} for one in (recorded.signers if recorded else ())],
            "config": [value.to_document() for value in self.config],
            "files": [one.to_document() for one in self.files],
            "drift": [row.to_document() for row in self.drift],
            "routes": [route.to_document() for route in (self.contents.routes if self.contents else ())],
            "needs": [edge.to_document() for edge in self.needs],
            "needed_by": [edge.to_document() for edge in self.needed_by],
            "history": [step.to_document() for step in self.history],
            "backups": [*self.backups],
            "suspended": self.suspended or None,
            "notes": [*self.notes],
        }


def _pin_document(pin: LockItem | None) -> Json:
    if pin is None:
        return None
    where: JsonObject = pin.pin.to_document() if pin.pin else {}
    return {"version": pin.version, "tree": pin.tree, **where}


class ShownOffer(Struct, frozen=True, kw_only=True):
    """An item that is not installed, as a catalog has it, and what is in its newest version."""

    offered: Offered
    contents: Contents | None
    notes: tuple[str, ...] = ()

    def to_document(self) -> JsonObject:
        contents = self.contents.to_document() if self.contents else None
        return {**self.offered.to_document(), "contents": contents, "notes": [*self.notes]}
