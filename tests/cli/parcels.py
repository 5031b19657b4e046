"""Packages in every form that exists in the wild, and archives of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from tests.cli.shell import Session
from tests.support import packages

_SCRIPT: Final = {"bin/run.sh": "#!/bin/sh\n", "docs/läs mig.txt": "hej\n"}


def formed(session: Session, form: str, item: str = "foo", version: str = "1.0.0") -> Path:
    """Write a package of this ``form`` into ``packages/ITEM``, with a script and a name beyond ASCII."""
    for path, text in packages.FORMS[form].items():
        session.write(f"packages/{item}/{path}", text.format(id=item, version=version))
    return packages.write_files(session.project / "packages" / item, _SCRIPT)


def zipped(session: Session, item: str, out: str = "", *, top: str = "") -> Path:
    """An archive of ``packages/ITEM``; ``top`` is a folder around everything."""
    folder = session.project / "packages" / item
    return packages.pack(folder, session.project / (out or f"{item}.zip"), top=top)


def list_checksums(session: Session, item: str, change: str = "") -> None:
    """Put a ``checksums.txt`` into ``packages/ITEM``; then append ``change`` to its manifest."""
    folder = session.project / "packages" / item
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    (folder / "checksums.txt").write_text("".join(lines))
    with (folder / "manifest.yaml").open("a") as manifest:
        manifest.write(change)


def trees(session: Session) -> dict[str, str]:
    """The tree digest of each installed item, by its id."""
    return {item["id"]: item["tree"] for item in session.record()["items"]}


def versions(session: Session) -> dict[str, str]:
    """The version of each item in the registry, by its id."""
    return {item: entry["version"] for item, entry in session.registered().items()}
