"""How a host is to be run, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.host import defaults
from reconciler.host.engine.run import RunLimits
from reconciler.host.model_client import ModelServer
from reconciler.host.upstream.address import Upstream
from reconciler.model.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """``file`` is the desired state whose policy counts, if it is there. ``legacy`` is a gateway's old folder.

    ``api_key`` is what callers must show; ``None`` asks for none. ``rate`` is in requests a second for each caller, 0
    is no limit. ``strict`` refuses inputs that nothing declares. ``body`` bounds a request in bytes, ``wait`` the
    seconds that a change waits for another writer. ``allowed_hosts`` are further names of this host, and of sites whose
    pages may ask; ``mcp_tools`` are patterns of the items that ``/mcp`` offers, whose calls wait ``mcp_wait`` seconds
    before they give a handle; ``trusted_proxies`` addresses and networks whose X-Forwarded-For is believed. What is not
    the host's own is passed on to ``upstream``. ``access_log`` is a file that gets a line for each request.
    """

    env: Environment
    file: Path
    legacy: Path | None = None
    api_key: str | None = field(default=None, repr=False)
    rate: int = defaults.RATE
    body: int = 2**20
    wait: float = 10.0
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    takes_manifests: bool = True
    strict: bool = False
    mcp_tools: tuple[str, ...] = ("*",)
    mcp_wait: float = defaults.MCP_SECONDS
    default_model: str = defaults.MODEL
    model: ModelServer
    upstream: Upstream | None = None
    access_log: Path | None = None
    limits: RunLimits = field(default_factory=RunLimits)
