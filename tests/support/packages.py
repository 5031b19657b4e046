"""The packages of tests: their manifests, their files, and archives of them. All folders of tests take them here."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from reconciler.model.package import FileEntry

MANIFEST: Final = """\
name: {id}
version: {version}
description: A package for tests
type: workflow
config:
  interval: 5
  token: none
steps:
  - uses: llm.chat
"""
MODULE: Final = """\
name: {id}
version: {version}
description: A module for tests
steps:
  - extension: {extension}
"""
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


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write ``files`` into ``folder``; what starts with ``#!`` is executable."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        place.write_bytes(data)
        place.chmod(0o755 if data.startswith(b"#!") else 0o644)
    return folder


def pack(folder: Path, place: Path, *, top: str = "") -> Path:
    """A zip as usual tools write it, but for the times: the same files give the same bytes.

    ``top`` is put before each name: a folder around everything.
    """
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{top}{path.relative_to(folder).as_posix()}")
            entry.external_attr = path.stat().st_mode << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return place


class MemoryContent:
    """A package's files, given as path → text or bytes. ``Content`` says what the parts mean."""

    def __init__(self, files: Mapping[str, str | bytes], *, notes: tuple[str, ...] = ()) -> None:
        self._data = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
        self.notes = notes

    @property
    def files(self) -> tuple[FileEntry, ...]:
        return tuple(
            FileEntry(path=path, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            for path, data in sorted(self._data.items())
        )

    def chunks(self, path: str) -> Iterator[bytes]:
        return iter([self._data[path]])
