"""Who this machine is to a registry: what ``docker login`` and ``podman login`` keep, in files or in helpers."""

from __future__ import annotations

import binascii
import os
import selectors
import shutil
import signal
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_IRWXO
from typing import BinaryIO, Final, cast

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.documents import json_text
from reconciler.errors import InputError, UnreachableError
from reconciler.fs.bounded import read_start
from reconciler.model.config import JsonObject
from reconciler.model.regex import regex
from reconciler.sources.oci.reference import DOCKER, Repository

HELPER_SECONDS: Final = 20.0
"""For a helper, which may ask a person, and then nobody answers."""
_MAX_FILE_BYTES: Final = 2**20
_CHUNK_BYTES: Final = 2**16
_HELPER: Final = regex(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TOKEN_USER: Final = "<token>"  # noqa: S105 - what helpers say in place of a user
_NOT_FOUND: Final = b"credentials not found"
_DOCKER_KEY: Final = "https://index.docker.io/v1/"


class Login(Struct, frozen=True, kw_only=True):
    """``basic`` is the value of ``Authorization`` for user and password; ``identity`` is what gives tokens without.

    ``label`` is how messages call it: where it comes from.
    """

    label: str
    basic: str = ""
    identity: str = ""

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Login(label={self.label!r})"


def login_for(repository: Repository, variables: Mapping[str, str], *, seconds: float) -> Login | None:
    """What the files, podman's before docker's, have for the repository. ``InputError`` where one of them is damaged.

    Helpers are asked for at most ``seconds``; ``UnreachableError`` where one does not answer.
    """
    for path in _files(variables):
        if (document := _read(path)) is not None:
            found = _from_helper(document, repository, path, variables, min(seconds, HELPER_SECONDS))
            found = found or _from_file(document, repository, path)
            if found is not None:
                return found
    return None


def _files(variables: Mapping[str, str]) -> Iterator[Path]:
    home = variables.get("HOME", "")
    if named := variables.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
    else:
        if runtime := variables.get("XDG_RUNTIME_DIR"):
            yield Path(runtime, "containers", "auth.json")
        if config := variables.get("XDG_CONFIG_HOME") or (home and f"{home}/.config"):
            yield Path(config, "containers", "auth.json")
    if folder := variables.get("DOCKER_CONFIG") or (home and f"{home}/.docker"):
        yield Path(folder, "config.json")


def _read(path: Path) -> JsonObject | None:
    try:
        data = read_start(path, _MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", code=ErrorCode.CREDENTIALS) from error
    try:
        document = json_text.load(data, name=str(path), max_bytes=_MAX_FILE_BYTES)
    except InputError:
        document = None  # the reason may quote a password
    if not isinstance(document, dict):
        raise InputError(
            f"{path} is not a file of credentials",
            advice="'docker login' or 'podman login' writes it",
            code=_CREDENTIALS,
        )
    return document


_CREDENTIALS: Final = ErrorCode.CREDENTIALS


def _keys(repository: Repository) -> Sequence[str]:
    """Under which names a file may have the repository, the most exact first."""
    if repository.host in DOCKER:
        return (_DOCKER_KEY, *DOCKER)
    parts = repository.name.split("/")
    paths = ["/".join([repository.host, *parts[:count]]) for count in range(len(parts), -1, -1)]
    return (*paths, *(f"{scheme}://{repository.host}{path}" for scheme in ("https", "http") for path in _PATHS))


_PATHS: Final = ("", "/", "/v1/", "/v2/")


def _part(document: JsonObject, name: str) -> JsonObject:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _from_file(document: JsonObject, repository: Repository, path: Path) -> Login | None:
    entries = _part(document, "auths")
    for key in _keys(repository):
        entry = entries.get(key)
        if not isinstance(entry, dict) or not (entry.get("auth") or entry.get("identitytoken")):
            continue
        _check_is_private(path)
        if token := entry.get("identitytoken"):
            return Login(label=str(path), identity=str(token))
        return Login(label=str(path), basic=_basic(entry["auth"], path, repository))
    return None


def _basic(encoded: object, path: Path, repository: Repository) -> str:
    try:
        pair = b64decode(cast(str, encoded), validate=True)
        if b":" in pair and pair.decode().isprintable():
            return f"Basic {b64encode(pair).decode()}"
    except (binascii.Error, TypeError, ValueError):
        pass  # told below, and without what was there
    raise InputError(
        f"{path} has no user and password for {repository.host} that can be read",
        advice=f"log in again: 'docker login {repository.host}'",
        code=_CREDENTIALS,
    )


def _check_is_private(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & S_IRWXO:
        advice = f"run 'chmod 600 {path}'"
        raise InputError(f"{path} is open to every user of this machine", advice=advice, code=_CREDENTIALS)


def _from_helper(
    document: JsonObject, repository: Repository, path: Path, variables: Mapping[str, str], seconds: float
) -> Login | None:
    helpers = _part(document, "credHelpers")
    for key in _keys(repository):
        if isinstance(name := helpers.get(key), str):
            return _asked(name, key, path, variables, seconds)
    if isinstance(store := document.get("credsStore"), str) and store:
        key = _DOCKER_KEY if repository.host in DOCKER else repository.host
        return _asked(store, key, path, variables, seconds)
    return None


def _asked(name: str, server: str, path: Path, variables: Mapping[str, str], seconds: float) -> Login | None:
    """What the helper ``name`` says of ``server``; ``None`` where it knows nothing of it."""
    program = f"docker-credential-{name}"
    found = shutil.which(program, path=variables.get("PATH", "")) if _HELPER.fullmatch(name) else None
    if found is None:
        message = f"{path} names the helper '{program}', which is not installed"
        raise InputError(message, advice="install it, or log in again", code=ErrorCode.MISSING_PROGRAM)
    code, out = _run([found, "get"], server, variables, seconds)
    if code != 0 and _NOT_FOUND in out.lower():
        return None
    try:
        said = json_text.load(out, name=program, max_bytes=_MAX_FILE_BYTES) if code == 0 else None
    except InputError:
        said = None  # the reason may quote a password
    if not isinstance(said, dict) or not isinstance(secret := said.get("Secret"), str):
        message = f"the helper '{program}', which {path} names, gives no credentials for {server}"
        advice = f"try it: 'echo {server} | {program} get'"
        raise InputError(message, advice=advice, code=_CREDENTIALS)
    user, label = str(said.get("Username", "")), f"the helper '{program}'"
    if user == _TOKEN_USER:
        return Login(label=label, identity=secret)
    return Login(label=label, basic=f"Basic {b64encode(f'{user}:{secret}'.encode()).decode()}")


def _run(command: Sequence[str], given: str, variables: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
    """Exit code and output. It, and all that it started, is ended where it takes too long or prints too much."""
    name, end = Path(command[0]).name, time.monotonic() + seconds
    with _started(command, variables) as process:
        try:
            _tell(process, given)
            out = _heard(process, end)
            if len(out) > _MAX_FILE_BYTES:
                message = f"the helper '{name}' prints more than {_MAX_FILE_BYTES >> 20} MiB"
                raise InputError(message, advice="log in again, or use another helper", code=_CREDENTIALS)
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            message = f"the helper '{name}' did not answer within {seconds:g} s"
            raise UnreachableError(message).for_long() from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, out


def _started(command: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - its name was checked, and its place is the user's own path
            command,
            env={**variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        message = f"{command[0]} cannot be started: {error.strerror}"
        raise InputError(message, code=ErrorCode.MISSING_PROGRAM) from error


def _tell(process: subprocess.Popen[bytes], text: str) -> None:
    """A name is shorter than what a pipe holds, so that this does not wait."""
    with suppress(BrokenPipeError), cast(BinaryIO, process.stdin) as stdin:
        stdin.write(text.encode())


def _heard(process: subprocess.Popen[bytes], end: float) -> bytes:
    """What it prints until ``end``, and not much more than may be looked at."""
    out, stdout = bytearray(), cast(BinaryIO, process.stdout)
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while len(out) <= _MAX_FILE_BYTES:
            if not selector.select(max(0.0, end - time.monotonic())):
                raise subprocess.TimeoutExpired(process.args, 0)
            if not (chunk := os.read(stdout.fileno(), _CHUNK_BYTES)):
                break
            out += chunk
    return bytes(out)
