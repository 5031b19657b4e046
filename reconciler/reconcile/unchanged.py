"""Nothing changed: one digest over all that decides a pass. Where it is the one that the last full pass kept, a reader
decodes nothing.

It is kept under the mutex, by a pass that found nothing to do and wrote nothing, and never removed: it holds for one
state, and for that one again should it come back. What was touched just before the pass could still change without
another stamp; then nothing is kept.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from reconciler import __version__
from reconciler.errors import StorageError
from reconciler.fs.bounded import read_if_there
from reconciler.fs.descriptor import READ_FOLDER_THROUGH_LINKS, opened
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.plan import Plan
from reconciler.model.unchanged import UNCHANGED_SCHEMA, Covered, Unchanged
from reconciler.packages.stamps import folder_stats
from reconciler.reconcile.options import Options
from reconciler.store.unchanged_file import read_unchanged, write_unchanged

_FRESH_NS: Final = 2 * 10**9
"""How coarse the times of a file system may be, in nanoseconds: two seconds on FAT."""
_MOST_BYTES: Final = 2**28
_NOTHING: Final = "nothing"


class Look(NamedTuple):
    """What is covered, as it is: the digest, and the newest time of it, in nanoseconds since 1970."""

    digest: str
    newest: int


def unchanged(env: Environment, options: Options) -> Plan | None:
    """The plan of a pass with these options, where all is as it was when one found nothing to do; ``None``: look."""
    home, kept = Home(env.home), None
    if covers(options):
        kept = read_unchanged(home)
    if kept is None or kept.version != __version__ or kept.file != _name(env, options.file):
        return None
    if kept.covered.until and env.now.timestamp() >= kept.covered.until:
        return None
    plan = Plan(generation=kept.generation, warnings=kept.warnings)
    try:
        found = look(home, kept.covered, env.variables)
    except OSError:
        return None
    return plan if sealed(home, kept.file, plan, found) == kept.digest else None


def covers(options: Options) -> bool:
    """Whether it is asked for everything in the usual way."""
    return options == Options(file=options.file)


def may_be_kept(env: Environment) -> bool:
    """Whether a pass that finds nothing to do may keep that: not where our own record was written just before it."""
    status = _stat(str(Home(env.home).record))
    return status is not None and max(status.st_ctime_ns, status.st_mtime_ns) < _settled(env)


def _settled(env: Environment) -> int:
    """What was touched later than this, in nanoseconds since 1970, may have another change that its times hide."""
    return int(env.now.timestamp() * 10**9) - _FRESH_NS


def keep(env: Environment, file: Path, covered: Covered, before: Look, plan: Plan) -> None:
    """Keep that ``plan`` does nothing, unless something was touched since ``before``, or just before the pass.

    The caller holds the mutex, and has written nothing. What cannot be kept costs the next reader time.
    """
    home, name = Home(env.home), _name(env, file)
    kept = Unchanged(
        schema=UNCHANGED_SCHEMA,
        version=__version__,
        file=name,
        generation=plan.generation,
        warnings=plan.warnings,
        digest=sealed(home, name, plan, before),
        covered=covered,
    )
    try:
        is_new = before.newest < _settled(env) and kept != read_unchanged(home)
        if is_new and look(home, covered, env.variables) == before:
            write_unchanged(home, kept)
    except (OSError, StorageError):
        return


def sealed(home: Home, file: str, plan: Plan, found: Look) -> str:
    """The digest of what is said, and of what it is said of: a home that was moved is another one."""
    said = repr((__version__, str(home.root), file, plan.generation, [note.to_document() for note in plan.warnings]))
    return hashlib.sha256(f"{said}\n{found.digest}".encode("utf-8", "surrogateescape")).hexdigest()


def look(
    home: Home, covered: Covered, variables: Mapping[str, str], read: Mapping[str, bytes | None] | None = None
) -> Look:
    """``read`` has the bytes of files that were read before, and which are not read again. Raises ``OSError``."""
    found = _Stamps()
    for name in covered.variables:
        found.lines.append(f"variable {name} {variables.get(name)!r}")
    for path in covered.contents:
        found.content(path, read)
    for path in covered.folders:
        found.lines.append(f"folder {path}")
        found.files(folder_stats(path))
    found.files((path, _stat(path)) for path in covered.archives)
    with opened(home.root, READ_FOLDER_THROUGH_LINKS) as root:  # shorter paths: a tenth of the time
        found.files((path, _stat(path, root)) for path in covered.places)
        for path in covered.inside:
            status = os.stat(path, dir_fd=root, follow_symlinks=False)
            found.lines.append(f"{path} {status.st_mode} {status.st_ino}")
        found.files((path, os.stat(path, dir_fd=root, follow_symlinks=False)) for path in covered.files)
    digest = hashlib.sha256("\n".join(found.lines).encode("utf-8", "surrogatepass")).hexdigest()
    return Look(digest, found.newest)


class _Stamps:
    """What was found so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.newest = 0

    def content(self, path: str, read: Mapping[str, bytes | None] | None) -> None:
        """By its bytes; its times tell whether others are at work."""
        before = _stat(path)
        if before is not None and before.st_size > _MOST_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
        data = read[path] if read is not None and path in read else read_if_there(Path(path))
        status = _stat(path)
        self.lines.append(f"content {path} {_NOTHING if data is None else hashlib.sha256(data).hexdigest()}")
        if status is not None:
            self.newest = max(self.newest, status.st_mtime_ns, status.st_ctime_ns)

    def files(self, found: Iterable[tuple[str, os.stat_result | None]]) -> None:
        """By all that changes when they are touched."""
        newest, lines = self.newest, self.lines
        for path, status in found:
            if status is None:
                lines.append(f"{path} {_NOTHING}")
                continue
            changed, written = status.st_ctime_ns, status.st_mtime_ns
            lines.append(f"{path} {status.st_mode} {status.st_size} {written} {changed} {status.st_ino}")
            newest = max(newest, changed, written)
        self.newest = newest


def _stat(path: str, folder: int | None = None) -> os.stat_result | None:
    try:
        return os.stat(path, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _name(env: Environment, file: Path) -> str:
    """The desired state, and its lock and the rules of this host where those are somewhere else."""
    trust = "" if env.trust is None else f"\0trust {env.trust.absolute()}"
    return "\0".join(str(path.absolute()) for path in (file, env.lock_file) if path is not None) + trust
