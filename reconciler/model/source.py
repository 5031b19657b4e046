"""Where packages come from."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, cast

from msgspec import Struct

from reconciler.model.auth import Auth
from reconciler.model.config import Json, JsonObject
from reconciler.model.digest import Digest
from reconciler.model.regex import regex

URL: Final = regex(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_SSH_SHORT: Final = regex(r"[\w.+-]+@[\w.-]+:")
"""``git@host:path``, which is no path that anyone means."""
_OCI_SHORT: Final = regex(r"[oO][cC][iI]://([^@]+?)(?::([^/:@]+))?(@sha256:[0-9a-f]{64})?")
"""``oci://registry/name:tag``; a digest says more than a tag beside it."""
_COLON_FIRST: Final = regex(r"[^/]*:")
"""What git takes for no path: a URL, or an address such as ``git@host:path``."""

TAR_SUFFIXES: Final = (".tar.gz", ".tgz", ".tar")


class SourceKind(StrEnum):
    """What a package is taken from."""

    DIR = "dir"
    ZIP = "zip"
    TAR = "tar"
    HTTP = "http"
    GIT = "git"
    CATALOG = "catalog"
    OCI = "oci"


PINNED: Final = frozenset([SourceKind.HTTP, SourceKind.GIT, SourceKind.CATALOG, SourceKind.OCI])
"""The kinds that the lock holds to what they stood for; the others are read as they are now."""


class Source(Struct, frozen=True):
    """A package's origin, by which it is told from others: a kind, and where to look.

    ``location`` is a URL, or a path relative to the file that names it. ``ref`` is for git (a branch, tag or commit)
    and for a registry (a tag, or ``@sha256:…``).
    ``path`` is the package's folder in a repository or an archive. Both are empty where the file is silent.
    """

    kind: SourceKind
    location: str
    ref: str = ""
    path: str = ""

    @staticmethod
    def from_document(value: Json) -> Source:
        """Decode ``./folder``, ``x.zip``, a URL or ``{kind: location, …}``; the shape has been validated."""
        if isinstance(value, str):
            if value.startswith("./"):
                return Source(_kind_of_path(value), value)
            if match := _OCI_SHORT.fullmatch(value):
                return Source(SourceKind.OCI, match[1], match[3] or match[2] or "")
            location = _with_lower_scheme(value)
            return Source(_kind_of(location), location)
        for kind, location in cast("dict[str, str]", value).items():  # the kind is nearly always all there is
            if kind in _KINDS:
                ref, path = (str(cast(JsonObject, value).get(key, "")) for key in ("ref", "path"))
                return Source(_KINDS[kind], _with_lower_scheme(location), ref, plain_path(path))
        raise KeyError("source")

    def to_document(self) -> Json:
        """The shortest way to write it: the shorthand where that means the same."""
        is_plain = not (self.ref or self.path) and _kind_of(self.location) is self.kind
        return self.location if is_plain else self.to_full_document()

    def to_full_document(self) -> JsonObject:
        """As a mapping, whatever it is."""
        document: JsonObject = {str(self.kind): self.location}
        if self.ref:
            document["ref"] = self.ref
        if self.path:
            document["path"] = self.path
        return document

    @property
    def is_pinned(self) -> bool:
        """Whether the lock decides which package this is."""
        return self.kind in PINNED

    @property
    def chooses_by_version(self) -> bool:
        """Whether a version range chooses among several packages."""
        return self.kind is SourceKind.CATALOG or (self.kind in (SourceKind.GIT, SourceKind.OCI) and not self.ref)

    @property
    def is_address(self) -> bool:
        """Whether ``location`` is no path."""
        if self.kind is SourceKind.OCI:
            return True
        return bool((_COLON_FIRST if self.kind is SourceKind.GIT else URL).match(self.location))

    def __str__(self) -> str:
        """For messages: the values of a url's query may be secret, as in an address that is signed."""
        place, mark, _ = self.location.partition("?") if self.is_address else (self.location, "", "")
        where = f"{place}?…" if mark else place
        if self.kind is SourceKind.OCI and self.ref:
            return where + (self.ref if self.ref.startswith("@") else f":{self.ref}")
        parts = [where, *([f"at {self.ref}"] if self.ref else []), *([f"in {self.path}"] if self.path else [])]
        return " ".join(parts)


