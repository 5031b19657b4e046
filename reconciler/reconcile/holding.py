"""Holds and suspensions: when a watcher leaves things alone, and how a person orders and ends that."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.errors import InputError, LlamagateError, NotDesiredError
from reconciler.model.digest import Digest
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.record import Record, Suspension
from reconciler.model.registry import registry_time
from reconciler.planning.planner import make_plan
from reconciler.reconcile.changing import Watch, exclusive, settle
from reconciler.reconcile.looking import Looked, package_warnings
from reconciler.reconcile.writing import write_record
from reconciler.store.desired_file import read_desired
from reconciler.store.state_files import read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What a ``resume`` ended: the reasons of the hold and of the suspensions, by item; all of them where ``""``."""

    hold: str | None
    suspensions: tuple[Suspension, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        return (*([self.hold] if self.hold is not None else []), *(one.reason for one in self.suspensions))


def suspend(env: Environment, file: Path, watch: Watch, *, item: str = "", reason: str) -> Suspension:
    """Order a watcher to leave ``item`` alone, or everything. A second order for the same takes the first one's place.

    ``InputError`` where nobody knows of such an item.
    """
    home = Home(env.home)
    with exclusive(env, watch):
        settle(home, file)
        record, _ = read_record(home)
        if item:
            _check_known(item, record, file)
        order = Suspension(item=item, reason=reason, since=registry_time(env.now))
        others = [one for one in record.suspensions if one.item != item]
        write_record(home, replace(record, suspensions=tuple(sorted([*others, order], key=lambda one: one.item))))
        return order


def resume(env: Environment, file: Path, watch: Watch, *, item: str = "") -> Resumed:
    """End the hold and every suspension; or, with ``item``, the suspension of that one alone."""
    home = Home(env.home)
    with exclusive(env, watch):
        settle(home, file)
        record, _ = read_record(home)
        ended = tuple(one for one in record.suspensions if item in ("", one.item))
        hold = record.hold if not item else None
        if hold or ended:
            left = tuple(one for one in record.suspensions if one not in ended)
            write_record(home, replace(record, hold=record.hold if item else None, suspensions=left))
        return Resumed(hold=hold.reason if hold else None, suspensions=ended)


def standstill(record: Record, file: Path, digest: Digest) -> str:
    """Why a watcher of ``file``, whose input has ``digest``, leaves everything alone; empty where it does not.

    A hold ends with a new input. One that knows nothing of the file was not set against it, and stays until it is
    ended.
    """
    for one in record.suspensions:
        if not one.item:
            return f"suspended: {one.reason}"
    hold = record.hold
    if hold is not None and hold.inputs.get(str(file.absolute()), digest) == digest:
        return f"on hold: {hold.reason}"
    return ""


def leaving_out(looked: Looked, items: Mapping[str, str]) -> Looked:
    """The pass without some items, which stay as they are; ``items`` maps each id to the reason."""
    if not items:
        return looked
    wanted = {key: one for key, one in looked.intent.wanted.items() if key.id not in items}
    notes = (*looked.intent.notes, *(f"{item} is left as it is: {reason}" for item, reason in sorted(items.items())))
    intent = replace(looked.intent, wanted=wanted, suspended=frozenset(items), notes=notes)
    plan = make_plan(intent, looked.record, looked.observed)
    plan = replace(plan, warnings=plan.warnings + package_warnings(looked.resolved))
    return replace(looked, intent=intent, plan=plan)


def _check_known(item: str, record: Record, file: Path) -> None:
    """A typing error must not pass for an order."""
    known = {key.id for key in record.items}
    try:
        known |= {one.key.id for one in read_desired(file).desired.items} if file.exists() else set()
    except NotDesiredError:
        pass  # it lists no item
    except LlamagateError:
        return  # it may be listed there
    if item not in known:
        near = difflib.get_close_matches(item, sorted(known), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InputError(f"no item '{item}' is installed or desired{hint}")
