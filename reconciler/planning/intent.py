"""What a pass should bring about. One planner serves every verb; a verb only differs in its intent."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from reconciler.model.config import JsonObject
from reconciler.model.desired import DEFAULT_OWNER, Policy
from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey, is_named
from reconciler.model.note import Note
from reconciler.model.package import Manifest
from reconciler.model.source import Source
from reconciler.model.tools import AcceptedTools, Tool
from reconciler.model.trust import Signer


class Backup(Struct, frozen=True):
    """What the change to ``generation`` replaced; ``paths`` are all that is in it, folders and links too."""

    generation: int
    paths: frozenset[str]


class Target(Struct, frozen=True, kw_only=True):
    """One item that should be there: the package that it is now, realised for its configuration.

    ``files`` maps path → sha256 hex as they should be on disk. ``enabled`` is ``None`` where the file is silent.
    """

    key: ItemKey
    source: Source
    source_stamp: str
    owner: str | None
    manifest: Manifest
    tree: Digest
    config: JsonObject
    files: Mapping[str, str]
    enabled: bool | None = None
    depends_on: tuple[str, ...] = ()
    signers: tuple[Signer, ...] = ()
    """Who signed the package, where somebody is asked for that."""
    executables: frozenset[str] | None = None
    """Those of its files that may be run; ``None``: as they are."""
    is_asked_for: bool = False
    """A person names this package: that another tool put another version there is then never passed over."""
    backup: Backup | None = None
    """The backup that replaces the whole folder: nothing of what is there is carried over."""


class ServerTarget(Struct, frozen=True, kw_only=True):
    """One tool server that should be there. ``settings`` have references; ``filled`` has every value in its place.

    ``filled`` is ``None`` where a value is not known; ``entry`` is its digest. ``enabled`` is ``None`` where the file
    is silent.
    """

    key: ItemKey
    owner: str | None
    settings: JsonObject
    filled: JsonObject | None
    entry: Digest
    enabled: bool | None = None
    tools: tuple[Tool, ...] | None = None
    """The tools that it has now; ``None`` where nobody knows."""
    accepted: AcceptedTools | None = None
    """Those that the lock has; ``None`` where none were ever accepted."""

    def __repr__(self) -> str:
        """Without any value."""
        return f"ServerTarget({self.key.id!r})"


class Allowances(Struct, frozen=True, kw_only=True):
    """What the person who runs the command permits beyond the policy.

    ``take_over`` names items, or is ``None`` for every item that is in the way. ``downgrade``: a lower version may
    replace a higher one. ``force``: what others depend on may go. ``same_id``: an item may be installed beside another
    of its id.
    """

    prune: bool = False
    overwrite: bool = False
    downgrade: bool = True
    force: bool = False
    same_id: bool = False
    take_over: frozenset[str] | None = frozenset()

    def takes_over(self, key: ItemKey) -> bool:
        return self.take_over is None or is_named(key, self.take_over)


class Speaker(Struct, frozen=True, kw_only=True):
    """Whose items a pass is about, and in which file: ``owner`` is ``None`` for a command, which prunes nothing.

    ``saves_for`` is the owner of ``file`` where a command writes into it.
    """

    owner: str | None
    file: str
    saves_for: str | None = None

    @property
    def speaks_for(self) -> str | None:
        """The owner of ``file``, where the pass is over it or writes into it."""
        return self.owner or self.saves_for

    @property
    def is_implicit(self) -> bool:
        return self.owner == DEFAULT_OWNER


class Rules(Struct, frozen=True, kw_only=True):
    """What decides on refusals: the policy, what the person permits beyond it, whether a gateway must serve all."""

    policy: Policy
    allowances: Allowances = field(default_factory=Allowances)
    reload_required: bool = False


class Pause(Struct, frozen=True, kw_only=True):
    """What a pass does to the hold: set one for a ``reason``, against these ``inputs``; or end the one there is.

    ``suspended`` are left as they are, whatever the file says.
    """

    reason: str = ""
    inputs: Mapping[str, Digest] = field(default_factory=dict)
    ends: bool = False
    suspended: frozenset[ItemKey] = frozenset()


class Intent(Struct, frozen=True, kw_only=True):
    """What a pass should bring about.

    ``scope`` names the items that the pass covers; ``None`` covers everything, and only then is anything pruned.
    ``removals`` (item → why) go whatever their owner; ``others`` are installed by something else and may need them.
    ``switches`` are only enabled or disabled; ``entries`` of tool servers come back from a backup, as they were.
    ``home`` is the home's absolute path as text: registry entries hold absolute paths. ``notes`` are warnings that the
    plan passes on.
    """

    speaker: Speaker
    home: str
    rules: Rules
    targets: Mapping[ItemKey, Target] = field(default_factory=dict)
    servers: Mapping[ItemKey, ServerTarget] = field(default_factory=dict)
    """The tool servers that should be there."""
    removals: Mapping[ItemKey, str] = field(default_factory=dict)
    switches: Mapping[ItemKey, bool] = field(default_factory=dict)
    entries: Mapping[ItemKey, JsonObject] = field(default_factory=dict)
    scope: frozenset[ItemKey] | None = None
    pause: Pause = field(default_factory=Pause)
    others: tuple[Manifest, ...] = ()
    notes: tuple[Note, ...] = ()
    settled: frozenset[ItemKey] = frozenset()
    """Items of the file, besides the targets, that are known to be as recorded and as wanted, and to need nothing."""
