"""Which server is behind the host, and what its address means. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from reconciler.errors import InputError
from reconciler.host.asked import MAX_SECONDS, is_header_text, server_address, without_v1
from reconciler.host.defaults import UPSTREAM_SECONDS

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A gateway or a model server. ``url`` may end with ``/v1``.

    ``api_key`` is shown there instead of what callers show. ``seconds`` bound how long an exchange may stand still.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    seconds: float = UPSTREAM_SECONDS

    def __post_init__(self) -> None:
        parts = server_address(self.url, option="--upstream", variable="LLAMAGATE_UPSTREAM_API_KEY")
        try:
            (parts.hostname or "").encode("idna")
        except UnicodeError as error:
            raise InputError("--upstream must be an http or https address") from error
        if self.api_key is not None and not is_header_text(self.api_key):
            raise InputError("the key for the upstream is printable ASCII, without spaces around it")
        if not 0 < self.seconds <= MAX_SECONDS:
            raise InputError(f"--upstream-timeout must be more than 0 and at most {MAX_SECONDS} seconds")

    @property
    def is_encrypted(self) -> bool:
        return self._parts.scheme == "https"

    @property
    def host(self) -> str:
        return (self._parts.hostname or "").encode("idna").decode()

    @property
    def port(self) -> int:
        return self._parts.port or _PORTS[self._parts.scheme]

    @property
    def authority(self) -> bytes:
        """What requests name as their ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (host if self.port == _PORTS[self._parts.scheme] else f"{host}:{self.port}").encode()

    @property
    def base(self) -> bytes:
        """What the path of each request begins with there."""
        return quote(self._parts.path, safe="/%:@!$&'()*+,;=~").encode()

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(without_v1(self.url))
