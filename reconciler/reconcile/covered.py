"""All that decides what a pass over a file does, as far as a digest can cover it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.fs.places import located
from reconciler.fs.presence import is_folder
from reconciler.model.config import Reference, references
from reconciler.model.home import Home
from reconciler.model.ids import PACKAGE_KINDS, ItemKey
from reconciler.model.record import Record
from reconciler.model.source import SourceKind
from reconciler.model.unchanged import Covered
from reconciler.store.desired_file import DesiredFile


class Trusting(NamedTuple):
    """The files that decide who is trusted, and until when what was decided holds; 0: as long as they do."""

    files: tuple[str, ...] = ()
    until: float = 0


NO_TRUST: Final = Trusting()


def covered_by(home: Home, record: Record, file: DesiredFile, lock: Path, trust: Trusting = NO_TRUST) -> Covered:
    """What counts while ``record`` and ``file`` are as they are, and ``trust`` is."""
    named = [one for item in file.desired.items for _, one in references(item.config)]
    named += [one for server in file.desired.servers for _, one in references(server.settings)]
    path = file.path.absolute()
    contents = [path, lock.absolute(), home.record, home.registry]
    if file.desired.servers or record.servers:
        contents.append(home.gateway_file)
    sources = {kind: _sources(file, kind) for kind in (SourceKind.DIR, SourceKind.ZIP)}
    return Covered(
        variables=(*_names(named, "env"), *_home_of_user(file)),
        contents=(*map(str, contents), *_names(named, "file"), *trust.files),
        folders=(*_pieces(home), *sources[SourceKind.DIR]),
        archives=(*sources[SourceKind.ZIP], *_packed(home, record, file)),
        places=tuple(str(home.installed(kind).relative_to(home.root)) for kind in PACKAGE_KINDS),
        inside=tuple(sorted({folder for key in record.items for folder in _folders(record, key)})),
        files=tuple(f"{_place(key)}/{path}" for key, item in record.items.items() for path in item.files),
        until=trust.until,
    )


def _pieces(home: Home) -> tuple[str, ...]:
    """What the record consists of; an older one is a single file."""
    return (str(home.pieces),) if is_folder(home.pieces) else ()


def _names(found: list[Reference], kind: str) -> tuple[str, ...]:
    return tuple(sorted({one.name for one in found if one.kind == kind}))


def _home_of_user(file: DesiredFile) -> tuple[str, ...]:
    """The variable that says what ``~/`` means, where a source begins with it."""
    return ("HOME",) if any(item.source.location.startswith("~/") for item in file.desired.items) else ()


def _sources(file: DesiredFile, kind: SourceKind) -> tuple[str, ...]:
    base = file.path.absolute().parent
    return tuple(str(located(base, item.source.location)) for item in file.desired.items if item.source.kind is kind)


def _packed(home: Home, record: Record, file: DesiredFile) -> Iterator[str]:
    """The packages that are read whenever their configuration is filled in."""
    for item in file.desired.items:
        if item.key in record.items and any(references(item.config)):
            yield str(home.cached(record.items[item.key].tree))


def _place(key: ItemKey) -> str:
    return f"{key.kind.folder}/installed/{key.id}"


def _folders(record: Record, key: ItemKey) -> Iterator[str]:
    """Its folder, and those below it in which we put something."""
    place = _place(key)
    yield place
    for path in record.items[key].files:
        while "/" in path:
            path = path.rpartition("/")[0]
            yield f"{place}/{path}"
