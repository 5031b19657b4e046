"""How items are named on the command line: ``[TYPE] ID``, with the type words of the gateway's own tool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from reconciler.errors import UsageError
from reconciler.model.ids import ItemKey, Kind, word_of

TYPES: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("extension", "extensions", "ext", "exts"), Kind.EXTENSION),
    **dict.fromkeys(("agentic-module", "agentic-modules", "module", "modules", "am", "ams"), Kind.MODULE),
    **dict.fromkeys(("mcp-server", "mcp-servers", "mcp"), Kind.MCP_SERVER),
}

_NAMES: Final = "extension (ext), agentic-module (module, am) or mcp-server (mcp)"


def typed(words: Sequence[str], what: str) -> tuple[Kind | None, str]:
    """The type, where one is given, and the thing itself. A lone word is the thing, also where it looks like a type."""
    if words and not words[-1].strip():
        raise UsageError(f"the {what} is empty; if it comes from a variable, set that")
    if len(words) == 1:
        return None, words[0]
    if len(words) != 2:
        raise UsageError(f"expected [TYPE] {what}, got {len(words)} words")
    if words[0] not in TYPES:
        raise UsageError(f"'{words[0]}' is not a type; use {_NAMES}")
    return TYPES[words[0]], words[1]


def typed_optional(words: Sequence[str] | None, what: str) -> tuple[Kind | None, str]:
    """``typed``, where nothing may be given, too."""
    return typed(words, what) if words else (None, "")


def with_type(words: Sequence[str] | None) -> tuple[Kind | None, Sequence[str]]:
    """The type, where the first of several words is one, and the other words."""
    if words and len(words) > 1 and words[0] in TYPES:
        return TYPES[words[0]], words[1:]
    return None, words or ()


def typed_ids(words: Sequence[str] | None) -> frozenset[str]:
    """Several ids, with a type before them all where the first word is one; each as one word. See ``is_named``."""
    kind, ids = with_type(words)
    return frozenset(word_of(ItemKey(kind, one)) if kind else one for one in ids)


def one_word(text: str) -> tuple[Kind | None, str]:
    """The value of an option: ``ID`` or ``TYPE/ID``."""
    kind, slash, item = text.partition("/")
    return typed([kind, item] if slash else [text], "ID")


def words_of(texts: Iterable[str] | None) -> frozenset[str]:
    """The values of an option, each as one word: see ``is_named``."""
    found = map(one_word, texts or ())
    return frozenset(word_of(ItemKey(kind, item)) if kind else item for kind, item in found)


def typed_many(words: Sequence[str], what: str) -> tuple[Kind | None, Sequence[str]]:
    """The type, where the first of several words is one, and the things themselves."""
    if not all(word.strip() for word in words):
        raise UsageError(f"the {what} is empty; if it comes from a variable, set that")
    if len(words) > 1 and words[0] in TYPES:
        return TYPES[words[0]], words[1:]
    if len(words) > 1 and words[0].isidentifier() and not Path(words[0]).exists():
        raise UsageError(f"'{words[0]}' is not a type; use {_NAMES}")
    return None, words
