"""Check: what is likely a mistake in packages, with the places, before anyone installs or runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from reconciler.codes import CheckCode, ErrorCode
from reconciler.errors import InputError, LlamagateError
from reconciler.fs.places import is_same_file, located
from reconciler.model.config import JsonObject
from reconciler.model.desired import Policy
from reconciler.model.environment import Environment
from reconciler.model.lock import LockItem
from reconciler.packages.check.check import Subject, check, subject
from reconciler.packages.check.document import Document
from reconciler.packages.check.finding import SEVERITIES, Finding, Severity
from reconciler.packages.check.fixes import by_file, fixed
from reconciler.packages.check.found import Found
from reconciler.packages.check.rating import Rating
from reconciler.packages.content import read
from reconciler.packages.manifest import read_package
from reconciler.packages.overlaid import Overlaid
from reconciler.queries.checked_packages import Target, content_of, desired_at, known_to, wanted
from reconciler.queries.earlier import earlier
from reconciler.store.desired_file import DesiredFile
from reconciler.store.lock_file import lock_path, read_lock

MOST_ROUNDS: Final = 5
"""A fix may show what was hidden behind it."""


class Report(Struct, frozen=True, kw_only=True):
    """What was found in so many ``packages``. ``changes``: files that ``--fix`` would write, with the bytes before."""

    findings: tuple[Finding, ...]
    packages: int
    changes: dict[Path, tuple[bytes, bytes]] = field(default_factory=dict)
    fixes: int = 0

    def fails(self, level: Severity) -> bool:
        """Whether one is at least as bad as ``level``."""
        return any(SEVERITIES.index(one.severity) >= SEVERITIES.index(level) for one in self.findings)

    def to_document(self) -> JsonObject:
        counts = {f"{one}s": sum(finding.severity is one for finding in self.findings) for one in SEVERITIES}
        return {
            "packages": self.packages,
            **counts,
            "fixed": self.fixes,
            "findings": [one.to_document() for one in self.findings],
        }


def check_packages(
    env: Environment,
    file: Path,
    targets: Sequence[Path],
    held: Target | None = None,
    *,
    fixes: bool = False,
    against: str | None = None,
) -> Report:
    """Check ``targets``; without any the packages of ``file``, or those below the current folder.

    ``held`` is what an editor holds. ``fixes``: work out, too, what would be written. ``against`` is the git ref with
    which versions are compared, in place of the lock.
    """
    desired = desired_at(file)
    policy = desired.desired.policy if desired else Policy()
    chosen = [held] if held else [*wanted(file, desired, targets)]
    subjects = [subject(content_of(target, policy), name=target.name) for target in chosen]
    known, rating = known_to(env, desired, subjects), Rating(policy.check)
    findings: list[Finding] = []
    changes: dict[Path, tuple[bytes, bytes]] = {}
    count = 0

    for target, one in zip(chosen, subjects, strict=True):
        before = _pinned(env, desired, target) if against is None else _at_ref(env, file, desired, target, against)

        def look(at: Subject, before: _Before | None = before) -> list[Finding]:
            return rating.of([*check(at, known), *_same_version(at, before)], _id_of(at))

        found = look(one)
        if fixes:
            done = _fixed(one, found, look)
            count += done.count
            found = done.left
            changes |= {target.place / path: pair for path, pair in done.written.items()}
        findings += found
    if desired is not None:
        findings += rating.useless(str(file), desired.data, all_seen=not targets and held is None)
    return Report(findings=tuple(findings), packages=len(subjects), changes=changes, fixes=count)


def _id_of(one: Subject) -> str:
    package = one.reading.package
    return package.manifest.id if package else one.called


class _Fixed(Struct, frozen=True):
    """What is left after ``count`` fixes, and the files with their old and new bytes."""

    left: list[Finding]
    count: int
    written: dict[str, tuple[bytes, bytes]]


def _fixed(one: Subject, found: list[Finding], look: Callable[[Subject], list[Finding]]) -> _Fixed:
    left, now, count = found, one, 0
    changed: dict[str, bytes] = {}
    for _ in range(MOST_ROUNDS):
        some = by_file(left)
        if not some:
            break
        data = {**changed, **{path: fixed(read(now.content, path), there) for path, there in some.items()}}
        new = subject(Overlaid(one.content, data), name=one.name)
        if now.reading.package is not None and new.reading.package is None:
            break
        count += sum(map(len, some.values()))
        changed, left, now = data, look(new), new
    return _Fixed(left, count, {path: (read(one.content, path), data) for path, data in changed.items()})


class _Before(Struct, frozen=True):
    """What the package was, and ``where`` that is written."""

    version: str
    tree: str
    where: str


def _same_version(one: Subject, before: _Before | None) -> list[Finding]:
    """That the content is another one than before, under the same version."""
    package = one.reading.package
    if package is None or before is None or before.version != package.manifest.version or before.tree == package.tree:
        return []
    path = package.manifest.definition
    text = read(one.content, path).decode("utf-8-sig", "replace")
    document = Document(path, f"{one.name}/{path}", text, package.document)
    message = f"the content is not that of {before.version} {before.where}; give it a new version"
    span = document.of(("version",))
    found = Found(code=CheckCode.SAME_VERSION, message=message, text=document, span=span, path=("version",))
    return [found.finding({})]


def _at_ref(env: Environment, file: Path, desired: DesiredFile | None, target: Target, against: str) -> _Before | None:
    """``None`` where there was no package then."""
    try:
        with earlier(env, file, desired, target.place, against) as content:
            package = read_package(content, name=f"{target.name} at {against}")
    except InputError as error:
        if error.code == ErrorCode.NOT_FOUND:
            raise
        return None
    return _Before(package.manifest.version, package.tree, f"at {against}")


def _pinned(env: Environment, desired: DesiredFile | None, target: Target) -> _Before | None:
    pin = _pin(env, desired, target)
    return None if pin is None else _Before(pin.version, pin.tree, "in the lock")


def _pin(env: Environment, desired: DesiredFile | None, target: Target) -> LockItem | None:
    if desired is None:
        return None
    for item in desired.desired.items:
        place = located(desired.path.parent, item.source.location)
        if not item.source.is_pinned and is_same_file(place, target.place):
            try:
                return read_lock(lock_path(desired.path, env.lock_file)).lock.by_key.get(item.key)
            except LlamagateError:
                return None
    return None
