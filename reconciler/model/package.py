"""What a package holds and what its manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Final

from msgspec import Struct

from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest, tree_digest
from reconciler.model.ids import Kind
from reconciler.model.note import Note

EXTENSION_MANIFEST: Final = "manifest.yaml"
EXTENSION_PACKAGING: Final = "extension.yaml"
MODULE_MANIFEST: Final = "agenticmodule.yaml"
MODULE_PACKAGING: Final = "module.yaml"
DEFINITIONS: Final = frozenset([EXTENSION_MANIFEST, EXTENSION_PACKAGING, MODULE_MANIFEST, MODULE_PACKAGING])
"""The files that say what a package is."""
MANIFESTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.EXTENSION: (EXTENSION_MANIFEST, EXTENSION_PACKAGING),
    Kind.MODULE: (MODULE_MANIFEST,),
}
"""Those of which one is enough for a package."""


class Dialect(StrEnum):
    """The form in which a package is written (``docs/manifests.md``)."""

    GATEWAY = "gateway"
    """``manifest.yaml`` or ``agenticmodule.yaml`` as the gateway reads it."""
    DEFINITION = "definition"
    """A complete gateway definition in ``extension.yaml``; realising it writes the ``manifest.yaml`` too."""
    TASK = "task"
    """``extension.yaml`` with a task, or a module with ``workflow.steps``. This gateway cannot load it."""


class FileEntry(Struct, frozen=True, kw_only=True, gc=False):
    """One regular file of a package. ``size`` in bytes, ``sha256`` as 64 hex digits, path with ``/``.

    ``private``: in the place that it comes from only its owner may read it. ``has_mode``: whether that place says at
    all which files may be run.
    """

    path: str
    sha256: str
    size: int
    executable: bool = False
    private: bool = False
    has_mode: bool = True


class Manifest(Struct, frozen=True, kw_only=True):
    """The facts of a package's manifest and packaging file that decisions rest on.

    ``definition`` is the package's file that holds ``config``. ``requires`` names the extensions that the steps use
    and the package does not bring.
    """

    kind: Kind
    id: str
    name: str
    version: str
    dialect: Dialect
    definition: str
    loadable: bool
    builtin: bool = False
    enabled_default: bool = True
    hot_reload: bool = True
    has_endpoints: bool = False
    requires: tuple[str, ...] = ()

    @property
    def installed_definition(self) -> str:
        """The installed file that holds the manifest, ``config`` included."""
        return EXTENSION_MANIFEST if self.dialect is Dialect.DEFINITION else self.definition


class Package(Struct, frozen=True, kw_only=True, dict=True):
    """A validated package: its manifest, its files and what was strange about it."""

    manifest: Manifest
    document: JsonObject
    files: tuple[FileEntry, ...]
    warnings: tuple[Note, ...] = ()

    @cached_property
    def tree(self) -> Digest:
        return tree_digest(self.hashes)

    @property
    def executables(self) -> frozenset[str] | None:
        """The paths of the executable files; ``None`` where it came on a way that carries no modes."""
        if not any(entry.has_mode for entry in self.files):
            return None
        return frozenset([entry.path for entry in self.files if entry.executable])

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """Path → sha256 hex of each file."""
        return {entry.path: entry.sha256 for entry in self.files}
