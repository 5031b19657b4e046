"""GitOps: follow a branch of a repository. Its files are laid out from git's objects; nothing is checked out or run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, RefusedError, StorageError
from reconciler.fs import tree
from reconciler.fs.bounded import read_start
from reconciler.fs.descriptor import READ_FOLDER, opened
from reconciler.fs.durable import make_folders
from reconciler.fs.presence import is_file, is_folder
from reconciler.fs.swap import exchange
from reconciler.model.auth import Auth, AuthKind
from reconciler.model.desired import Limits
from reconciler.model.home import Home
from reconciler.model.source import Fetching, SourceRules
from reconciler.packages.content import Content
from reconciler.sources.context import SourceContext
from reconciler.sources.git.address import ref_problem
from reconciler.sources.git.remote import git_rules
from reconciler.sources.git.repository import Repository
from reconciler.trust.revocation import read_revoked
from reconciler.trust.sshsig import Signature, dearmoured, parse
from reconciler.trust.verify import KEY_TYPES
from reconciler.trust.wire import WireError

_LIMITS: Final = Limits(unpacked=512 * 2**20, entries=20_000)
"""Of the folder that is followed; packages in it have the usual ones."""


class Branch(Struct, frozen=True, kw_only=True):
    """What is followed: the folder ``path`` of ``ref`` in the repository at ``url``.

    ``header_env`` names the variable that holds a header with credentials. ``signers`` is the file of those whose
    commits are taken; ``None`` takes all. ``revoked`` is the file of keys that count no longer. ``checks_all``: each
    commit since the last one that was taken must be signed, and not the newest alone. ``allow_rewind`` also takes a
    commit that does not descend from the last.
    """

    url: str
    ref: str = "main"
    path: str = ""
    header_env: str = ""
    signers: Path | None = None
    revoked: Path | None = None
    checks_all: bool = False
    allow_rewind: bool = False

    def __str__(self) -> str:
        return " ".join([self.url, self.ref, *([self.path] if self.path else [])])


class Follower(Struct):
    """Brings the folder ``home.followed`` to the newest commit. ``last`` is the commit that was taken last, if any."""

    branch: Branch
    home: Home
    repository: Repository
    last: str = ""

    @property
    def folder(self) -> Path:
        """Where the followed folder is on this machine, commit after commit."""
        return self.home.followed / "tree"

    def fetch(self) -> str:
        """Take the newest commit, if it may be taken; the answer is its id.

        ``RefusedError`` where it may not, and whatever a ``Repository`` raises; then the files stay as they were.
        """
        commit = self._newest()
        self.repository.bring([commit])
        if self.branch.signers is not None:
            self._check_signed(commit, self.branch.signers)
        self._check_descends(commit)
        if self.branch.signers is not None and self.branch.checks_all:
            self._check_each(commit, self.branch.signers)
        name = f"{self.branch} at {commit[:12]}"
        content = self.repository.open(commit, self.branch.path, limits=_LIMITS, name=name, is_package=False)
        _lay_out(content, self.folder)
        self.last = commit
        return commit

    def _newest(self) -> str:
        """The commit of the branch. Who may push a tag may not push to the branch: a tag has to be named as one."""
        refs, ref = self.repository.refs(), self.branch.ref
        commit = refs.branch(ref)
        if commit is None:
            advice = f"--ref refs/tags/{ref} follows the tag" if ref in refs.tags else "check --ref"
            raise InputError(
                f"{self.branch.url} has no branch or commit '{ref}'", advice=advice, code=ErrorCode.NOT_FOUND
            )
        return commit

    def _check_signed(self, commit: str, signers: Path, *, history: bool = False) -> None:
        """By a key of ``signers`` that is not revoked."""
        self.repository.check_signed(commit, signers, history=history)
        if self.branch.revoked is None:
            return
        revoked = _revoked(self.branch.revoked)
        for key in _keys(self.repository.signature(commit, history=history)):
            if key in revoked:
                message = f"{self.branch.url}: the commit {commit} is signed with the key {key}, which was revoked"
                advice = f"have it signed with another key ({self.branch.revoked}:{revoked[key]})"
                raise RefusedError(message, advice=advice, code=ErrorCode.REVOKED_KEY)

    def _check_each(self, commit: str, signers: Path) -> None:
        """Every commit since the last one; without one there is nothing to count from."""
        if not self.last or self.last == commit:
            return
        self.repository.is_ancestor(self.last, commit)  # which brings the history
        for each in self.repository.between(self.last, commit):
            self._check_signed(each, signers, history=True)

    def _check_descends(self, commit: str) -> None:
        if not self.last or self.branch.allow_rewind or self.repository.is_ancestor(self.last, commit):
            return
        message = f"{self.branch.url}: {commit}, now {self.branch.ref}, does not descend from {self.last}, taken last"
        raise RefusedError(
            message, advice="find out who rewrote the history; --allow-rewind accepts it", code=ErrorCode.REWOUND
        )


def following(branch: Branch, home: Home, variables: Mapping[str, str], *, last: str = "") -> Follower:
    """Ready to follow ``branch``. Nothing is asked yet. ``InputError`` where git is not given such a url or ref."""
    if problem := ref_problem(branch.ref):
        raise InputError(f"--ref {branch.ref!r}: {problem}", code=ErrorCode.USAGE)
    if branch.signers is not None and not is_file(branch.signers):
        raise InputError(f"{branch.signers}: no such file of allowed signers", code=ErrorCode.NOT_FOUND)
    rules = SourceRules(local_git=True)  # the person who starts the watcher named the repository
    context = SourceContext(home=home, base=Path(), variables=variables, rules=rules, limits=_LIMITS)
    fetching = Fetching(auth=Auth(AuthKind.HEADER_ENV, branch.header_env) if branch.header_env else None)
    repository = Repository(branch.url, folder=home.git_cache, rules=git_rules(branch.url, fetching, context))
    return Follower(branch, home, repository, last)


def _revoked(path: Path) -> Mapping[str, int]:
    try:
        return read_revoked(read_start(path), name=str(path))
    except OSError as error:
        message = f"it cannot be read: {error.strerror}"
        raise InputError.at(message, file=path, code=ErrorCode.UNREADABLE) from error


def _keys(signature: bytes) -> tuple[str, ...]:
    """The fingerprints of the keys that made it."""
    try:
        return tuple(_key(parse(text)) for text in dearmoured(signature))
    except WireError as error:
        message = f"the signature of the commit cannot be read: {error}"
        raise RefusedError(message, advice="sign it again", code=ErrorCode.BAD_SIGNATURE) from error


def _key(signature: Signature) -> str:
    """A certificate has a fingerprint of its own, which no list of revoked keys has."""
    if signature.kind not in KEY_TYPES:
        raise WireError(f"its key is of the type {signature.kind}, which a list of revoked keys cannot judge")
    return signature.key


def _lay_out(content: Content, folder: Path) -> None:
    """Make ``folder`` hold exactly the files of ``content``: at once, and not at all where it does already."""
    try:
        if _holds(folder, content):
            return
        growing = folder.with_name("new")
        tree.remove_tree(growing)
        make_folders(growing)
        for entry in content.files:
            _write(growing / entry.path, content, entry.path, 0o755 if entry.executable else 0o644)
        if not (is_folder(folder) and exchange(growing, folder)):
            tree.remove_tree(folder)
            growing.rename(folder)
        tree.remove_tree(growing)
    except OSError as error:
        raise StorageError(f"{error.filename or folder}: {error.strerror}; the commit was not checked out") from error


def _write(place: Path, content: Content, path: str, mode: int) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with opened(place.parent, READ_FOLDER) as parent:
        tree.create_file(parent, place.name, content.chunks(path), mode)


def _holds(folder: Path, content: Content) -> bool:
    """Whether exactly these files lie there, and nothing else."""
    wanted = {entry.path: (entry.sha256, entry.executable) for entry in content.files}
    with suppress(FileNotFoundError, NotADirectoryError):
        nodes = [node for node in tree.walk(folder) if node.kind is not tree.NodeKind.FOLDER]
        if all(node.kind is tree.NodeKind.FILE for node in nodes):
            found = {node.path: (tree.hash_file(folder, node.path), bool(node.mode & 0o100)) for node in nodes}
            return found == wanted
    return False
