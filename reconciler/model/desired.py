"""The desired state: what ``llamagate.yaml`` says, decoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, cast

from msgspec import Struct, field

from reconciler.model.config import Json, JsonObject, anchored
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.servers import DesiredServer, server_key, settings_of
from reconciler.model.source import NOTHING_MORE, Fetching, Source, SourceRules
from reconciler.model.trust import TrustRules

API_VERSION: Final = "llamagate/v1"
DEFAULT_OWNER: Final = "default"
DEFAULT_MUTABLE: Final = ("var/**", "output/**")
SECTIONS: Final[Mapping[str, Kind]] = {"extensions": Kind.EXTENSION, "modules": Kind.MODULE}
"""Those of packages."""
SERVERS_SECTION: Final = "mcp_servers"


DriftRule = Literal["report", "heal", "ignore"]


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds on a package, in bytes and entries. ``archive`` and ``unpacked`` can be raised in ``policy.limits``."""

    archive: int = 50 * 2**20
    unpacked: int = 64 * 2**20
    file: int = 16 * 2**20
    entries: int = 2_000
    ratio: int = 200
    ratio_floor: int = 2**20
    """Unpacked bytes of an entry below which ``ratio`` does not matter."""


class CheckRule(Struct, frozen=True, kw_only=True):
    """How the finding ``code`` of ``check`` counts: for ``item`` only, where there is one."""

    code: str
    severity: Literal["error", "warning", "note", "off"]
    item: str | None = None
    reason: str = ""


class Policy(Struct, frozen=True, kw_only=True):
    """What the reconciler may do without being asked again. Defaults as in DESIGN of ``docs/architecture.md``."""

    prune: Literal["owned", "never"] = "owned"
    max_prune: int = 50
    """Percent of the owned items that one pass may remove."""
    drift_edited: DriftRule = "report"
    drift_missing: DriftRule = "heal"
    mutable: tuple[str, ...] = DEFAULT_MUTABLE
    backups: int = 1
    generations: int = 20
    allow_builtin: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    sources: SourceRules = field(default_factory=SourceRules)
    ignore: tuple[str, ...] = ()
    """Patterns of what is left out of local folders."""
    check: tuple[CheckRule, ...] = ()

    @staticmethod
    def from_document(value: JsonObject) -> Policy:
        drift = cast(dict[str, DriftRule], value.get("drift", {}))
        limits = cast(dict[str, int], value.get("limits", {}))
        return Policy(
            prune=cast(Literal["owned", "never"], value.get("prune", "owned")),
            max_prune=int(str(value.get("max_prune", "50%")).removesuffix("%")),
            drift_edited=drift.get("edited", "report"),
            drift_missing=drift.get("missing", "heal"),
            mutable=tuple(cast(list[str], value.get("mutable", list(DEFAULT_MUTABLE)))),
            backups=cast(int, value.get("backups", 1)),
            generations=cast(int, value.get("generations", 20)),
            allow_builtin=frozenset(cast(list[str], value.get("allow_builtin", []))),
            limits=Limits(**limits),
            sources=SourceRules.from_document(cast(JsonObject, value.get("sources", {}))),
            ignore=tuple(cast(list[str], value.get("ignore", []))),
            check=tuple(CheckRule(**rule) for rule in cast("list[dict[str, Any]]", value.get("check", []))),
        )


ReloadRule = Literal["auto", "required", "off"]
UnhealthyRule = Literal["report", "rollback"]


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """How to reach the running gateway; ``url`` is ``None`` where the file does not name one.

    ``on_unhealthy`` says what becomes of a change that a required gateway does not serve.
    """

    url: str | None = None
    api_key_env: str = "LLAMAGATE_API_KEY"
    reload: ReloadRule = "auto"
    on_unhealthy: UnhealthyRule = "report"

    @staticmethod
    def from_document(value: JsonObject) -> GatewaySettings:
        return GatewaySettings(
            url=cast(str | None, value.get("url")),
            api_key_env=str(value.get("api_key_env", "LLAMAGATE_API_KEY")),
            reload=cast(ReloadRule, value.get("reload", "auto")),
            on_unhealthy=cast(UnhealthyRule, value.get("on_unhealthy", "report")),
        )


