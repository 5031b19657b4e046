"""Lay out a committed home: real paths and inodes take the place of their names, and the documents are sealed again.

Nothing of the program is used, so that a version that seals in another way cannot change what an earlier one wrote.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from pathlib import Path
from typing import Any, Final

from tests.cli.shell import Session

HOMES: Final = Path(__file__).parent
TOKEN: Final = {"REPORT_TOKEN": "s3cret"}
"""The variables with which the homes were made."""
PARTS: Final = ("home", "project")
BASE: Final = "{base}"
"""The name of the folder that holds home and project, in all texts."""
INODE_OF: Final = "inode of "
JOURNAL_DOCUMENTS: Final = ("record", "previous_record", "generation_text")
MODES: Final = "modes.txt"
"""What git does not keep: a mode and a path below the base, one a line; a folder's ends with a slash."""


def unpack(session: Session, *, version: str = "v1", interrupted: str = "") -> Session:
    """Lay a committed home and its project out in ``session``.

    ``interrupted``: the one in which a change was cut off, with its journal under this name.
    """
    source = HOMES / version / ("interrupted" if interrupted else "finished")
    for part in PARTS:
        shutil.copytree(source / part, session.base / part, symlinks=True, dirs_exist_ok=True)
    _restore_modes(session.base, (source / MODES).read_text())
    for path in sorted(path for path in session.base.rglob("*") if path.is_file()):
        _localise(session.base, path)
    if interrupted:
        session.journal.rename(session.journal.with_name(interrupted))
    return session


def sealed(body: Any) -> bytes:
    """A document as version 1 of all of them is written: the digest of the body's bytes, and the body."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return b'{"digest":"sha256:%s","body":%s}\n' % (hashlib.sha256(data).hexdigest().encode(), data)


def is_sealed(path: Path) -> bool:
    """Whether a path below the base is that of a document which is committed as its body alone."""
    return path.match("home/reconciler/record.json") or path.match("generations/*.json") or path.name == "journal"


def usual_mode(path: Path) -> int:
    """The mode that git and the usual mask give it."""
    return 0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644


def portrait(home: Path) -> list[str]:
    """Every installed file and every backup, a line each; and the registry's entries without their times."""
    folders = [home / "agentic-modules", home / "extensions", home / "reconciler" / "backups"]
    found = sorted(path for folder in folders for path in folder.rglob("*"))
    entries = json.loads((home / "registry" / "installed.json").read_bytes())
    return [_line(home, path) for path in found] + sorted(
        f"{entry['type']} {entry['id']} {entry['version']} {'enabled' if entry['enabled'] else 'disabled'}"
        for entry in entries
    )


def _line(home: Path, path: Path) -> str:
    mode, name = stat.S_IMODE(path.lstat().st_mode), path.relative_to(home)
    return f"{mode:o} {name}/" if path.is_dir() else f"{mode:o} {name} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _restore_modes(base: Path, rows: str) -> None:
    for part in PARTS:
        for path in (base / part).rglob("*"):
            path.chmod(usual_mode(path))
    for row in rows.splitlines():
        mode, name = row.split(" ", 1)
        if name.endswith("/"):
            (base / name).mkdir(parents=True, exist_ok=True)
        (base / name).chmod(int(mode, 8))


def _localise(base: Path, path: Path) -> None:
    data = path.read_bytes().replace(BASE.encode(), str(base).encode())
    if is_sealed(path.relative_to(base)):
        body = json.loads(data)
        data = sealed(_with_inodes(body) if path.name == "journal" else body)
    path.write_bytes(data)


def _with_inodes(body: Any) -> Any:
    for move in body["moves"]:
        for name in ("new_inode", "old_inode"):
            if move[name]:
                move[name] = Path(move[name].removeprefix(INODE_OF)).lstat().st_ino
    return body | {name: sealed(body[name]).decode() for name in JOURNAL_DOCUMENTS}
