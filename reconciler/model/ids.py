"""Identity of items and the rules for names that become files on any platform."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from enum import StrEnum
from functools import lru_cache
from operator import ne
from typing import Final, NamedTuple

from reconciler.model.config import JsonObject
from reconciler.model.regex import regex

MAX_ID_CHARACTERS: Final = 128
MAX_PATH_BYTES: Final = 1024
MAX_PART_BYTES: Final = 255
MAX_DEPTH: Final = 16

_ID = regex(r"[a-zA-Z0-9_-]+")
_PLAIN_PATH = regex(r"[a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,100}(?:/[a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,100}){0,7}")
_WINDOWS_DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "123456789¹²³"]
)
_REMEMBERED_PATHS: Final = 1024
"""Most packages have the same few names in them."""
_LOOKS: Final = str.maketrans("01i5", "olls")
_RESERVED_IDS: Final = frozenset(["backups"])


class Kind(StrEnum):
    """What an item is. The values of those with packages are those of the gateway's registry."""

    EXTENSION = "extension"
    MODULE = "agentic-module"
    MCP_SERVER = "mcp-server"
    """A tool server: an entry of the gateway's configuration file. It has no package and no folder."""

    @property
    def folder(self) -> str:
        """The folder of the home that holds items of this kind, which has packages."""
        return "extensions" if self is Kind.EXTENSION else "agentic-modules"


PACKAGE_KINDS: Final = (Kind.EXTENSION, Kind.MODULE)
"""The kinds of items that are packages, each in a folder."""


class ItemKey(NamedTuple):
    """Names one item. Ids are unique across both kinds of packages, also when case is ignored; tool servers have
    their own.

    A tuple, because a pass looks keys up by the ten thousand, and a dataclass would hash them in Python.
    """

    kind: Kind
    id: str

    @staticmethod
    def from_document(value: JsonObject) -> ItemKey:
        return ItemKey(Kind(str(value["kind"])), str(value["id"]))

    def to_document(self) -> JsonObject:
        return {"kind": str(self.kind), "id": self.id}

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


def word_of(key: ItemKey) -> str:
    """An item in one word, where a kind and an id cannot be two: ``mcp-server/files``."""
    return f"{key.kind}/{key.id}"


def is_named(key: ItemKey, words: Collection[str]) -> bool:
    """Whether one of ``words`` is its id, or its ``word_of``."""
    return key.id in words or word_of(key) in words


def id_problem(text: str) -> str | None:
    """What is wrong with ``text`` as an item's id, or ``None``. The gateway's pattern, minus what is unsafe."""
    if not _ID.fullmatch(text):
        return "an id has only letters, digits, '_' and '-'"
    if len(text) > MAX_ID_CHARACTERS:
        return f"an id has at most {MAX_ID_CHARACTERS} characters"
    if text.casefold() in _RESERVED_IDS:
        return "the gateway uses this name for itself"
    if text.casefold() in _WINDOWS_DEVICES:
        return "this name is a device on Windows"
    return None


def look_of(text: str) -> str:
    """What ``text`` looks like at a glance: ids of one look are easily taken for each other."""
    return text.casefold().replace("-", "").replace("_", "").translate(_LOOKS).replace("rn", "m").replace("vv", "w")


@lru_cache(_REMEMBERED_PATHS)
def path_problem(path: str) -> str | None:
    """What is wrong with ``path`` as a file's place inside a package, or ``None``.

    A good path is relative, uses ``/``, stays inside the package and means the same file on every platform.
    """
    if _PLAIN_PATH.fullmatch(path) and not any(_is_device(part) or part.endswith(".") for part in path.split("/")):
        return None
    if not path:
        return "the name is empty"
    if "\\" in path:
        return "the name holds a backslash"
    if path.startswith("/") or (len(path) > 1 and path[1] == ":" and path[0].isalpha()):
        return "the path is absolute"
    if len(path.encode("utf-8", "surrogatepass")) > MAX_PATH_BYTES:
        return f"the path is longer than {MAX_PATH_BYTES} bytes"
    parts = path.split("/")
    if len(parts) > MAX_DEPTH:
        return f"the path is deeper than {MAX_DEPTH} folders"
    return next((problem for part in parts if (problem := _part_problem(part))), None)


def _part_problem(part: str) -> str | None:
    if part == "..":
        return "the path leaves the package ('..')"
    if part in ("", "."):
        return "the path has an empty or '.' part"
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in part):
        return "the name holds a control or invisible character"
    if len(part.encode("utf-8")) > MAX_PART_BYTES:
        return f"one part of the path is longer than {MAX_PART_BYTES} bytes"
    if part[-1] in ". ":
        return "a name ends with a dot or a space"
    if any(character in '<>:"|?*' for character in part):
        return 'the name holds a character that Windows forbids (one of <>:"|?*)'
    if part.casefold() == ".git":
        return "the path is in a .git folder"
    if _is_device(part):
        return "the name is a device on Windows"
    return None


def _is_device(part: str) -> bool:
    return part.split(".", 1)[0].rstrip(" ").casefold() in _WINDOWS_DEVICES


def folded(path: str) -> str:
    """The form in which two paths collide on a file system that ignores case or Unicode normalisation."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


_COMPARED: Final = 200
"""Names, and characters of the one that is asked for."""


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """The end of a message about a name that does not exist: the nearest one that does, if one is near.

    Strangers ask, and a comparison takes a while: of many names only those about as long and alike are compared.
    """
    import difflib  # only a mistake needs it
    import heapq

    asked = text[:_COMPARED]

    def unlike(name: str) -> tuple[int, int, str]:
        return abs(len(name) - len(asked)), sum(map(ne, name, asked)), name

    near = difflib.get_close_matches(asked, sorted(heapq.nsmallest(_COMPARED, known, key=unlike)), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
