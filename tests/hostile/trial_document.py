"""One document of a small home, or beside it, mutated: a command ends as documented, and touches nothing else.

Our sealed documents are also mutated under a new seal, which no accident does: the reader says that it cannot.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reconciler.apply.journal import read_journal
from reconciler.documents.sealed import seal
from reconciler.errors import LlamagateError
from reconciler.model.home import Home
from reconciler.store.state_files import read_record
from tests.cli.shell import Session, Snapshot, interrupt_apply, snapshot
from tests.hostile.mutate_bytes import flipped
from tests.hostile.mutate_text import mutant

_READING: Final = (("plan", "--json"), ("status", "--json"), ("list", "--json"), ("validate",))
_CHANGING: Final = (("apply",), ("apply", "--json"))
_ENDS: Final = frozenset([0, 1, 4, 5, 7, 9])
"""No bug (70), nothing undone (6), nothing busy (8): a document cannot do that."""

_VALUES: Final[Sequence[Any]] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**63,
        2**64,
        10**400,
        1.5,
        "",
        "a",
        "x" * 5000,
        "..",
        "../../outside/kept",
        "/etc/x",
    ),
    *("a\0b", "a\x1b[2J", "\ud800", "extension", "agentic-module", "CON", [], {}, [None], {"a": {"b": [1]}}, [[[[]]]]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """A file, the commands that read it, and whether it stands in a home with an interrupted change."""

    path: Callable[[Session], Path]
    commands: Sequence[tuple[str, ...]]
    interrupted: bool = False


_DOCUMENTS: Final = {
    "desired": _Document(path=lambda session: session.project / "llamagate.yaml", commands=(*_READING, *_CHANGING)),
    "lock": _Document(path=lambda session: session.project / "llamagate.lock.yaml", commands=(*_READING, *_CHANGING)),
    "saved plan": _Document(path=lambda session: session.project / "saved.json", commands=(("apply", "saved.json"),)),
    "record": _Document(path=lambda session: session.ours / "record.json", commands=(*_READING, *_CHANGING)),
    "registry": _Document(path=lambda session: session.registry, commands=(*_READING, *_CHANGING, *_CHANGING)),
    "journal": _Document(
        path=lambda session: session.journal, commands=(("recover",), *_CHANGING, *_READING), interrupted=True
    ),
}


def start(folder: Path) -> Callable[[random.Random], str]:
    """The trial, in ``folder``."""
    return _Trial(folder)


class _Trial:
    def __init__(self, folder: Path) -> None:
        self.base = folder / "base"
        self.base.mkdir()
        self.session = Session(self.base)
        (self.base / "outside").mkdir()
        (self.base / "outside" / "kept").write_text("kept")
        self.kept = {interrupted: folder / f"kept-{interrupted}" for interrupted in (False, True)}
        self._prepare()
        self.outside = self._outside()

    def _prepare(self) -> None:
        session = self.session
        session.extensions("a", "b", text="gateway: {reload: off}\n")
        session.llamagate("apply")
        session.package("a", version="1.1.0", files={"more.txt": "more"})
        session.llamagate("apply")
        session.package("b", version="1.1.0", files={"more.txt": "more"})
        session.llamagate("plan", "--out", "saved.json")
        shutil.copytree(self.base, self.kept[False], symlinks=True)
        interrupt_apply(session)
        shutil.copytree(self.base, self.kept[True], symlinks=True)

    def _outside(self) -> Snapshot:
        return {**snapshot(self.base / "outside"), **snapshot(self.base / "user")}

    def __call__(self, draw: random.Random) -> str:
        name = draw.choice([*_DOCUMENTS])
        document = _DOCUMENTS[name]
        kept = self.kept[document.interrupted]
        original = (kept / document.path(self.session).relative_to(self.base)).read_bytes()
        if name in _SEALED and draw.random() < 0.5:
            return self._resealed(draw, name, original)
        data = _mutated(draw, name, original)
        shutil.rmtree(self.base)
        shutil.copytree(kept, self.base, symlinks=True)
        document.path(self.session).write_bytes(data)
        command = draw.choice(document.commands)
        before = self.session.everything()
        result = self.session.run(*command)
        said = f"{name}: {' '.join(command)} ended with {result.code}\n{result.out}{result.err}"
        assert result.code in _ENDS, said
        assert "Traceback" not in result.err, said
        assert "--json" not in command or isinstance(result.json, dict), said
        assert self._outside() == self.outside, said
        assert set(self.base.iterdir()) == {self.base / part for part in ("home", "outside", "project", "user")}, said
        if command[0] not in ("apply", "recover") or result.code not in (0, 1):
            assert self.session.everything() == before, said
        return f"ended with {result.code}"

    def _resealed(self, draw: random.Random, name: str, original: bytes) -> str:
        body = json.loads(original)["body"]
        for _ in range(draw.choice((1, 1, 2, 3))):
            body = _regrown(draw, body)
        if not isinstance(body, dict):
            return "under a new seal, refused"
        home = Home(self.base / "home")
        path = home.journal if name == "journal" else home.record
        path.write_bytes(seal(body))
        said = ""
        try:
            _ = read_journal(path) if name == "journal" else read_record(home)
        except LlamagateError as error:
            said = error.message
        assert not said or str(path) in said, said
        return "under a new seal, refused" if said else "under a new seal, read"


_SEALED: Final = frozenset(["record", "journal"])


def _mutated(draw: random.Random, name: str, data: bytes) -> bytes:
    if name in ("saved plan", "registry") and draw.random() < 0.6:
        value = json.loads(data)
        for _ in range(draw.choice((1, 1, 2, 3))):
            value = _regrown(draw, value)
        return json.dumps(value, indent=draw.choice((None, 2))).encode()
    return flipped(draw, data) if draw.random() < 0.3 else mutant(draw, [data])


def _regrown(draw: random.Random, value: Any) -> Any:
    """``value`` with one value somewhere in it replaced, dropped, doubled or renamed."""
    if isinstance(value, dict | list) and value and draw.random() < 0.85:
        if isinstance(value, list):
            return _regrown_list(draw, value)
        key = draw.choice([*value])
        if draw.random() < 0.1:
            return {other: value[other] for other in value if other != key}
        if draw.random() < 0.1:
            return {draw.choice([*value, "x", "", "__class__"]): below for below in value.values()}
        return {**value, key: _regrown(draw, value[key])}
    return draw.choice(_VALUES)


def _regrown_list(draw: random.Random, value: list[Any]) -> list[Any]:
    at = draw.randrange(len(value))
    if draw.random() < 0.1:
        return value[:at] + value[at + 1 :]
    if draw.random() < 0.1:
        return [*value, value[at]]
    return [*value[:at], _regrown(draw, value[at]), *value[at + 1 :]]
