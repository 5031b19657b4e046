"""A git repository, by its url: what it offers, and the commits that were asked of it, in a copy shared by all items.

The copy holds single commits without their history. Fetching takes the copy's lock; reading takes none, since git only
adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, RefusedError, StorageError
from reconciler.model.desired import Limits
from reconciler.sources.git.address import git_url_problem
from reconciler.sources.git.command import Git, GitRules
from reconciler.sources.git.content import GitContent, open_commit, read_file
from reconciler.sources.git.copy import PINS, Copy, copy_path
from reconciler.sources.git.failure import GitFailedError, IdsRefusedError, UnknownCommitError
from reconciler.sources.git.objects import DamagedError, Objects, OtherKindError, TooLargeError
from reconciler.sources.git.refs import COMMIT, Refs

_FETCH: Final = (
    *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules"),
    *("--no-show-forced-updates", "--stdin"),
)
_ALONE: Final = ("--depth=1",)
_WHOLE: Final[Sequence[str]] = ()
"""With the history, unfiltered: in a partial copy git itself fetches what is missing, in some cases for ever."""
_EVERYTHING: Final = "+refs/heads/*:refs/all/heads/*\n+refs/tags/*:refs/all/tags/*\n"

_SSH_SIGNATURES_ONLY: Final = ("gpg.program=false", "gpg.x509.program=false", "gpg.minTrustLevel=fully")
"""Other signatures are judged by a keyring, and there is none."""
T = TypeVar("T")


class Repository:
    """The repository at ``url``, with its copy in ``folder``, where those of other urls lie too.

    Refs and commits are asked for with each call: for one exchange for many items, ask once. May be used by several
    threads and processes at once. Besides the errors named below, each method that talks raises
    ``UnreachableError`` (time-outs, ``offline``), ``InputError`` (access, certificate, no such repository),
    ``BusyError`` (another process is still fetching) and ``StorageError``.
    """

    def __init__(self, url: str, *, folder: Path, rules: GitRules) -> None:
        """Nothing happens yet. ``InputError`` where git is not given this url."""
        if problem := git_url_problem(url, local=rules.local):
            raise InputError(problem)
        self._url = url
        self._rules = rules
        self._git = Git(url, home=folder / "home", rules=rules)
        self._copy = Copy(self._git, copy_path(folder, url))
        self._history = Copy(self._git, copy_path(folder, url, history=True))
        self._objects = Objects(self._git, self._copy.path)

    def refs(self) -> Refs:
        """What the repository offers now: one exchange."""
        return Refs.from_listing(self._git.talk("ls-remote", "--", self._url).decode("utf-8", "replace"))

    def has(self, commit: str) -> bool:
        """Whether ``commit`` is in the copy, whole. Talks to nobody."""
        return commit in self._copy.pins()

    def bring(self, commits: Iterable[str]) -> None:
        """Bring those of ``commits`` that are not in the copy, by one fetch. They are whole ids.

        ``UnknownCommitError`` where the repository does not have one of them.
        """
        wanted = frozenset(commits)
        for commit in wanted:
            _check(commit)
        if not wanted <= self._copy.pins():
            with self._copy.exclusive(wait=self._rules.seconds):
                missing = sorted(wanted - self._copy.pins())  # another process may have brought some meanwhile
                if missing:
                    self._fetch(self._copy, missing, _ALONE)

    def open(self, commit: str, path: str = "", *, limits: Limits, name: str, is_package: bool = True) -> GitContent:
        """The package in the folder ``path`` of ``commit``, checked and hashed; messages call it ``name``.

        Nothing is checked out. What is no package has no patterns of its own. A commit that is not in the copy, or is
        damaged there, is fetched again. ``InputError`` says what is wrong with the package.
        """
        _check(commit)
        attempt = partial(open_commit, self._objects, commit, path, limits=limits, name=name, is_package=is_package)
        try:
            return attempt()
        except DamagedError:
            return self._repaired(commit, attempt)

    def file(self, commit: str, path: str, *, most: int, name: str) -> bytes | None:
        """The file at ``path`` in ``commit``; ``None`` where there is none of at most ``most`` bytes."""
        _check(commit)
        attempt = partial(read_file, self._objects, commit, path, most=most, name=name)
        try:
            return attempt()
        except DamagedError:
            return self._repaired(commit, attempt)

    def tag(self, oid: str, *, most: int) -> bytes | None:
        """The tag object ``oid``, brought if need be; ``None`` where there is none of at most ``most`` bytes."""
        self.bring([oid])
        try:
            return self._objects.read(oid, "tag", most=most)
        except (DamagedError, OtherKindError, TooLargeError):
            return None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether ``old`` is ``new`` or stands in its history. Fetches the history that this needs.

        ``UnknownCommitError`` where the repository does not have ``new``.
        """
        _check(old)
        _check(new)
        if old == new:
            return True
        with self._history.exclusive(wait=self._rules.seconds):
            if new not in self._history.pins():
                self._fetch(self._history, [new], _WHOLE)
            elif not self._is_readable(new):
                self._history.remove()
                self._fetch(self._history, [new], _WHOLE)
            told = self._git.ask("merge-base", "--is-ancestor", old, new, repository=self._history.path)
            return not told.code

    def between(self, old: str, new: str) -> tuple[str, ...]:
        """The commits that ``new`` has and ``old`` has not, in the copy with the history, which has both."""
        told = self._git.ask("rev-list", f"{old}..{new}", repository=self._history.path)
        if told.code:
            raise StorageError(f"{self._history.path} cannot be read; delete that folder")
        return tuple(told.out.decode("ascii", "replace").split())

    def signature(self, commit: str, *, history: bool = False) -> bytes:
        """The signature of a commit as it is in its header; empty where there is none.

        ``RefusedError`` where there are several: git looks at another one of them than others do.
        """
        return self._signed(commit, history=history)[0]

    def _signed(self, commit: str, *, history: bool) -> tuple[bytes, bytes]:
        """The signature of a commit, and what is signed by it."""
        _check(commit)
        copy = self._history if history else self._copy
        found, signed = parted(self._git.ask("cat-file", "commit", commit, repository=copy.path).out)
        if len(found) > 1:
            message = f"{self._url}: the commit {commit} has {len(found)} signatures, and one is looked at"
            raise RefusedError(message, advice="sign it once, with one key", code=ErrorCode.BAD_SIGNATURE)
        return found[0] if found else b"", signed

    def check_signed(self, commit: str, signers: Path, *, history: bool = False) -> None:
        """``RefusedError`` unless a key of the file ``signers`` signed ``commit``, which is in the copy.

        ``history``: in the one with the history. The key must be valid at the commit's own date, which its author
        chose, and now. The file is as ``ssh-keygen`` reads it: a line for each signer, with names and a public key.
        """
        signature, signed = self._signed(commit, history=history)
        settings = (f"gpg.ssh.allowedSignersFile={signers}", *_SSH_SIGNATURES_ONLY)
        options = [part for setting in settings for part in ("-c", setting)]
        copy = self._history if history else self._copy
        told = self._git.ask(*options, "verify-commit", commit, repository=copy.path)
        if told.code:
            message = f"{self._url}: the commit {commit} is not signed by a key of {signers}"
            raise RefusedError(message, advice="sign it, or add its signer's key to that file", code=ErrorCode.UNSIGNED)
        if not self._git.is_valid_now(signature, signed, signers):
            message = f"{self._url}: the commit {commit} is signed by a key of {signers} that is not valid now"
            advice = "sign it with a key that is, or correct the key's dates in that file"
            raise RefusedError(message, advice=advice, code=ErrorCode.UNSIGNED)

    def _repaired(self, commit: str, attempt: Callable[[], T]) -> T:
        """``attempt`` again, once ``commit`` is there; if need be in a new copy."""
        self._git.check_online()
        with self._copy.exclusive(wait=self._rules.seconds):
            if commit not in self._copy.pins():
                self._fetch(self._copy, [commit], _ALONE)
            with suppress(DamagedError):
                return attempt()  # where it was damaged, another process may have repaired it meanwhile
            self._copy.remove()
            self._fetch(self._copy, [commit], _ALONE)
            self._objects.close()  # which others may have begun to read meanwhile
            try:
                return attempt()
            except DamagedError as error:
                raise StorageError(
                    f"{self._copy.path} is damaged, even after it was made again; check the disk"
                ) from error

    def _fetch(self, copy: Copy, commits: Sequence[str], how: Sequence[str]) -> None:
        """Fetch into ``copy``, whose lock is held. Where git fails and the copy is to blame, it is made again, once."""
        was_there = copy.make(commits[0])
        try:
            self._fetch_ids(copy, commits, how)
        except GitFailedError:
            if not was_there or copy.is_sound():
                raise
            copy.remove()
            copy.make(commits[0])
            self._fetch_ids(copy, commits, how)

    def _fetch_ids(self, copy: Copy, commits: Sequence[str], how: Sequence[str]) -> None:
        given = "".join(f"+{commit}:{PINS}{commit}\n" for commit in commits)
        try:
            self._talk(copy, given, how)
        except IdsRefusedError:
            self._talk(copy, _EVERYTHING, ("--unshallow",) if (copy.path / "shallow").exists() else ())
            for commit in commits:
                if not copy.pin(commit):
                    raise UnknownCommitError(f"{self._url}: no branch or tag leads to the commit {commit}") from None

    def _talk(self, copy: Copy, given: str, how: Sequence[str]) -> None:
        self._git.talk(*_FETCH, *how, "--", self._url, repository=copy.path, given=given.encode())

    def _is_readable(self, commit: str) -> bool:
        """Whether the whole history of ``commit`` can be read."""
        return not self._git.ask("rev-list", "--count", commit, repository=self._history.path).code


def parted(commit: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The signatures in the header of a commit, in the order in which they are there; and the commit without them."""
    found: list[list[bytes]] = []
    rest: list[bytes] = []
    is_inside = False
    head, end, message = commit.partition(b"\n\n")
    for line in head.split(b"\n"):
        if line.startswith(b"gpgsig"):
            found.append([line.partition(b" ")[2]])
            is_inside = True
        elif is_inside and line.startswith(b" "):
            found[-1].append(line[1:])
        else:
            is_inside = False
            rest.append(line)
    return tuple(b"\n".join(lines) + b"\n" for lines in found), b"\n".join(rest) + end + message


def _check(commit: str) -> None:
    if not COMMIT.fullmatch(commit):
        raise InputError(f"{commit!r} is not a whole commit id (40 or 64 hex digits)")
