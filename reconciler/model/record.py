"""Our own record of what we installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec import UNSET, Struct, UnsetType, field

from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.executables import as_set
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.package import Manifest
from reconciler.model.servers import RecordedServer
from reconciler.model.source import Source
from reconciler.model.trust import Signer

RECORD_SCHEMA: Final = 3
"""The newest; a record without tool servers and packages of registries is written with 2, as ever."""


class RecordedFile(NamedTuple):
    """A file as we wrote it, with the stat stamp that lets a later look skip reading it; zeros never match."""

    sha256: str
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0


class Route(NamedTuple):
    """The endpoints of one extension: its version, and the sha256 of its manifest; both empty where not known."""

    version: str
    manifest: str


class RecordItem(Struct, frozen=True, kw_only=True):
    """One installed item.

    ``owner`` is ``None`` for what a command brought. ``source`` has an absolute location; ``source_stamp`` is that of
    the source when ``tree`` was read from it. ``tree`` is the package's; ``files`` are as written, configured.
    ``may_run`` are those of its files that may be run, sorted; ``None`` where that is not known: an older version wrote
    the record, or the item was adopted as it was.
    """

    key: ItemKey
    owner: str | None
    source: Source
    source_stamp: str
    tree: Digest
    config: JsonObject
    enabled: bool
    manifest: Manifest
    files: Mapping[str, RecordedFile]
    depends_on: tuple[str, ...] = ()
    may_run: tuple[str, ...] | None = None
    signed_by: tuple[Signer, ...] | UnsetType = UNSET
    """Who signed the package; left out where nobody was asked. It may be lost: then a change of signers is not seen."""

    @property
    def signers(self) -> tuple[Signer, ...]:
        return () if self.signed_by is UNSET else self.signed_by

    @property
    def executables(self) -> frozenset[str] | None:
        return as_set(self.may_run)

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def route(self) -> Route:
        """Its endpoints, if it has any."""
        manifest = self.files.get(self.manifest.installed_definition)
        return Route(version=self.version, manifest=manifest.sha256 if manifest else "")


class Hold(Struct, frozen=True, kw_only=True):
    """Why the watcher leaves things alone, and since which generation.

    ``inputs`` maps each desired state, by its absolute path, to the digest of the input that the hold is set against:
    a watcher of that file heeds the hold until its input is another one.
    """

    reason: str
    generation: int
    inputs: Mapping[str, Digest] = field(default_factory=dict)


class ConfirmBy(Struct, frozen=True, kw_only=True):
    """The change to ``generation`` stays only if a person confirms it ``until`` then, a time as the registry writes it.

    Else the list of generation ``back_to`` comes back, 0 where there was none; ``inputs`` are those of the hold that is
    set then. The command that made the change waits in front, and holds ``Home.confirm_lock``.
    """

    generation: int
    back_to: int
    until: str
    inputs: Mapping[str, Digest] = field(default_factory=dict)


class Suspension(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Someone's order to the watcher to leave one item alone, or everything where ``item`` is empty, until resumed.

    ``since`` is a time as the registry writes it. Without a ``kind``, as older versions write it, each item of the id
    is meant.
    """

    item: str
    reason: str
    since: str
    kind: Kind | None = None

    @property
    def what(self) -> str:
        """What it is for, in words with which 'resume' finds it."""
        return f"{self.kind} {self.item}" if self.kind is Kind.MCP_SERVER else self.item or "everything"

    def covers(self, key: ItemKey) -> bool:
        """Whether ``key`` is to be left alone."""
        return self.item in ("", key.id) and self.kind in (None, key.kind)

    def to_document(self) -> JsonObject:
        return {"kind": self.kind, "id": self.item, "reason": self.reason, "since": self.since}


class Routes(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the router of the running gateway kept, by the extension's name, for those changed since it started.

    ``gone`` is what it may have kept of those that went: they run it again when they come back. ``process`` names the
    process that it is, where that could be seen; ``generation`` is the last one whose changes count in it. May be lost:
    then nothing is said of endpoints until the item changes again.
    """

    process: str = ""
    generation: int = 0
    items: Mapping[str, Route] = field(default_factory=dict)
    gone: Mapping[str, Route] = field(default_factory=dict)


class Record(Struct, frozen=True, kw_only=True):
    """Everything that we remember between passes.

    ``owners`` maps each owner to the file that last spoke for it. ``documents`` holds the desired
    state and the lock of the last full pass as they were decoded, by the digest of their text: text that is the same
    need not be parsed and validated again, and every item was found to fit it. That holds for one version only: another
    one knows other keys, and must say so where it does not know one.
    """

    generation: int = 0
    told_generation: int = 0
    hold: Hold | None = None
    suspensions: tuple[Suspension, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[Digest, JsonObject] = field(default_factory=dict)
    items: Mapping[ItemKey, RecordItem] = field(default_factory=dict)
    servers: Mapping[ItemKey, RecordedServer] = field(default_factory=dict)
    routes: Routes = field(default_factory=Routes)
    confirm_by: ConfirmBy | None = None
    restarts: Mapping[str, str] = field(default_factory=dict)
    """Tool servers that changed, each with the process of the gateway that ran then; empty where that cannot be seen.
    May be lost, as ``routes``."""

    def owner_of(self, key: ItemKey) -> str | None:
        """Whose an item is, package or tool server; ``None`` also where it is not recorded."""
        if (item := self.items.get(key)) is not None:
            return item.owner
        server = self.servers.get(key)
        return server.owner if server is not None else None

    @property
    def owners_by_key(self) -> Mapping[ItemKey, str | None]:
        """Every recorded item with whose it is."""
        items = {key: item.owner for key, item in self.items.items()}
        return items | {key: server.owner for key, server in self.servers.items()}
