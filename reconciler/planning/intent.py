"""What a pass is to bring about. One planner serves every verb; a verb only differs in its intent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.config import JsonObject
from reconciler.model.desired import DEFAULT_OWNER, Policy, Source
from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey
from reconciler.model.package import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One item that should be there: what its source stands for now, realised for its configuration.

    ``files`` maps path → sha256 hex as they are to stand on disk. ``enabled`` is ``None`` where the file is silent.
    """

    key: ItemKey
    source: Source
    source_stamp: str
    manifest: Manifest
    tree: Digest
    config: JsonObject
    files: Mapping[str, str]
    enabled: bool | None = None
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowances:
    """What the person who runs the command permits beyond the policy.

    ``take_over`` holds ids, or is ``None`` for every item that is in the way.
    """

    prune: bool = False
    overwrite: bool = False
    take_over: frozenset[str] | None = frozenset()

    def takes_over(self, item_id: str) -> bool:
        return self.take_over is None or item_id in self.take_over


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """``scope`` names the items that the pass covers; ``None`` covers everything, and only then is anything pruned.

    ``home`` is the home's absolute path as text: registry entries hold absolute paths.
    """

    owner: str
    file: str
    home: str
    wanted: Mapping[ItemKey, Wanted]
    policy: Policy
    scope: frozenset[ItemKey] | None = None
    allowances: Allowances = field(default_factory=Allowances)
    reload_required: bool = False

    @property
    def owner_is_implicit(self) -> bool:
        return self.owner == DEFAULT_OWNER
