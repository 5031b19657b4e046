"""How items are named on the command line: ``[TYPE] ID``, with the type words of the gateway's own tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from reconciler.errors import UsageError
from reconciler.model.ids import Kind

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


def typed_many(words: Sequence[str], what: str) -> tuple[Kind | None, Sequence[str]]:
    """The type, where the first of several words is one, and the things themselves."""
    if not all(word.strip() for word in words):
        raise UsageError(f"the {what} is empty; if it comes from a variable, set that")
    if len(words) > 1 and words[0] in TYPES:
        return TYPES[words[0]], words[1:]
    if len(words) > 1 and words[0].isidentifier() and not Path(words[0]).exists():
        raise UsageError(f"'{words[0]}' is not a type; use {_NAMES}")
    return None, words