class DesiredItem(Struct, frozen=True, kw_only=True):
    """One entry of the desired state. ``None`` means that the file is silent. Paths in ``config`` are absolute."""

    key: ItemKey
    source: Source
    fetching: Fetching = NOTHING_MORE
    version: str | None = None
    enabled: bool | None = None
    config: JsonObject = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()

    @staticmethod
    def from_document(key: ItemKey, value: Json, *, folder: Path) -> DesiredItem:
        if not isinstance(value, dict):
            return DesiredItem(key=key, source=Source.from_document(value))
        return DesiredItem(
            key=key,
            source=Source.from_document(value["source"]),
            fetching=Fetching.from_document(value["source"]),
            version=_version(value),
            enabled=cast(bool | None, value.get("enabled")),
            config=cast(JsonObject, anchored(value.get("config", {}), folder)),
            depends_on=tuple(cast(list[str], value.get("depends_on", []))),
        )


def _version(item: JsonObject) -> str | None:
    """The range of an item: beside its source, or inside it."""
    source = item["source"]
    return cast("str | None", item.get("version", source.get("version") if isinstance(source, dict) else None))


class Desired(Struct, frozen=True, kw_only=True):
    """The whole file. ``file`` is its absolute path; relative sources, and files of a ``config``, start there."""

    file: str
    owner: str = DEFAULT_OWNER
    items: tuple[DesiredItem, ...] = ()
    """The packages."""
    servers: tuple[DesiredServer, ...] = ()
    policy: Policy = field(default_factory=Policy)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    trust: TrustRules | None = None
    """Who may sign; ``None`` where nobody is asked."""

    @staticmethod
    def from_document(value: JsonObject, *, file: str) -> Desired:
        """Decode a document that the desired-state schema accepts."""
        folder = Path(file).parent
        return Desired(
            file=file,
            owner=str(value.get("owner", DEFAULT_OWNER)),
            items=tuple(DesiredItem.from_document(key, entry, folder=folder) for key, entry in listed_in(value)),
            servers=tuple(_servers(value, folder)),
            policy=Policy.from_document(cast(JsonObject, value.get("policy", {}))),
            gateway=GatewaySettings.from_document(cast(JsonObject, value.get("gateway", {}))),
            trust=TrustRules.from_document(cast(JsonObject, value["trust"])) if "trust" in value else None,
        )

    def find(self, key: ItemKey) -> DesiredItem | None:
        """What it says of an item."""
        return next((item for item in self.items if item.key == key), None)

    def find_server(self, key: ItemKey) -> DesiredServer | None:
        """What it says of a tool server."""
        return next((server for server in self.servers if server.key == key), None)

    @property
    def keys(self) -> list[ItemKey]:
        """All that it lists."""
        return [*(item.key for item in self.items), *(server.key for server in self.servers)]


def listed_in(value: JsonObject) -> Iterator[tuple[ItemKey, Json]]:
    """The packages that a document lists, and what it says of each."""
    for section, kind in SECTIONS.items():
        for item_id, entry in cast(JsonObject, value.get(section) or {}).items():
            yield ItemKey(kind, item_id), entry


def _servers(value: JsonObject, folder: Path) -> Iterator[DesiredServer]:
    for name, entry in cast("dict[str, JsonObject]", value.get(SERVERS_SECTION) or {}).items():
        settings = cast(JsonObject, anchored(settings_of(entry), folder))
        yield DesiredServer(key=server_key(name), settings=settings, enabled=cast(bool | None, entry.get("enabled")))


def section_of(kind: Kind) -> str:
    """The key of the desired state under which items of ``kind`` are listed."""
    if kind is Kind.MCP_SERVER:
        return SERVERS_SECTION
    return next(section for section, section_kind in SECTIONS.items() if section_kind is kind)


def place_of(key: ItemKey) -> tuple[str, str]:
    """Where the document lists an item: the keys on the way to it."""
    return section_of(key.kind), key.id
