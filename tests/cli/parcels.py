"""Packages in every form that exists in the wild, and archives of them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.cli.shell import MANIFEST, MODULE, Session

TASK: Final = """\
name: {id}
version: {version}
description: A package in the task dialect
inputs: {{type: object, properties: {{text: {{type: string}}}}}}
outputs: {{type: object}}
task: {{type: rules}}
"""
TASK_MODULE: Final = """\
name: {id}
version: {version}
description: A module in the task dialect
workflow:
  steps:
    - name: first
      extension: extensions/first.yaml
"""
_SCRIPT: Final = {"bin/run.sh": "#!/bin/sh\n", "docs/läs mig.txt": "hej\n"}

FORMS: Final[Mapping[str, Mapping[str, str]]] = {
    "gateway": {"manifest.yaml": MANIFEST},
    "task": {"extension.yaml": TASK},
    "full-definition-in-extension.yaml": {"extension.yaml": MANIFEST},
    "gateway-beside-task": {"manifest.yaml": MANIFEST, "extension.yaml": TASK},
    "module": {"agenticmodule.yaml": MODULE.replace("{extension}", "first")},
    "task-module": {"agenticmodule.yaml": TASK_MODULE, "extensions/first.yaml": TASK.replace("{id}", "first")},
}
"""The name of a form → its files, with ``{id}`` and ``{version}`` to fill in."""
LOADABLE: Final = frozenset(FORMS) - {"task", "task-module"}


def formed(session: Session, form: str, item: str = "foo", version: str = "1.0.0") -> Path:
    """Write a package of this ``form`` into ``packages/ITEM``, with a script and a name beyond ASCII."""
    for path, text in FORMS[form].items():
        session.write(f"packages/{item}/{path}", text.format(id=item, version=version))
    for path, text in _SCRIPT.items():
        session.write(f"packages/{item}/{path}", text)
    (session.project / "packages" / item / "bin/run.sh").chmod(0o755)
    return session.project / "packages" / item


def zipped(session: Session, item: str, out: str = "", *, top: str = "") -> Path:
    """An archive of ``packages/ITEM``, as usual tools write it; ``top`` is a folder around everything."""
    folder, place = session.project / "packages" / item, session.project / (out or f"{item}.zip")
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, f"{top}{path.relative_to(folder)}")
    return place


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
