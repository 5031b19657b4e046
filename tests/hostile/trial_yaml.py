"""One mutated YAML document: refused in words, or read as PyYAML reads it, written again, and validated."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import LlamagateError
from reconciler.model.config import Json, JsonObject
from reconciler.packages.manifest import read_package
from reconciler.packages.realise import realise
from reconciler.store.desired_file import read_desired
from reconciler.store.lock_file import lock_bytes, read_lock
from tests.hostile.campaign import PROJECT
from tests.hostile.mutate_text import mutant
from tests.hostile.mutate_zip import MANIFEST
from tests.support.packages import MemoryContent

SAMPLES: Final = PROJECT.parent / "shared" / "samples" / "extensions"
_CONFIG: Final[JsonObject] = {"new": ["value"]}
_PACKAGED: Final = ("manifest.yaml", "extension.yaml", "agenticmodule.yaml")
_OWN_KEYS: Final = (b"apiVersion", b"items", b"policy")


class CoreLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML with the scalars of the core schema of YAML 1.2. Shares no code with what is tried but libyaml."""

    yaml_implicit_resolvers: Final[dict[str | None, list[Any]]] = {}


_RESOLVED: Final = (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", [*"-+0123456789"]),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        [*"-+.0123456789"],
    ),
)
for _tag, _pattern, _first in _RESOLVED:
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)
CoreLoader.add_constructor("tag:yaml.org,2002:int", lambda _loader, node: _integer(node.value))
CoreLoader.add_constructor("tag:yaml.org,2002:float", lambda _loader, node: float(node.value))


def _integer(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def documents() -> list[bytes]:
    """What is mutated: our own documents, those of the examples, published ones, and small ones of every form."""
    found = [
        PROJECT / "llamagate.yaml",
        PROJECT / "llamagate.lock.yaml",
        *sorted((PROJECT / "examples").rglob("*.yaml")),
    ]
    found += sorted(SAMPLES.rglob("*.yaml"))
    return [*_SMALL, *(path.read_bytes() for path in found)]


_SMALL: Final = (
    MANIFEST,
    b"apiVersion: llamagate/v1\nextensions: {a: ./a, b: {source: {zip: b.zip}, version: ^1.2, enabled: false}}\n",
    b"name: m\nversion: 1.0.0\ndescription: d\nsteps: [{extension: a, on_error: stop}]\n",
    b"name: t\nversion: 1.0.0\ntask: {type: model}\ninputs: {type: object, properties: {a: {pattern: '^(a+)+$'}}}\n",
    b"a: |\n  text\n  more\nb: >-\n  folded\n  text\n\nc: \"x\\ty\"\nd: 'it''s'\n? e\n: [1, 2.5, ~, true]\n",
    b"- a\n- - b\n  - {c: d, e: [f, {g: h}]}\n-\n  i:\n  - j\n",
)


def start(folder: Path) -> Callable[[random.Random], str]:
    """The trial, in ``folder``."""
    bases = documents()

    def trial(draw: random.Random) -> str:
        data = mutant(draw, bases)
        is_read = _loaded(data)
        is_package = True in [_as_package(data, name) for name in _PACKAGED]
        is_ours = any(key in data for key in _OWN_KEYS) and _as_our_own(data, folder)
        assert is_read or not (is_package or is_ours)
        if is_package or is_ours:
            return "valid packages" if is_package else "valid documents of ours"
        return "read, but not valid" if is_read else "refused"

    return trial


def _loaded(data: bytes) -> bool:
    try:
        value = yaml_text.load(data, name="x.yaml")
    except LlamagateError as error:
        _check(error, "x.yaml")
        return False
    assert repr(value) == repr(_as_pyyaml_reads(data)), "PyYAML reads it otherwise"
    if isinstance(value, dict):
        assert repr(yaml_text.load(yaml_text.dump(value).encode(), name="x")) == repr(value), "dumped, it is another"
    return True


def _as_pyyaml_reads(data: bytes) -> Any:
    return yaml.load(data.decode("utf-8-sig"), CoreLoader)  # noqa: S506 - it is a safe one


def _as_package(data: bytes, name: str) -> bool:
    content = MemoryContent({name: data})
    try:
        package = read_package(content, name="x")
        realised = realise(package, content, {**_CONFIG})
    except LlamagateError as error:
        _check(error, "x", "manifest")
        return False
    written: Json = yaml_text.load(realised.written[package.manifest.installed_definition], name="x")
    assert isinstance(written, dict)
    config = written.pop("config")
    before = yaml_text.load(data, name="x")
    assert isinstance(before, dict)
    own = before.pop("config", None)
    assert config == {**(own if isinstance(own, dict) else {}), **_CONFIG}
    assert repr(written) == repr(before)
    return True


def _as_our_own(data: bytes, folder: Path) -> bool:
    path = folder / "x.yaml"
    path.write_bytes(data)
    valid = 0
    for read in (read_desired, _read_lock):
        try:
            read(path)
            valid += 1
        except LlamagateError as error:
            _check(error, str(path))
    return valid > 0


def _read_lock(path: Path) -> None:
    lock = read_lock(path).lock
    written = path.with_name("written.yaml")
    written.write_bytes(lock_bytes(lock))
    assert read_lock(written).lock == lock


def _check(error: LlamagateError, *names: str) -> None:
    """It says where, in one line."""
    assert error.message.startswith(names), error.message
    assert "\n" not in error.message, error.message
    assert error.faults, error.message
