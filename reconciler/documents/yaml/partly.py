"""A mapping that differs from a known one in some entries: only those are parsed.

It rests on lines alone, and says nothing wherever these could be something else than they look like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final

from reconciler.errors import InputError
from reconciler.model.config import JsonObject
from reconciler.model.regex import regex

_AT_THE_EDGE: Final = regex(r"^(?:([A-Za-z_][A-Za-z0-9_-]*):(?=[ \n])|[^ #\n])", re.MULTILINE)
"""Each line that begins at the edge, but for comments. Where it is no plain key, nothing is known of the text."""
_OTHER_BREAKS: Final = regex("[\r\x85\u2028\u2029]")
"""What ends a line in YAML, besides a line feed."""
_PLAIN: Final = regex(r"[^:]+: [A-Za-z0-9](?:(?![:#])[ -~])*\n?")
"""An entry that is one line of plain text: it ends there."""
_START: Final = "---\n"


def changed_entries(
    text: str,
    known: str,
    document: JsonObject,
    load: Callable[[str], JsonObject],
    keys: Collection[str] | None = None,
) -> JsonObject | None:
    """What ``load`` makes of ``text``; entries that are written as in ``known`` have the values of ``document``.

    That is what it makes of ``known``. Only the entries ``keys`` are wanted, or all. ``None`` where only reading
    everything would tell.

    An entry of a block mapping reaches from its key at the edge to the next one. That a line at the edge is a key, and
    not in the middle of a value, is known where the keys are those of what was parsed, in order; what is written
    like that once is the same a second time, since it begins where a key is due, and ends there. Of an entry that is
    not wanted that must be known, too: what looks like the next one may be in the middle of it.
    """
    old, new = _entries(text), _entries(known)
    if old is None or new is None or [*new] != [*document]:
        return None
    found: JsonObject = {}
    for key, entry in old.items():
        is_wanted = keys is None or key in keys
        if entry == new.get(key):
            found |= {key: document[key]} if is_wanted else {}
            continue
        if not is_wanted and key in new and _PLAIN.fullmatch(entry):
            continue
        try:
            parsed = load(entry)
        except InputError:
            return None
        if [*parsed] != [key]:
            return None
        found |= parsed if is_wanted else {}
    return found


def _entries(text: str) -> dict[str, str] | None:
    """The text of each entry, with the comments behind it."""
    if (not text.isascii() or "\r" in text) and _OTHER_BREAKS.search(text):
        return None
    found = [*_AT_THE_EDGE.finditer(text, len(_START) if text.startswith(_START) else 0)]
    if not found or not all(one[1] for one in found):
        return None
    above = text[: found[0].start()].removeprefix(_START)
    if above and any(line.strip(" ") and not line.lstrip(" ").startswith("#") for line in above.split("\n")):
        return None
    ends = [*(one.start() for one in found[1:]), len(text)]
    entries = {one[1]: text[one.start() : end] for one, end in zip(found, ends, strict=True)}
    return entries if len(entries) == len(found) else None
