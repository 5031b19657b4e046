"""Trust: the people who may sign, and the keys that count no longer, in the files that the rules name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputChangedError, InputError, telling
from reconciler.fs.bounded import read_if_there
from reconciler.fs.places import located
from reconciler.fs.replace import replace_if
from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.trust import TrustRules
from reconciler.resolve.signatures import trust_of
from reconciler.store.desired_file import read_desired
from reconciler.store.trust_file import MAX_LIST_BYTES, host_trust_path, read_host_trust
from reconciler.trust.policy import Authority
from reconciler.trust.revocation import FINGERPRINT, read_revoked
from reconciler.trust.signers import SignerLine, fits, moment_of, public_key, read_signers
from reconciler.trust.statements import CATALOG_NAMESPACE, PACKAGE_NAMESPACE
from reconciler.trust.wire import WireError, fingerprint

_TRIES: Final = 100


class Listed(Struct, frozen=True, kw_only=True):
    """One key of a file of signers. ``state`` is empty, or why it does not count now."""

    name: str
    key: str
    file: str
    line: int
    namespaces: str
    state: str

    def to_document(self) -> JsonObject:
        return {
            "name": self.name,
            "key": self.key,
            "file": self.file,
            "line": self.line,
            "namespaces": self.namespaces or None,
            "state": self.state or "valid",
        }


class Wrote(Struct, frozen=True, kw_only=True):
    """A list that was changed, and the lines that are new in it."""

    path: Path
    lines: tuple[str, ...]

    def to_document(self) -> JsonObject:
        return {"file": str(self.path), "added": [*self.lines]}


def list_signers(env: Environment, file: Path) -> tuple[Listed, ...] | None:
    """Everybody who may sign, by the rules of the host and of ``file``; ``None`` where nobody is asked."""
    desired = read_desired(file) if file.exists() else None
    trust = trust_of(env, desired, file.absolute().parent)
    if trust is None:
        return None
    found: dict[tuple[str, int], Listed] = {}
    for authority in trust.authorities:
        for line in authority.signers:
            place = (authority.signers_file, line.number)
            known = found[place].state if place in found else ""  # a key that one of them revokes counts for nobody
            found[place] = Listed(
                name=line.principals,
                key=line.key,
                file=authority.signers_file,
                line=line.number,
                namespaces=line.namespaces,
                state=known or _state(authority, line, env.now),
            )
    return tuple(found.values())


def add_signer(env: Environment, file: Path, name: str, key: str, *, valid_before: str = "") -> Wrote:
    """Let the key of ``name`` sign packages and catalogs. ``key`` is a public key, or its file."""
    words = _public_words(key)
    if not name or any(character in name for character in ' \t",#!*?') or not name.isprintable():
        raise InputError(f"{name!r} is not a name for a signer: write it without blanks, commas and patterns")
    place = _list_path(env, file, "signers")
    options = [f'namespaces="{PACKAGE_NAMESPACE},{CATALOG_NAMESPACE}"']
    options += [f'valid-before="{_checked_time(valid_before)}"'] if valid_before else []
    line = f"{name} {','.join(options)} {words}"
    added = read_signers(line.encode(), name=str(place))[0]

    def missing(before: bytes) -> Sequence[str]:
        known = {(one.principals, one.key) for one in read_signers(before, name=str(place))}
        return [] if (name, added.key) in known else [line]

    return _append(place, missing)


def _checked_time(text: str) -> str:
    try:
        moment_of(text)
    except WireError as error:
        raise InputError(f"--valid-before: {error}", code=ErrorCode.USAGE) from error
    return text


def revoke(env: Environment, file: Path, what: str, *, reason: str = "") -> Wrote:
    """Let a key count no longer: a fingerprint, a public key or its file, or the name whose keys are all meant."""
    place = _list_path(env, file, "revoked")
    keys = _meant(env, file, what)
    day = env.now.astimezone(UTC).strftime("%Y-%m-%d")
    named = "" if what in keys else f" {' '.join(what.split())}"
    note = f" {day}{named}" + (f": {' '.join(reason.split())}" if reason else "")

    def missing(before: bytes) -> Sequence[str]:
        known = read_revoked(before, name=str(place))
        return [f"{key}{note}" for key in keys if key not in known]

    return _append(place, missing)


def _meant(env: Environment, file: Path, what: str) -> Sequence[str]:
    if what.startswith("SHA256:"):
        if not FINGERPRINT.fullmatch(what):
            raise InputError(f"{what} is not a fingerprint; copy it from 'llamagate trust list'")
        return [what]
    named = [one.key for one in list_signers(env, file) or () if fits(what, one.name)]
    if named and not Path(what).exists():
        return list(dict.fromkeys(named))
    if len(what.split()) == 1 and not Path(what).exists() and not Path(f"{what}.pub").exists():
        advice = "'llamagate trust list' shows the signers, with their keys"
        raise InputError(
            f"{what}: no signer of that name, and no file of a key", advice=advice, code=ErrorCode.NOT_FOUND
        )
    return [fingerprint(public_key(_public_words(what).split()))]


def _public_words(key: str) -> str:
    """``TYPE BASE64`` of a public key that is given, or is in a file, or in the file beside its private one."""
    if "PRIVATE KEY" in key:
        raise InputError("this is a private key itself; name its file, or write its public part")
    text = key
    if " " not in key.strip():
        beside = Path(f"{key}.pub").expanduser()
        path = beside if beside.is_file() else Path(key).expanduser()
        try:
            data = read_if_there(path, MAX_LIST_BYTES)
        except OSError as error:
            raise InputError(f"{key} cannot be read: {error.strerror}", code=ErrorCode.UNREADABLE) from error
        if data is None:
            advice = "name the file of a public key, or write 'TYPE BASE64'"
            raise InputError(f"{key}: no such key", advice=advice, code=ErrorCode.NOT_FOUND)
        text = data.decode("utf-8", "replace")
    words = text.split()
    try:
        public_key(words)
    except WireError as error:
        raise InputError(f"{key}: {error}") from error
    return " ".join(words[:2])


def _list_path(env: Environment, file: Path, what: str) -> Path:
    """The file that the rules of the desired state name, or else those of the host."""
    desired = read_desired(file) if file.exists() else None
    own = desired.desired.trust if desired else None
    host = read_host_trust(env)
    for rules, said in ((own, file), (host, host_trust_path(env))):
        if rules is not None and (named := _named(rules, what)):
            return located(said.absolute().parent, named)
    name = "allowed_signers" if what == "signers" else "revoked_keys"
    message = f"{file} names no file of {'signers' if what == 'signers' else 'revoked keys'}"
    raise InputError(message, advice=f"write into it: trust: {{{what}: ./{name}}}", code=ErrorCode.NOT_SET)


def _named(rules: TrustRules, what: str) -> str | None:
    return rules.signers if what == "signers" else rules.revoked


def _read(place: Path) -> bytes | None:
    try:
        return read_if_there(place, MAX_LIST_BYTES)
    except OSError as error:
        raise InputError.at(f"it cannot be read: {error.strerror}", file=place, code=ErrorCode.UNREADABLE) from error


def _append(place: Path, missing: Callable[[bytes], Sequence[str]]) -> Wrote:
    """Add the lines that are ``missing`` from what is there; where several write at once, no line is lost."""
    for _ in range(_TRIES):
        before = _read(place)
        lines, old = missing(before or b""), before or b""
        end = b"" if not old or old.endswith(b"\n") else b"\n"
        data = old + end + "".join(f"{line}\n" for line in lines).encode()
        with telling(f"{place} was not written"):
            if not lines or replace_if(place, data, expected=before):
                return Wrote(path=place, lines=tuple(lines))
    raise InputChangedError(f"{place} is written by others all the time")


def _state(authority: Authority, listed: SignerLine, now: datetime) -> str:
    if line := authority.revoked.get(listed.key):
        return f"revoked ({authority.revoked_file}:{line})"
    return "" if listed.is_valid(now.timestamp()) else "not valid now"
