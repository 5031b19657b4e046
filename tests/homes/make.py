"""Make a committed home with the program as it is now: ``python -m tests.homes.make tests/homes/v2``.

``README.md`` says when a new one is needed. Every step is a real command in a process of its own. What is written below
``FOLDER`` is what ``tests.homes.unpack`` reads: paths of this machine and inodes are replaced by names.
"""

from __future__ import annotations

import json
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.cli.parcels import zipped
from tests.cli.shell import Session
from tests.crash.forks import Forks
from tests.crash.shim import Call, Fault
from tests.homes.unpack import (
    BASE,
    INODE_OF,
    JOURNAL_DOCUMENTS,
    MODES,
    PARTS,
    TOKEN,
    is_sealed,
    portrait,
    sealed,
    usual_mode,
)

_HEAD: Final = "owner: team-a\npolicy: {backups: 3}\ngateway: {reload: off}\n"
_FIRST: Final = """\
extensions:
  counter: {source: {zip: counter.zip}, version: ^1.0, enabled: false}
  farewell: ./packages/farewell
  greeter: ./packages/greeter
modules:
  flow: {source: ./packages/flow, depends_on: [greeter]}
"""
_GREETER: Final = "{source: ./packages/greeter, config: {interval: 9, token: {env: REPORT_TOKEN}}}"
_THIRD: Final = _FIRST.replace("  farewell: ./packages/farewell\n", "").replace("./packages/greeter\n", f"{_GREETER}\n")
_NEXT: Final = f"""\
extensions:
  greeter: {_GREETER}
  newcomer: ./packages/newcomer
modules:
  flow: {{source: ./packages/flow, depends_on: [greeter]}}
"""
_LOCAL: Final = {
    "extensions/installed/counter/counts.txt": "41\n",
    "extensions/installed/farewell/diary.txt": "a page\n",
    "extensions/installed/greeter/notes/läs mig.txt": "hej\n",
    "agentic-modules/installed/flow/todo.txt": "more steps\n",
}


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Path(folder).resolve(), variables=TOKEN)
        _three_generations(session)
        _keep(session.base, target / "finished")
        _interrupt(session, target / "interrupted")


def _three_generations(session: Session) -> None:
    _greeter(session, "1.0.0", "hello")
    for item in ("counter", "farewell"):
        session.package(item)
    session.module("flow", "greeter")
    zipped(session, "counter")
    shutil.rmtree(session.project / "packages" / "counter")
    session.desired(_HEAD + _FIRST)
    session.in_process("apply")
    for path, text in _LOCAL.items():
        session.write(str(session.home / path), text)
    (session.home / "extensions/installed/greeter/drafts").mkdir()
    _greeter(session, "1.1.0", "good morning")
    session.in_process("apply")
    session.desired(_HEAD + _THIRD)
    session.in_process("apply")
    session.in_process("watch", "--once")


def _greeter(session: Session, version: str, text: str) -> None:
    session.package("greeter", version=version, files={"bin/run.sh": "#!/bin/sh\n", "text.md": f"{text}\n"})
    (session.project / "packages/greeter/bin/run.sh").chmod(0o755)


def _interrupt(session: Session, target: Path) -> None:
    """Let a change die between two of its moves, and keep what was there before, what is there, and what would be."""
    _greeter(session, "1.2.0", "good evening")
    session.module("flow", "greeter", version="1.1.0")
    session.package("newcomer")
    session.desired(_HEAD + _NEXT)
    command = ("apply", "-f", session.project / "llamagate.yaml", "--home", session.home)
    before, kept = portrait(session.home), session.base / "kept"
    for part in PARTS:
        shutil.copytree(session.base / part, kept / part, symlinks=True)
    forks = Forks(session.base)
    calls = forks.run(*command).calls
    after = portrait(session.home)
    for part in PARTS:
        shutil.rmtree(session.base / part)
        (kept / part).rename(session.base / part)
    ended = forks.run(*command, fault=Fault(at=_last_move(calls)))
    if not ended.was_killed:
        raise RuntimeError(f"the change did not die: {ended}")
    _keep(session.base, target)
    (target / "before.txt").write_text("".join(f"{row}\n" for row in before))
    (target / "after.txt").write_text("".join(f"{row}\n" for row in after))


def _last_move(calls: tuple[Call, ...]) -> int:
    """The number of the call that moves the last item in or out: some items are changed then, and some are not."""
    committed = next(at for at, call in enumerate(calls) if call.is_about("replace", "/reconciler/journal"))
    moves = [
        at
        for at, call in enumerate(calls)
        if at > committed and call.name in ("exchange", "rename") and "/installed/" in "".join(call.paths)
    ]
    return moves[-1] + 1


def _keep(base: Path, target: Path) -> None:
    """Copy home and project to ``target``, with names in the place of what belongs to this machine."""
    rows = []
    for path in sorted(_below(base)):
        name, status = path.relative_to(base), path.lstat()
        if stat.S_ISDIR(status.st_mode):
            (target / name).mkdir(parents=True, exist_ok=True)
        else:
            (target / name).write_bytes(_portable(base, path))
            shutil.copymode(path, target / name)
        is_empty = path.is_dir() and not any(path.iterdir())
        if is_empty or stat.S_IMODE(status.st_mode) != usual_mode(path):
            rows.append(f"{stat.S_IMODE(status.st_mode):o} {name}{'/' if path.is_dir() else ''}\n")
    (target / MODES).write_text("".join(rows))


def _below(base: Path) -> Iterator[Path]:
    for part in PARTS:
        yield base / part
        yield from (base / part).rglob("*")


def _portable(base: Path, path: Path) -> bytes:
    data = path.read_bytes()
    if is_sealed(path.relative_to(base)):
        body = _body(data)
        if path.name == "journal":
            body = _journal(base, body)
        data = (json.dumps(body, ensure_ascii=False, indent=2) + "\n").encode()
    return data.replace(str(base).encode(), BASE.encode())


def _body(data: bytes) -> Any:
    body = json.loads(data)["body"]
    if sealed(body) != data:
        raise RuntimeError("the seal of this version is not the one that unpack writes")
    return body


def _journal(base: Path, body: Any) -> Any:
    """The documents in it as such, and each inode as the path of the tree that has it."""
    places = {path.lstat().st_ino: str(path) for path in _below(base)}
    for move in body["moves"]:
        for name in ("new_inode", "old_inode"):
            move[name] = move[name] and INODE_OF + places[move[name]]
    return body | {name: _body(body[name].encode()) for name in JOURNAL_DOCUMENTS}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
