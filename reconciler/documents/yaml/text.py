"""YAML text: read it, find places in it, write it, and change one entry of it without touching the rest.

The front of this room's YAML side: each of these lives in a module of its own.
"""

from __future__ import annotations

from reconciler.documents.yaml.dump import dump
from reconciler.documents.yaml.edit import remove_entry, replace_block, set_entry
from reconciler.documents.yaml.load import MAX_BYTES, load
from reconciler.documents.yaml.places import MAX_DEPTH, Path, dotted, faults_at, locate, locate_all

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "Path",
    "dotted",
    "dump",
    "faults_at",
    "load",
    "locate",
    "locate_all",
    "remove_entry",
    "replace_block",
    "set_entry",
]
