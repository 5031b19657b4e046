"""Holds and suspensions: when a watcher leaves things alone, and how a person orders and ends that."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.listener import Listener
from reconciler.model.record import Record, Suspension
from reconciler.model.registry import registry_time
from reconciler.reconcile.exclusive import exclusive, settle
from reconciler.reconcile.naming import known_kind, known_to, one_of
from reconciler.store.state_files import read_record
from reconciler.store.write import write_record


class Resumed(Struct, frozen=True, kw_only=True):
    """What a ``resume`` ended: the reasons of the hold and of the suspensions, by item; all of them where ``""``."""

    hold: str | None
    suspensions: tuple[Suspension, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        return (*([self.hold] if self.hold is not None else []), *(one.reason for one in self.suspensions))


def suspend(
    env: Environment, file: Path, listener: Listener, *, item: str = "", kind: Kind | None = None, reason: str
) -> Suspension:
    """Order a watcher to leave ``item`` alone, or everything. A second order for the same replaces the first.

    ``InputError`` where no such item is installed or desired, or where two kinds have one of this id.
    """
    home = Home(env.home)
    with exclusive(env, listener):
        settle(env, file)
        record, _ = read_record(home)
        if item:
            kind = known_kind(item, kind, record, file)
        suspension = Suspension(item=item, kind=kind, reason=reason, since=registry_time(env.now))
        known = _of_each_kind(record, file, item, kind)
        others = [one for one in known if (one.item, one.kind) not in ((item, kind), (item, None))]
        suspensions = sorted([*others, suspension], key=lambda one: (one.item, one.kind or ""))
        write_record(home, replace(record, suspensions=tuple(suspensions)))
        return suspension


def resume(env: Environment, file: Path, listener: Listener, *, item: str = "", kind: Kind | None = None) -> Resumed:
    """End the hold and every suspension; or, with ``item``, the suspension of that one alone.

    ``InputError`` where those of two kinds are suspended.
    """
    home = Home(env.home)
    with exclusive(env, listener):
        settle(env, file)
        record, _ = read_record(home)
        known = _of_each_kind(record, file, item, kind)
        ended = tuple(one for one in known if item in ("", one.item) and kind in (None, one.kind or kind))
        if item:
            one_of(item, (ItemKey(one.kind, item) for one in ended if one.kind))
        hold = record.hold if not item else None
        if hold or ended:
            left = tuple(one for one in known if one not in ended)
            write_record(home, replace(record, hold=record.hold if item else None, suspensions=left))
        return Resumed(hold=hold.reason if hold else None, suspensions=ended)


def _of_each_kind(record: Record, file: Path, item: str, kind: Kind | None) -> tuple[Suspension, ...]:
    """The suspensions; one of ``item`` for every kind, as older versions wrote it, as one for each kind that there is.

    Only where a ``kind`` is meant: what is said of that one changes nothing for another.
    """
    if not (item and kind) or not any(one.item == item and one.kind is None for one in record.suspensions):
        return record.suspensions
    kinds = sorted({key.kind for key in known_to(record, file)[0] if key.id == item}) or [kind]
    return tuple(
        each
        for one in record.suspensions
        for each in ([replace(one, kind=of) for of in kinds] if one.item == item and one.kind is None else [one])
    )
