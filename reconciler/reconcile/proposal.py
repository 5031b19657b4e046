"""A proposal: a plan, and all that is needed to carry it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.model.config import JsonObject
from reconciler.model.desired import GatewaySettings
from reconciler.model.digest import Digest
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.inputs import Input
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan
from reconciler.model.record import Record
from reconciler.planning.intent import Allowances, Intent
from reconciler.resolve.resolved import Resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a pass is run. ``only`` narrows the scope to these ids and what they depend on; empty is everything."""

    file: Path
    only: frozenset[str] = frozenset()
    locked: bool = False
    allowances: Allowances = field(default_factory=Allowances)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Local files of an item that is gone: all in ``folder``, a backup, but for the paths in ``brought``.

    The package's files in ``keep`` come from there too: programs edit them.
    """

    folder: Path
    brought: frozenset[str]
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Everything that a pass knows before it changes anything.

    ``resolved`` holds what each wanted item stands for; ``documents`` what the next pass need not parse and validate.
    ``inputs`` are written with the change, or proposal at just before it. ``stale`` says in words what of the lock does
    not fit. ``list_of`` is the generation whose list comes back, if so.
    """

    home: Home
    gateway: GatewaySettings
    record: Record
    previous_record: bytes | None
    intent: Intent
    observed: Observed
    plan: Plan
    resolved: Mapping[ItemKey, Resolved] = field(default_factory=dict)
    documents: Mapping[Digest, JsonObject] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    stale: tuple[str, ...] = ()
    carried: Mapping[ItemKey, Carried] = field(default_factory=dict)
    list_of: int | None = None


def package_warnings(found: Mapping[ItemKey, Resolved]) -> tuple[str, ...]:
    """What is strange about the packages that were read."""
    return tuple(line for one in found.values() for line in one.notes)