_KINDS: Final = {str(kind): kind for kind in SourceKind}


def _with_lower_scheme(location: str) -> str:
    """``HTTPS://Host/x`` as ``https://Host/x``: the case of a scheme has no meaning (RFC 3986, 3.1)."""
    match = URL.match(location)
    return location if match is None or match[0].islower() else match[0].lower() + location[match.end() :]


def plain_path(path: str) -> str:
    """``./a/b/`` as ``a/b``."""
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return "" if path == "." else path.rstrip("/")


def _kind_of(location: str) -> SourceKind:
    if location.startswith("./"):  # most are: no address begins so
        return _kind_of_path(location)
    if _SSH_SHORT.match(location):
        return SourceKind.GIT
    if "://" in location and URL.match(location):
        is_git = location.startswith("ssh://") or location.lower().rstrip("/").endswith(".git")
        return SourceKind.GIT if is_git else SourceKind.HTTP
    return _kind_of_path(location)


def _kind_of_path(location: str) -> SourceKind:
    if location.lower().endswith(TAR_SUFFIXES):
        return SourceKind.TAR
    return SourceKind.ZIP if location.lower().endswith(".zip") else SourceKind.DIR


def has_later_kind(sources: Iterable[Source]) -> bool:
    """Whether one of them is of a kind that the documents with the number 2 do not know."""
    return any(source.kind is SourceKind.OCI for source in sources)


class Fetching(Struct, frozen=True, kw_only=True):
    """What a file says of how to get at a source. It changes nothing about which package that is.

    ``sha256`` is what the archive must have; ``mirrors`` are asked in this order where the source's own url fails.
    """

    sha256: Digest | None = None
    mirrors: tuple[str, ...] = ()
    auth: Auth | None = None

    @staticmethod
    def from_document(value: Json) -> Fetching:
        if not isinstance(value, dict) or len(value) == 1:
            return NOTHING_MORE
        sha256, auth = value.get("sha256"), value.get("auth")
        return Fetching(
            sha256=Digest(f"sha256:{str(sha256).removeprefix('sha256:').lower()}") if sha256 else None,
            mirrors=tuple(cast("list[str]", value.get("mirrors", []))),
            auth=Auth.from_document(cast(JsonObject, auth)) if auth else None,
        )


NOTHING_MORE: Final = Fetching()


class SourceRules(Struct, frozen=True, kw_only=True):
    """What sources may do that they may not by default. ``seconds`` bounds one transfer, whatever it takes.

    ``private_hosts`` are names that may lead from public addresses into private networks; ``local_git`` allows
    repositories at paths of this machine, ``trusted_git`` those at these paths, also of another user. ``proxy`` is
    ``none``, ``env`` or the address of one, and empty where the file is silent; ``proxy_variable`` names the variable
    that holds the address.
    """

    private_hosts: frozenset[str] = frozenset()
    local_git: bool = False
    trusted_git: tuple[str, ...] = ()
    seconds: int = 300
    proxy: str = ""
    proxy_variable: str = ""

    @staticmethod
    def from_document(value: JsonObject) -> SourceRules:
        proxy, local_git = value.get("proxy", ""), value.get("local_git", False)
        return SourceRules(
            private_hosts=frozenset(str(host).lower() for host in cast("list[str]", value.get("private_hosts", []))),
            local_git=local_git is True,
            trusted_git=tuple(map(str, local_git)) if isinstance(local_git, list) else (),
            seconds=cast(int, value.get("seconds", 300)),
            proxy=proxy if isinstance(proxy, str) else "",
            proxy_variable=str(proxy.get("env", "")) if isinstance(proxy, dict) else "",
        )
