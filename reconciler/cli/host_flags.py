"""The flags of ``serve``. They load nothing of the host, which is an extra."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import Struct

from reconciler.errors import UsageError
from reconciler.host import defaults
from reconciler.model.digits import whole

_MAX_PORT: Final = 65535
_PORT_HELP: Final = f"The port.  [default: $PORT, else {defaults.PORT}]"
_RATE_HELP: Final = f"Requests a second of one caller; 0: no limit.  [default: $RATE_LIMIT_RPS, else {defaults.RATE}]"
_ALLOW_HELP: Final = "A further name of this host, or of a site that may call it; can be repeated."
_PROXY_HELP: Final = "A proxy, or a network of them, whose X-Forwarded-For counts; can be repeated."
_URL_HELP: Final = f"A server with the OpenAI protocol.  [default: $OLLAMA_HOST, else {defaults.MODEL_URL}]"
_UPSTREAM_HELP: Final = "A gateway or model server to pass all else on to; it is the default of --llm-url, too."
_SILENCE_HELP: Final = "How long nothing may come from the upstream, or go to it, before the exchange is ended."
_ACCESS_HELP: Final = "Write a line for each request to this file."
_TOOLS_HELP: Final = "The items that /mcp offers as tools, all unless named; can be repeated."
_WAIT_HELP: Final = "How long a tool's call at /mcp waits before it gives a handle."
_LEGACY_HELP: Final = "A gateway's old 'extensions' folder, to serve too."


class HostFlags(Struct, frozen=True, kw_only=True):
    """Where the host listens, what it serves besides the home, and what its callers may do."""

    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", min=0, max=_MAX_PORT, show_default=False, help=_PORT_HELP),
    ] = None
    upstream: Annotated[
        str | None, typer.Option("--upstream", metavar="URL", show_default=False, help=_UPSTREAM_HELP)
    ] = None
    upstream_timeout: Annotated[float, typer.Option("--upstream-timeout", metavar="SECONDS", help=_SILENCE_HELP)] = (
        defaults.UPSTREAM_SECONDS
    )
    access_log: Annotated[
        Path | None, typer.Option("--access-log", metavar="FILE", dir_okay=False, help=_ACCESS_HELP)
    ] = None
    legacy: Annotated[
        Path | None, typer.Option("--legacy", metavar="DIR", exists=True, file_okay=False, help=_LEGACY_HELP)
    ] = None
    migrate: Annotated[bool, typer.Option("--migrate", help="First install the packages of --legacy.")] = False
    rate_limit: Annotated[
        int | None, typer.Option("--rate-limit", metavar="N", min=0, show_default=False, help=_RATE_HELP)
    ] = None
    no_put: Annotated[bool, typer.Option("--no-put", help="Refuse manifests sent over HTTP.")] = False
    mcp_tools: Annotated[
        list[str] | None, typer.Option("--mcp-tools", metavar="GLOB", show_default=False, help=_TOOLS_HELP)
    ] = None
    mcp_wait: Annotated[float, typer.Option("--mcp-wait", metavar="SECONDS", min=0, max=3600, help=_WAIT_HELP)] = (
        defaults.MCP_SECONDS
    )
    strict: Annotated[bool, typer.Option("--strict", help="Refuse inputs that an extension does not declare.")] = False
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", show_default=False, help=_ALLOW_HELP)
    ] = None
    trusted_proxy: Annotated[
        list[str] | None, typer.Option("--trusted-proxy", metavar="ADDRESS", show_default=False, help=_PROXY_HELP)
    ] = None
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", metavar="FILE", help="Serve HTTPS with it.")] = None
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="The key of --tls-cert.")] = None

    def port_in(self, variables: Mapping[str, str]) -> int:
        """The port to listen at. ``UsageError`` where it is taken from PORT, which holds none."""
        if self.port is not None:
            return self.port
        text = variables.get("PORT") or str(defaults.PORT)
        number = whole(text)
        if number is None or number > _MAX_PORT:
            raise UsageError(
                f"the variable PORT is {text[:60]!r}, which is not a port", advice="unset it, or give --port"
            )
        return number


class ModelFlags(Struct, frozen=True, kw_only=True):
    """Which model the steps of extensions ask."""

    llm_url: Annotated[str | None, typer.Option("--llm-url", metavar="URL", show_default=False, help=_URL_HELP)] = None
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model for steps that name none.")] = (
        defaults.MODEL
    )
    llm_timeout: Annotated[
        float, typer.Option("--llm-timeout", metavar="SECONDS", help="How long an answer may take.")
    ] = defaults.MODEL_SECONDS
