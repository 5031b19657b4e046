"""What may stand at the cursor of a command line: ``llamagate __complete SHELL WORD...``.

Started at every press of a key, it loads nothing of the program: verbs and flags are in ``completions.json``, which
``python -m tests.docs.completions`` writes; ids are the names of folders, and keys of the desired state as it is
usually written; generations are the names of their documents. What cannot be read has no candidates.
"""

from __future__ import annotations

import json
import os
import re
import sys

TYPE_CHECKING = False  # the module typing takes time to load
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

_TABLE = os.path.join(os.path.dirname(__file__), "completions.json")  # noqa: PTH120 - pathlib takes time to load
_FILES, _FOLDERS = ":files", ":folders"
"""Words for the script, as the first line: complete paths, too."""
_TYPES = ("extension", "agentic-module", "mcp-server")
_MAX_FILE_BYTES = 2**20
_SECTION = re.compile(r"^(\w+):")
_ID = re.compile(r"^  ([A-Za-z0-9_-]+):")
_NUMBER = re.compile(r"\d+")


def main(arguments: Sequence[str], variables: Mapping[str, str]) -> None:
    """Print a candidate a line, with what it is for behind a tab. ``arguments``: the shell, then the words so far.

    The last word is the one that is completed, and may be empty. ``bash-line`` gives the line as it was typed, and what
    of its last word bash replaces.
    """
    words, before = [*arguments[1:]] or [""], ""
    if arguments[:1] == ["bash-line"]:
        line, replaced = arguments[1], _split(arguments[2])[-1]
        words = _split(line)[1:] or [""]
        before = words[-1].removesuffix(replaced)
    with open(_TABLE, encoding="utf-8") as file:  # noqa: PTH123 - as above
        table = json.load(file)
    found = [*_candidates(table, words[:-1], words[-1], variables)]
    sys.stdout.write("".join(f"{line.removeprefix(before)}\n" for line in found))


def _split(line: str) -> list[str]:
    """The words of a line as a shell reads them; the last one may have a quote that is still open, or be empty."""
    words, quote, is_escaped, is_open = [""], "", False, False
    for character in line:
        if is_escaped or (quote and character not in (quote, "\\")) or (quote == "'" and character != quote):
            words[-1] += character
            is_escaped = False
        elif character == "\\":
            is_escaped = is_open = True
        elif character in "\"'":
            quote, is_open = "" if quote else character, True
        elif character.isspace():
            if words[-1] or is_open:
                words.append("")
            is_open = False
        else:
            words[-1] += character
    return words


def _candidates(table: Any, before: Sequence[str], word: str, variables: Mapping[str, str]) -> Iterator[str]:
    seen = _Line(table, before, variables)
    flag, mark, value = word.partition("=")
    if seen.open_flag:
        yield from _values(seen, seen.open_flag, word)
    elif mark and flag in seen.flags:
        yield from (line if line.startswith(":") else f"{flag}={line}" for line in _values(seen, flag, value))
    elif word.startswith("-"):
        yield from (f"{name}\t{one['help']}" for name, one in seen.flags.items() if name.startswith(word))
    elif seen.verbs:
        yield from (f"{name}\t{one['help']}" for name, one in seen.verbs.items() if name.startswith(word))
    else:
        yield from _matching(seen, seen.verb.get("words", ""), word)


class _Line:
    """A command line up to the word that is completed. ``open_flag`` waits for its value."""

    def __init__(self, table: Any, words: Sequence[str], variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.verb: Any = table
        self.given: dict[str, str] = {}
        self.open_flag = ""
        self.count = 0
        for word in words:
            self._take(word)

    @property
    def verbs(self) -> Any:
        """The verbs that may follow."""
        return self.verb.get("verbs", {})

    @property
    def flags(self) -> Any:
        return self.verb["flags"]

    def _take(self, word: str) -> None:
        if self.open_flag:
            self.given[self.open_flag] = word
            self.open_flag = ""
        elif word.startswith("-"):
            flag, mark, value = word.partition("=")
            if mark:
                self.given[flag] = value
            elif self.flags.get(word, {}).get("value"):
                self.open_flag = word
        elif word in self.verbs:
            self.verb = self.verbs[word]
        else:
            self.count += 1

    @property
    def home(self) -> str:
        named = self.given.get("--home") or self.variables.get("LLAMAGATE_HOME") or "~/.llamagate"
        return os.path.expanduser(named)  # noqa: PTH111 - as above

    @property
    def file(self) -> str:
        return self.given.get("--file") or self.given.get("-f") or "llamagate.yaml"


def _values(seen: _Line, flag: str, word: str) -> Iterator[str]:
    yield from _matching(seen, seen.flags[flag]["value"], word)


def _matching(seen: _Line, kinds: str, word: str) -> Iterator[str]:
    """The candidates of these kinds, each a word, or the choices themselves. What names a generation is no file."""
    is_generation = word.startswith("@") and "@generations" in kinds
    for kind in kinds.split():
        if kind in ("files", "folders"):
            yield from () if is_generation else [_FILES if kind == "files" else _FOLDERS]
        else:
            yield from (one for one in _of_kind(seen, kind) if one.startswith(word))


def _of_kind(seen: _Line, kind: str) -> Iterator[str]:
    if kind == "any":
        return
    if kind == "ids":
        yield from sorted({*_installed(seen.home), *_listed(seen.file)})
    elif kind == "types":
        yield from _TYPES if seen.count == 0 else ()
    elif kind in ("generations", "@generations"):
        mark = "@" if kind[0] == "@" else ""
        yield from (f"{mark}{number}" for number in sorted(_generations(seen.home), reverse=True))
    else:
        yield from kind.split("|")


def _installed(home: str) -> Iterator[str]:
    for kind in ("extensions", "agentic-modules"):
        yield from (name for name in _names(f"{home}/{kind}/installed") if name[0] != "." and name != "backups")


def _listed(path: str) -> Iterator[str]:
    """The ids that a file lists, where it is written as usual: two spaces below the key of a section."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - as above
            text = file.read(_MAX_FILE_BYTES)
    except OSError:
        return
    section = ""
    for line in text.splitlines():
        if found := _SECTION.match(line):
            section = found[1]
        elif section in ("extensions", "modules", "mcp_servers") and (found := _ID.match(line)):
            yield found[1]


def _generations(home: str) -> Iterator[int]:
    names = _names(f"{home}/reconciler/generations")
    yield from {int(found[0]) for name in names if (found := _NUMBER.match(name))}


def _names(folder: str) -> Sequence[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - as above
    except OSError:
        return ()
