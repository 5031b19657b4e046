"""One slip of the fingers in a manifest: a letter changed, dropped, doubled, or two swapped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from string import ascii_lowercase
from typing import Final, NamedTuple

import yaml

from tests.conftest import PROJECT

EXAMPLES: Final = PROJECT / "examples"
_PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}")
_NAMES_WHAT_IS_CALLED: Final = ("uses", "extension")


class Target(NamedTuple):
    """A word of a file, from ``start`` to ``end``, and what it is."""

    package: Path
    file: str
    start: int
    end: int
    what: str


def targets() -> list[Target]:
    """Every key that is not below ``config:``, every step and every placeholder of the examples."""
    found = []
    for manifest in sorted(one for one in EXAMPLES.rglob("*.yaml") if one.parent.name != "tests"):
        package = next((one for one in (manifest.parent, manifest.parent.parent) if _is_package(one)), None)
        if package is not None:
            found += [*_in_yaml(package, manifest)]
    for template in sorted(EXAMPLES.rglob("templates/*.txt")):
        found += [*_placeholders(template.parent.parent, template)]
    return found


def slip(random: Random, word: str) -> str:
    """``word`` with one slip; never the same word, nor an empty one."""
    while True:
        at = random.randrange(len(word))
        kind = random.choice(["change", "drop", "double", "swap"])
        new = {
            "change": word[:at] + random.choice(ascii_lowercase) + word[at + 1 :],
            "drop": word[:at] + word[at + 1 :],
            "double": word[: at + 1] + word[at:],
            "swap": word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
        }[kind]
        if new and new != word and (word[at].isalpha() or kind != "drop"):
            return new


def mutated(random: Random, choices: list[Target]) -> tuple[Target, Mapping[str, bytes], str]:
    """One of ``choices`` with a slip: the bytes of the file, and what was written for what."""
    target = random.choice(choices)
    text = (target.package / target.file).read_text()
    word = text[target.start : target.end]
    new = slip(random, word)
    changed = text[: target.start] + new + text[target.end :]
    return target, {target.file: changed.encode()}, f"{target.what} {word} -> {new}"


def _is_package(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("manifest.yaml", "extension.yaml", "agenticmodule.yaml"))


def _in_yaml(package: Path, file: Path) -> Iterator[Target]:
    text = file.read_text()
    inside = file.relative_to(package).as_posix()
    for path, key, value in _entries(yaml.compose(text), ()):
        if "config" not in path:
            yield Target(package, inside, key.start_mark.index, key.end_mark.index, "key")
        if path and path[-1] in _NAMES_WHAT_IS_CALLED and isinstance(value, yaml.ScalarNode):
            yield Target(package, inside, value.start_mark.index, value.end_mark.index, "step")
    yield from _placeholders(package, file)


def _entries(node: yaml.Node | None, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, key.value)
            if path[-1:] != ("config",):
                yield below if key.value != "config" else path, key, value
            yield from _entries(value, below)
    elif isinstance(node, yaml.SequenceNode):
        for one in node.value:
            yield from _entries(one, path)


def _placeholders(package: Path, file: Path) -> Iterator[Target]:
    text = re.sub(r"(?m)^\s*#.*$", lambda line: " " * len(line[0]), file.read_text())
    for match in _PLACEHOLDER.finditer(text):
        yield Target(package, file.relative_to(package).as_posix(), match.start(1), match.end(1), "placeholder")
