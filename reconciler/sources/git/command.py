"""The system's git, hardened: nothing of the user's settings, no prompt, no hook, no program but git and ssh.

Git is told everything on its command line and in an environment that is built here from nothing. Secrets are in the
environment only, where other users do not see them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, StorageError, UnreachableError
from reconciler.fs.durable import make_folders, write_file
from reconciler.fs.ownership import is_of_another
from reconciler.model.digest import digest_bytes
from reconciler.sources.git.address import Transport, local_path, origin_of, transport_of
from reconciler.sources.git.failure import failure, foreign
from reconciler.sources.git.process import Finished, GitCommand, OutputTooLargeError, run, spawn
from reconciler.sources.retry import patiently
from reconciler.sources.web.authorities import authorities_of

_SETTINGS: Final = (
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    "credential.helper=",
    "http.followRedirects=false",  # curl takes our headers along, and an https url may lead anywhere
    "http.sslVerify=true",
    "transfer.fsckObjects=true",
    "core.bigFileThreshold=16m",  # what is larger is streamed: a small pack may hold a huge file
    "fetch.unpackLimit=1",  # one pack for a fetch, not a file for each object
)
_SSH: Final = (
    "ssh -o BatchMode=yes -o ConnectTimeout=15 -o ClearAllForwardings=yes -o ForwardAgent=no -o ForwardX11=no"
    " -o PermitLocalCommand=no"
)
_SSH_VARIABLES: Final = ("HOME", "SSH_AUTH_SOCK", "USER", "LOGNAME")
_LOCAL_SECONDS: Final = 300.0
_NAME_DIGITS: Final = 32
_SHORTEST_SECONDS: Final = 0.001
_NOTHING: Final = "none"
"""No transport has this name: git can talk to nobody."""


class GitRules(Struct, frozen=True, kw_only=True):
    """What git may do for one url.

    ``local``: folders of this machine may be fetched from; ``trusted``: also one of another user. ``seconds`` are for
    one exchange, from its start to its end, ``size`` is in bytes of what one fetch may bring. ``headers`` are secret
    lines (``Name: value``) for the origin of an http or https url, ``proxy`` is the address of its proxy, with what is
    secret in it. ``variables`` are those of this process: ``PATH``, and what ssh needs. ``offline``: git talks to
    nobody.
    """

    local: bool = False
    trusted: bool = False
    seconds: float = 300.0
    size: int = 1 << 30
    headers: tuple[str, ...] = ()
    proxy: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    offline: bool = False

    def __repr__(self) -> str:
        """Without headers, proxy and variables, which may be secret."""
        return f"GitRules(local={self.local}, seconds={self.seconds}, size={self.size}, offline={self.offline})"


class Git:
    """Git for one url, which ``git_url_problem`` accepts. ``home`` is an empty folder, instead of the user's."""

    def __init__(self, url: str, *, home: Path, rules: GitRules) -> None:
        self._url = url
        self._home = home
        self._rules = rules

    def talk(self, *arguments: str, repository: Path | None = None, given: bytes = b"") -> bytes:
        """Run a git command that talks to the url, within the rules, and return what it prints; again where that fails
        for the moment.

        Raises ``UnreachableError`` where trying again may help, ``GitFailedError`` for what git alone can explain, and
        the other errors of ``failure``.
        """
        self.check_online()
        self._check_owner()
        command = self._command(arguments, repository, self._environment(talks=True))
        end = time.monotonic() + self._rules.seconds

        def attempt() -> bytes:
            seconds = max(end - time.monotonic(), _SHORTEST_SECONDS)
            finished = self._run(command, seconds=seconds, given=given, file_size=self._rules.size)
            if finished.code:
                raise failure(self._url, finished.err, secrets=self._rules.headers)
            return finished.out

        return patiently(attempt, end=end)

    def check_online(self) -> None:
        """``InputError`` where git may talk to nobody."""
        if self._rules.offline:
            advice = "run the command without --offline"
            raise InputError(
                f"{self._url} is needed, and --offline forbids to ask it", advice=advice, code=ErrorCode.OFFLINE
            )

    def _check_owner(self) -> None:
        """``InputError`` where the url is the folder of a user that the rules do not trust."""
        path = Path(local_path(self._url))
        if self._rules.trusted or not path.is_absolute():
            return
        for place in (path, path / ".git"):
            if is_of_another(place):
                raise foreign(self._url, str(place))

    def ask(self, *arguments: str, repository: Path) -> Finished:
        """Run a git command that looks into ``repository``, or changes it, and can talk to nobody."""
        command = self._command(arguments, repository, self._environment(talks=False))
        return self._run(command, seconds=_LOCAL_SECONDS)

    def is_valid_now(self, signature: bytes, signed: bytes, signers: Path) -> bool:
        """Whether an ssh ``signature`` of ``signed`` is by a key that the file ``signers`` lets sign commits now."""
        environment = self._environment(talks=False)
        program = shutil.which("ssh-keygen", path=environment["PATH"])
        if program is None:
            raise InputError(
                "signatures need the program ssh-keygen, which is not installed; install OpenSSH",
                code=ErrorCode.MISSING_PROGRAM,
            )
        with tempfile.NamedTemporaryFile() as file:
            file.write(signature)
            file.flush()
            files = ("-f", os.fspath(signers.absolute()), "-s", file.name)

            def ask(*words: str, given: bytes = b"") -> Finished:
                command = GitCommand(arguments=(program, "-Y", *words), environment=environment, folder=self._home)
                return self._run(command, seconds=_LOCAL_SECONDS, given=given)

            # Whose key it is says nothing of what for: one that has run out for commits may be valid for packages.
            found = ask("find-principals", *files)
            names = os.fsdecode(found.out).rstrip("\n").split("\n") if not found.code else []
            return any(not ask("verify", *files, "-n", "git", "-I", name, given=signed).code for name in names)

    def converse(self, *arguments: str, repository: Path) -> subprocess.Popen[bytes]:
        """Start a git command like ``ask`` that answers on its output what it is asked on its input.

        The caller ends it.
        """
        command = self._command(arguments, repository, self._environment(talks=False))
        try:
            return spawn(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except OSError as error:
            raise StorageError(f"cannot run git: {error.strerror}") from error

    def _run(
        self, command: GitCommand, *, seconds: float, given: bytes = b"", file_size: int | None = None
    ) -> Finished:
        try:
            return run(command, seconds=seconds, given=given, file_size=file_size)
        except TimeoutError as error:
            failed = UnreachableError(f"{self._url}: git was not done after {self._rules.seconds:g} s")
            raise failed.for_long() from error
        except OutputTooLargeError as error:
            raise InputError(f"{self._url} lists more than git is listened to; use a smaller repository") from error
        except OSError as error:
            raise StorageError(f"cannot run git: {error.strerror}") from error

    def _command(
        self, arguments: tuple[str, ...], repository: Path | None, environment: Mapping[str, str]
    ) -> GitCommand:
        try:
            make_folders(self._home)
        except OSError as error:
            raise StorageError(f"cannot make {self._home}: {error.strerror}") from error
        program = shutil.which("git", path=environment["PATH"])
        if program is None:
            raise InputError(
                f"{self._url} needs the program git, which is not installed; install git 2.32 or newer",
                code=ErrorCode.MISSING_PROGRAM,
            )
        settings = [part for setting in (*_SETTINGS, *self._authority()) for part in ("-c", setting)]
        place = f"--git-dir={repository or self._home}"  # else git would look for one in the folders above
        return GitCommand(arguments=(program, place, *settings, *arguments), environment=environment, folder=self._home)

    def _authority(self) -> tuple[str, ...]:
        """The certificates of the user's own authority, where one is named."""
        file, folder = authorities_of(self._rules.variables)
        return (*([f"http.sslCAInfo={file}"] if file else []), *([f"http.sslCAPath={folder}"] if folder else []))

    def _environment(self, *, talks: bool) -> Mapping[str, str]:
        transport = transport_of(self._url)
        environment = {
            "PATH": self._rules.variables.get("PATH", os.defpath),
            "HOME": os.fspath(self._home),  # git and curl read settings and .netrc there
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": self._trusting() if talks and self._rules.trusted else os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "false",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": str(transport) if talks else _NOTHING,
            "GIT_SSH_COMMAND": _SSH,
            "GIT_SSH_VARIANT": "ssh",
        }
        if talks and transport is Transport.SSH:
            environment |= {name: value for name, value in self._rules.variables.items() if name in _SSH_VARIABLES}
        if talks and transport in (Transport.HTTPS, Transport.HTTP):
            environment |= self._secrets()
        return environment

    def _trusting(self) -> str:
        """The file that has git read a repository of another user. Only this road leads to the git that sends."""
        path = os.path.realpath(local_path(self._url))
        quoted = path.replace("\\", "\\\\").replace('"', '\\"')
        text = f'[safe]\n\tdirectory = "{quoted}"\n\tdirectory = "{quoted}/.git"\n'
        place = self._home / f"trusting-{digest_bytes(path.encode()).removeprefix('sha256:')[:_NAME_DIGITS]}"
        try:
            make_folders(self._home)
            write_file(place, text.encode())
        except OSError as error:
            raise StorageError(f"cannot write {place}: {error.strerror}") from error
        return os.fspath(place)

    def _secrets(self) -> dict[str, str]:
        """The headers, for the url's origin alone, and the proxy as settings in the environment."""
        key = f"http.{origin_of(self._url)}.extraHeader"
        settings = [("http.proxy", self._rules.proxy), *((key, header) for header in self._rules.headers)]
        pairs = {f"GIT_CONFIG_KEY_{index}": name for index, (name, _) in enumerate(settings)}
        pairs |= {f"GIT_CONFIG_VALUE_{index}": value for index, (_, value) in enumerate(settings)}
        return {"GIT_CONFIG_COUNT": str(len(settings)), **pairs}
