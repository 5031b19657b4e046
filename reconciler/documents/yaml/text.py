"""YAML text: read it, find places in it, write it, and change one entry of it without touching the rest.

The door to this room's YAML side. The parser takes longer to load than most commands run, so each function is loaded
when it is first used, and files may import this one at their top.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from reconciler.documents.yaml.dump import dump
    from reconciler.documents.yaml.edit import remove_entry, replace_block, set_entry
    from reconciler.documents.yaml.load import MAX_BYTES, load
    from reconciler.documents.yaml.partly import changed_entries
    from reconciler.documents.yaml.places import MAX_DEPTH, Path, dotted, faults_at, locate, locate_all
    from reconciler.documents.yaml.server_list import entries_in
    from reconciler.documents.yaml.servers import with_edits

_MODULES: Final = {
    "dump": ("dump",),
    "edit": ("remove_entry", "replace_block", "set_entry"),
    "load": ("MAX_BYTES", "load"),
    "partly": ("changed_entries",),
    "places": ("MAX_DEPTH", "Path", "dotted", "faults_at", "locate", "locate_all"),
    "server_list": ("entries_in",),
    "servers": ("with_edits",),
}

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "Path",
    "changed_entries",
    "dotted",
    "dump",
    "entries_in",
    "faults_at",
    "load",
    "locate",
    "locate_all",
    "remove_entry",
    "replace_block",
    "set_entry",
    "with_edits",
]


def __getattr__(name: str) -> Any:  # what it gives has the types above
    for module, names in _MODULES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f"reconciler.documents.yaml.{module}"), name)
            return value
    raise AttributeError(name)
