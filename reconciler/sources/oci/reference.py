"""Names of repositories in registries, as people write them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.digest import Digest
from reconciler.model.regex import regex
from reconciler.model.version import tagged_versions
from reconciler.sources.web.url import Origin, parsed_url

_HOST: Final = (
    r"(?=localhost[:/]|[^/]*[.:])(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?"
)
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_REPOSITORY: Final = regex(rf"({_HOST})/({_PART}(?:/{_PART})*)")
_REFERENCE: Final = regex(rf"({_HOST}/[^:@]+)(?::({_TAG}))?")
_TAG_ALONE: Final = regex(_TAG)
_DIGEST: Final = regex(r"sha256:[0-9a-f]{64}")
_MAX_CHARACTERS: Final = 255
_WRITE: Final = "write it as registry.example.org/team/name: the registry's host, and a name in lower case"
DOCKER: Final = ("docker.io", "index.docker.io")
_DOCKER_SERVER: Final = "registry-1.docker.io"


class Repository(Struct, frozen=True):
    """A repository: ``host`` is the registry as written, with its port, and ``name`` its path there."""

    host: str
    name: str

    @property
    def base(self) -> str:
        """The address below which it answers: https, and plain http to this machine."""
        is_docker = self.host in DOCKER
        server = _DOCKER_SERVER if is_docker else self.host
        name = f"library/{self.name}" if is_docker and "/" not in self.name else self.name
        return f"{'http' if is_here(self.host) else 'https'}://{server}/v2/{name}"

    @property
    def origin(self) -> Origin:
        """Where a token for it may go, and nowhere else."""
        return parsed_url(self.base).origin

    def __str__(self) -> str:
        return f"{self.host}/{self.name}"


def is_here(host: str) -> bool:
    """Whether a host, with or without a port, is this machine by the way it is written: no name is looked up."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    try:
        return name == "localhost" or ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def repository(text: str) -> Repository:
    """What ``registry.example.org/team/name`` means. ``InputError`` where it means nothing."""
    match = _REPOSITORY.fullmatch(text)
    if match is None or len(text) > _MAX_CHARACTERS:
        raise InputError(f"'{text}' is not a repository in a registry", advice=_WRITE, code=ErrorCode.MALFORMED)
    return Repository(*match.groups())


def reference(text: str) -> tuple[Repository, str]:
    """What ``registry.example.org/team/name:TAG`` means; the tag is empty where it has none. Errors as above."""
    match = _REFERENCE.fullmatch(text.removeprefix("oci://"))
    if match is None:
        advice = "write it as registry.example.org/team/name:1.2.0"
        raise InputError(f"'{text}' is not a place in a registry", advice=advice, code=ErrorCode.MALFORMED)
    return repository(match[1]), match[2] or ""


def digest_in(ref: str) -> Digest | None:
    """The digest that a ``ref`` such as ``@sha256:…`` names; ``None`` where it names a tag."""
    return Digest(ref[1:]) if ref.startswith("@") and _DIGEST.fullmatch(ref[1:]) else None


def is_digest(text: object) -> bool:
    """Whether it is a digest of the one kind that is taken."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Whether it can be a tag; what is none leads elsewhere in a registry's address."""
    return _TAG_ALONE.fullmatch(text) is not None


def tag_of(version: str) -> str:
    """The tag of a version: a tag has no ``+``, and ``_`` takes its place."""
    return version.replace("+", "_")


def versions_of(tags: Iterable[str], item_id: str) -> dict[str, str]:
    """Version → tag, for those that are versions."""
    texts = {tag.replace("_", "+", 1): tag for tag in tags if is_tag(tag)}
    return {version: texts[text] for version, text in tagged_versions(texts, item_id).items()}


def is_version(tag: str) -> bool:
    """Whether it says which version it is, so that it has to stay where it is; others, as ``stable``, may move on."""
    return bool(versions_of([tag], ""))
