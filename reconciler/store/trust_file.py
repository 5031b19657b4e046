"""A host's own file of trust, and the lists that rules name: bytes in, values out."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from reconciler.codes import ErrorCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, LlamagateError, RefusedError
from reconciler.fs.bounded import read_if_there, read_start
from reconciler.fs.places import located
from reconciler.fs.presence import is_folder, is_there
from reconciler.model.environment import Environment
from reconciler.model.trust import HOST_TRUST, TrustRules
from reconciler.store.desired_file import DesiredFile
from reconciler.store.document import MAX_BYTES, telling_path, validated

MAX_LIST_BYTES: Final = 4 * 2**20


def host_trust_path(env: Environment) -> Path:
    """Where the rules of this host are, whether there are any or not."""
    return env.trust or Path(HOST_TRUST)


def read_host_trust(env: Environment) -> TrustRules | None:
    """The rules of this host; ``None`` where it has none. ``InputError`` with all faults.

    ``RefusedError`` where everybody may write them.
    """
    path = host_trust_path(env)
    with telling_path(path, "--trust"):
        data = read_if_there(path, MAX_BYTES + 1)
    if data is None:
        if env.trust is not None:
            raise InputError.at("no such file; name one with --trust", file=path, code=ErrorCode.NOT_FOUND)
        _check_absent(path)
        return None
    rules = TrustRules.from_document(validated(data, path, "trust", "rules of trust", frozenset()))
    for each in (path.absolute(), *_lists(rules, path.absolute())):
        _check_not_open(each)
    return rules


def _check_not_open(path: Path) -> None:
    """``RefusedError`` where everybody on this machine may write a host's file of trust, or put another in its place,
    or in that of a folder above it.

    A link is looked at, and where it leads.
    """
    real = Path(os.path.realpath(path))
    for each in (path, *path.parents, real, *real.parents):
        if os.name == "posix" and _may_be_written_by_all(each):
            message = f"everybody may write {each}, and so decide who may sign"
            advice = f"run 'chmod o-w {each}', after a look at what it says"
            raise RefusedError(message, advice=advice, code=ErrorCode.INSECURE)


def _check_absent(path: Path) -> None:
    """``InputError`` where there is a link to rules, and they cannot be read now: that is not the same as none."""
    with telling_path(path, "--trust"):
        is_lost = is_there(path) or (is_there(path.parent) and not is_folder(path.parent))
    if is_lost:
        message = "it, or its folder, is a link that leads nowhere; repair the link, or remove it"
        raise InputError.at(message, file=path, code=ErrorCode.UNREADABLE)


def _may_be_written_by_all(path: Path) -> bool:
    """What is mounted for reading alone may not, whatever its mode says: so containers get their files."""
    try:
        mode = path.stat().st_mode
        is_open = mode & stat.S_IWOTH and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX)
        return bool(is_open) and not os.statvfs(path).f_flag & os.ST_RDONLY
    except OSError:  # which is said where it is read
        return False


def host_lists(env: Environment) -> tuple[Path | None, Path | None]:
    """The files of signers, if this host asks for signatures, and of revoked keys that its rules name."""
    rules = read_host_trust(env)
    if rules is None:
        return None, None
    folder = host_trust_path(env).absolute().parent
    signers, revoked = (located(folder, name) if name else None for name in (rules.signers, rules.revoked))
    return signers if rules.require == "signed" else None, revoked


def asks_for_trust(env: Environment, file: DesiredFile | None) -> bool:
    """Whether anybody is asked for signatures."""
    if (file is not None and file.desired.trust is not None) or env.trust is not None:
        return True
    try:
        return is_there(Path(HOST_TRUST)) or is_there(Path(HOST_TRUST).parent)
    except OSError:  # who may not look there is told so where it is read
        return True


def trust_files(env: Environment, file: DesiredFile | None) -> tuple[str, ...]:
    """All files that decide who is trusted, whether they are there or not: absolute paths."""
    host = host_trust_path(env).absolute()
    try:
        rules = read_host_trust(env)
    except LlamagateError:
        rules = None
    own = file.desired.trust if file is not None else None
    lists = [*(_lists(rules, host) if rules else ()), *(_lists(own, file.path.absolute()) if file and own else ())]
    return tuple(map(str, [host, *lists]))


def _lists(rules: TrustRules, said: Path) -> list[Path]:
    return [located(said.parent, name) for name in (rules.signers, rules.revoked) if name]


def read_list(path: Path, *, said: Path, data: bytes, key: str) -> bytes:
    """The file at ``path`` that ``key`` below ``trust`` of the file ``said`` names, which has the text ``data``."""
    try:
        found = read_start(path, MAX_LIST_BYTES + 1)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}; correct its path, or the file"
        raise _unreadable(message, said, data, key) from error
    if len(found) > MAX_LIST_BYTES:
        raise _unreadable(f"{path} has more than {MAX_LIST_BYTES >> 20} MiB", said, data, key)
    return found


def _unreadable(message: str, said: Path, data: bytes, key: str) -> InputError:
    place = yaml_text.locate(data, ("trust", key)) if data else None
    return InputError.at(message, file=said, place=place, path=f"trust.{key}", code=ErrorCode.UNREADABLE)
