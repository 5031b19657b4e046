"""A catalog's index: which versions of which packages a folder or web server has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from msgspec import Struct, field

from reconciler.model.config import JsonObject
from reconciler.model.desired import API_VERSION
from reconciler.model.digest import Digest
from reconciler.model.executables import executables_from_document, executables_to_document
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.ignored import RULES, rules_from_document, rules_to_document

INDEX_NAME: Final = "index.json"


class Release(Struct, frozen=True, kw_only=True):
    """One version of a package. ``url`` is relative to the index, ``size`` in bytes, ``released`` a day.

    ``archive`` is the digest of the zip, ``tree`` that of the package in it. ``yanked``: withdrawn by its publisher.
    """

    url: str
    archive: Digest
    tree: Digest
    size: int
    released: str
    yanked: bool = False
    executables: frozenset[str] | None = None
    """The paths of the executable files; ``None`` where that is not known."""
    signatures: tuple[str, ...] = ()
    """Of the package's statement: each an SSHSIG in base64, without its armour."""

    @staticmethod
    def from_document(value: JsonObject) -> Release:
        return Release(
            url=str(value["url"]),
            archive=Digest(f"sha256:{value['sha256']}"),
            tree=Digest(str(value["tree"])),
            size=cast(int, value["size"]),
            released=str(value["released"]),
            yanked=bool(value["yanked"]),
            executables=executables_from_document(value),
            signatures=tuple(cast("list[str]", value.get("signatures", []))),
        )

    def to_document(self) -> JsonObject:
        return {
            "url": self.url,
            "sha256": self.archive.removeprefix("sha256:"),
            "tree": self.tree,
            **executables_to_document(self.executables),
            "size": self.size,
            "yanked": self.yanked,
            "released": self.released,
            **({"signatures": [*self.signatures]} if self.signatures else {}),
        }


class Issue(Struct, frozen=True, kw_only=True):
    """What a signed index says of itself: the ``catalog``'s name, which issue it is, and its times, in UTC."""

    catalog: str
    serial: int
    issued: str
    expires: str

    @staticmethod
    def from_document(value: JsonObject) -> Issue:
        return Issue(
            catalog=str(value["catalog"]),
            serial=cast(int, value["serial"]),
            issued=str(value["issued"]),
            expires=str(value["expires"]),
        )

    def to_document(self) -> JsonObject:
        return {"catalog": self.catalog, "serial": self.serial, "issued": self.issued, "expires": self.expires}


class Catalog(Struct, frozen=True, kw_only=True):
    """Item → version → release; ``rules`` as in a lock. ``issue`` is ``None`` where it is not made to be signed."""

    items: Mapping[ItemKey, Mapping[str, Release]] = field(default_factory=dict)
    rules: int = RULES
    issue: Issue | None = None

    def kind(self, item_id: str) -> Kind | None:
        """What the item with this id is."""
        return next((key.kind for key in self.items if key.id == item_id), None)

    def releases(self, item_id: str) -> Mapping[str, Release]:
        """The versions of the item with this id; empty where there is no such item."""
        return next((versions for key, versions in self.items.items() if key.id == item_id), {})

    @staticmethod
    def from_document(value: JsonObject) -> Catalog:
        """Decode a document that the catalog schema accepts."""
        items: dict[ItemKey, Mapping[str, Release]] = {}
        for item_id, item in cast("dict[str, JsonObject]", value["items"]).items():
            versions = cast("dict[str, JsonObject]", item["versions"])
            key = ItemKey(Kind(str(item["kind"])), item_id)
            items[key] = {version: Release.from_document(release) for version, release in versions.items()}
        issue = Issue.from_document(value) if "serial" in value else None
        return Catalog(items=items, rules=rules_from_document(value), issue=issue)

    def to_document(self) -> JsonObject:
        """Sorted by id; the versions of an item stand in the order given."""
        return {
            "apiVersion": API_VERSION,
            **rules_to_document(self.rules),
            **(self.issue.to_document() if self.issue else {}),
            "items": {
                key.id: {
                    "kind": str(key.kind),
                    "versions": {version: release.to_document() for version, release in self.items[key].items()},
                }
                for key in sorted(self.items, key=lambda key: key.id)
            },
        }
