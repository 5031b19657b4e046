"""Our own record of what we installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, cast

from msgspec import Struct, field

from reconciler import __version__
from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.executables import executables_from_document, executables_to_document
from reconciler.model.ids import ItemKey
from reconciler.model.package import Dialect, Manifest
from reconciler.model.source import Source

RECORD_SCHEMA: Final = 1


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
    ``executables`` are those of its files that may be run; ``None`` where that is not known: an older version wrote the
    record, or the item was adopted as it was.
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
    executables: frozenset[str] | None = None

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def route(self) -> Route:
        """Its endpoints, if it has any."""
        manifest = self.files.get(self.manifest.installed_definition)
        return Route(version=self.version, manifest=manifest.sha256 if manifest else "")

    @staticmethod
    def from_document(value: JsonObject) -> RecordItem:
        # Types in quotes, here and for the manifest: a thousand times over, building them is what takes the time.
        key = ItemKey.from_document(value)
        files = cast("dict[str, list[int]]", value["files"])
        return RecordItem(
            key=key,
            owner=cast("str | None", value["owner"]),
            source=Source.from_document(value["source"]),
            source_stamp=str(value["source_stamp"]),
            tree=Digest(str(value["tree"])),
            config=cast("JsonObject", value["config"]),
            enabled=bool(value["enabled"]),
            manifest=_manifest_from_document(key, cast(JsonObject, value["manifest"])),
            files={path: RecordedFile._make(facts) for path, facts in files.items()},
            depends_on=tuple(cast("list[str]", value["depends_on"])),
            executables=executables_from_document(value),
        )

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "owner": self.owner,
            "source": self.source.to_full_document(),
            "source_stamp": self.source_stamp,
            "tree": self.tree,
            "config": self.config,
            "enabled": self.enabled,
            "manifest": _manifest_to_document(self.manifest),
            "files": {path: list(facts) for path, facts in self.files.items()},
            "depends_on": list(self.depends_on),
            **executables_to_document(self.executables),
        }


class Hold(Struct, frozen=True, kw_only=True):
    """Why the watcher leaves things alone, and since which generation.

    ``inputs`` maps each desired state, by its absolute path, to the digest of the input that the hold is set against:
    a watcher of that file heeds the hold until its input is another one.
    """

    reason: str
    generation: int
    inputs: Mapping[str, Digest] = field(default_factory=dict)

    @staticmethod
    def from_document(value: JsonObject) -> Hold:
        inputs = cast("dict[str, str]", value.get("inputs", {}))
        return Hold(
            reason=str(value["reason"]),
            generation=cast(int, value["generation"]),
            inputs={path: Digest(digest) for path, digest in inputs.items()},
        )

    def to_document(self) -> JsonObject:
        return {"reason": self.reason, "generation": self.generation, "inputs": dict(self.inputs)}


class ConfirmBy(Struct, frozen=True, kw_only=True):
    """The change to ``generation`` stays only if a person confirms it ``until`` then, a time as the registry writes it.

    Else the list of generation ``back_to`` comes back, 0 where there was none; ``inputs`` are those of the hold that is
    set then. The command that made the change waits in front, and holds ``Home.confirm_lock``.
    """

    generation: int
    back_to: int
    until: str
    inputs: Mapping[str, Digest] = field(default_factory=dict)

    @staticmethod
    def from_document(value: JsonObject) -> ConfirmBy:
        inputs = cast("dict[str, str]", value.get("inputs", {}))
        return ConfirmBy(
            generation=cast(int, value["generation"]),
            back_to=cast(int, value["back_to"]),
            until=str(value["until"]),
            inputs={path: Digest(digest) for path, digest in inputs.items()},
        )

    def to_document(self) -> JsonObject:
        return {
            "generation": self.generation,
            "back_to": self.back_to,
            "until": self.until,
            "inputs": dict(self.inputs),
        }


class Suspension(Struct, frozen=True, kw_only=True):
    """Someone's order to the watcher to leave one item alone, or everything where ``item`` is empty, until resumed.

    ``since`` is a time as the registry writes it.
    """

    item: str
    reason: str
    since: str

    @staticmethod
    def from_document(value: JsonObject) -> Suspension:
        return Suspension(item=str(value["id"]), reason=str(value["reason"]), since=str(value["since"]))

    def to_document(self) -> JsonObject:
        return {"id": self.item, "reason": self.reason, "since": self.since}


class Routes(Struct, frozen=True, kw_only=True):
    """What the router of the running gateway kept, by the extension's name, for those changed since it started.

    ``process`` names the process that it is, where that could be seen; ``generation`` is the last one whose changes
    count in it. May be lost: then nothing is said of endpoints until the item changes again.
    """

    process: str = ""
    generation: int = 0
    items: Mapping[str, Route] = field(default_factory=dict)

    @staticmethod
    def from_document(value: JsonObject) -> Routes:
        items = cast("dict[str, list[str]]", value.get("items", {}))
        return Routes(
            process=str(value.get("process", "")),
            generation=cast(int, value.get("generation", 0)),
            items={name: Route(*one) for name, one in items.items()},
        )

    def to_document(self) -> JsonObject:
        items: JsonObject = {name: list(self.items[name]) for name in sorted(self.items)}
        return {"process": self.process, "generation": self.generation, "items": items}


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
    routes: Routes = field(default_factory=Routes)
    confirm_by: ConfirmBy | None = None

    @staticmethod
    def from_document(value: JsonObject) -> Record:
        items = (RecordItem.from_document(item) for item in cast(list[JsonObject], value["items"]))
        hold = cast(JsonObject | None, value["hold"])
        confirm_by = cast(JsonObject | None, value.get("confirm_by"))
        return Record(
            generation=cast(int, value["generation"]),
            told_generation=cast(int, value["told_generation"]),
            hold=Hold.from_document(hold) if hold else None,
            suspensions=tuple(
                Suspension.from_document(one) for one in cast(list[JsonObject], value.get("suspensions", []))
            ),
            owners=cast(dict[str, str], value["owners"]),
            documents=_known_documents(value),
            items={item.key: item for item in items},
            routes=Routes.from_document(cast(JsonObject, value.get("routes", {}))),
            confirm_by=ConfirmBy.from_document(confirm_by) if confirm_by else None,
        )

    def to_document(self) -> JsonObject:
        return {
            "schema": RECORD_SCHEMA,
            "generation": self.generation,
            "told_generation": self.told_generation,
            "hold": self.hold.to_document() if self.hold else None,
            "suspensions": [one.to_document() for one in self.suspensions],
            "owners": dict(self.owners),
            "routes": self.routes.to_document(),
            **({"confirm_by": self.confirm_by.to_document()} if self.confirm_by else {}),
            "documents_by": __version__,
            "documents": {str(digest): self.documents[digest] for digest in sorted(self.documents)},
            "items": [self.items[key].to_document() for key in sorted(self.items)],
        }


def _known_documents(value: JsonObject) -> Mapping[Digest, JsonObject]:
    if value.get("documents_by") != __version__:
        return {}
    documents = cast("dict[str, JsonObject]", value["documents"])
    return {Digest(digest): document for digest, document in documents.items()}


def _manifest_to_document(manifest: Manifest) -> JsonObject:
    return {
        "name": manifest.name,
        "version": manifest.version,
        "description": "",  # older versions, which never look into these two, want them to be there
        "dialect": str(manifest.dialect),
        "definition": manifest.definition,
        "loadable": manifest.loadable,
        "builtin": manifest.builtin,
        "enabled_default": manifest.enabled_default,
        "hot_reload": manifest.hot_reload,
        "has_endpoints": manifest.has_endpoints,
        "requires": list(manifest.requires),
        "bundles": [],
    }


def _manifest_from_document(key: ItemKey, value: JsonObject) -> Manifest:
    return Manifest(
        kind=key.kind,
        id=key.id,
        name=str(value["name"]),
        version=str(value["version"]),
        dialect=Dialect(str(value["dialect"])),
        definition=str(value["definition"]),
        loadable=bool(value["loadable"]),
        builtin=bool(value["builtin"]),
        enabled_default=bool(value["enabled_default"]),
        hot_reload=bool(value["hot_reload"]),
        has_endpoints=bool(value.get("has_endpoints", False)),
        requires=tuple(cast("list[str]", value["requires"])),
    )
