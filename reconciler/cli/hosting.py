"""What ``llamagate serve`` does once the host is known to be installed, which this file loads."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from reconciler.cli.gateway_variables import DOTENV, GatewayVariables, gateway_variables
from reconciler.cli.host_flags import HostFlags, ModelFlags
from reconciler.cli.invocation import Invocation
from reconciler.errors import ExitCode, UsageError
from reconciler.host import defaults
from reconciler.host.asked import is_header_text
from reconciler.host.model_client import ModelServer, completed_url
from reconciler.host.runtime import Runtime
from reconciler.host.server import Address, Tls, listen, url_of
from reconciler.host.server import serve as serve_until_a_signal
from reconciler.host.settings import HostSettings
from reconciler.host.startup import start
from reconciler.host.upstream.address import Upstream
from reconciler.host.upstream.look import is_here
from reconciler.host.watching import watching
from reconciler.host.web.addresses import networks
from reconciler.host.web.app import make_app
from reconciler.model.regex import regex
from reconciler.reconcile.options import Options

_USUAL: Final = (700, 10, 10)
"""Python's own thresholds: a command, which ends soon, runs with higher ones."""
_HOST_NAME: Final = regex(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:.]+")


def host(invocation: Invocation, flags: HostFlags, models: ModelFlags, watches: Options | None) -> int:
    """Serve until a signal ends it, with a watcher beside it where ``watches`` says so; the exit code."""
    variables = gateway_variables(invocation.env.variables, Path.cwd())
    address = Address(host=flags.host, port=flags.port_in(variables.values))
    settings = _settings(invocation, flags, models, variables, is_watched=watches is not None)
    if settings.upstream and is_here(settings.upstream, address.host, address.port):
        message = f"--upstream {settings.upstream.url} is the address where this host listens"
        raise UsageError(message, advice="choose another --port for the host, or name the gateway's address")
    tls = _tls(flags, variables)
    runtime = Runtime(settings, tell=invocation.terminal.notice)
    if variables.from_file:
        runtime.tell(f"taken from {DOTENV}: {', '.join(variables.from_file)}")
    watched = watching(runtime, watches) if watches else nullcontext()
    with listen(address) as listener, watched as beside:
        start(runtime, migrates=flags.migrate)
        _collect_often()
        if settings.api_key is None and not address.is_loopback:
            runtime.tell(f"everyone who can reach {address.host} can run and replace extensions; set API_KEY")
        if invocation.as_json:
            invocation.terminal.line({"url": url_of(listener, tls=tls is not None)})
        app = make_app(runtime, local_only=address.is_loopback, is_watcher=watches is not None)
        is_interrupted = serve_until_a_signal(
            app, runtime, listener, trusted_proxies=settings.trusted_proxies, beside=beside, tls=tls
        )
    return ExitCode.INTERRUPTED if is_interrupted else ExitCode.OK


def _collect_often() -> None:
    """A server lives on: what a request leaves, megabytes for one that failed, is freed soon after it.

    What is loaded by now stays, and is not looked at each time.
    """
    gc.freeze()
    gc.set_threshold(*_USUAL)


def _settings(
    invocation: Invocation, flags: HostFlags, models: ModelFlags, variables: GatewayVariables, *, is_watched: bool
) -> HostSettings:
    upstream = _upstream(flags, variables)
    rate = flags.rate_limit if flags.rate_limit is not None else variables.rate()
    return HostSettings(
        env=invocation.env,
        file=invocation.file if is_watched else invocation.named_file,  # a watcher waits for it
        legacy=flags.legacy.absolute() if flags.legacy else None,
        api_key=key_in("API_KEY", variables.values),
        rate=defaults.RATE if rate is None else rate,
        allowed_hosts=tuple(map(_host_name, flags.allow_host or [])),
        trusted_proxies=tuple(map(_proxy, flags.trusted_proxy or [])),
        takes_manifests=not flags.no_put and variables.takes_manifests() is not False,
        strict=flags.strict,
        mcp_tools=tuple(flags.mcp_tools) if flags.mcp_tools is not None else ("*",),
        mcp_wait=flags.mcp_wait,
        default_model=models.model,
        model=_model(models, variables, upstream),
        upstream=upstream,
        access_log=flags.access_log.absolute() if flags.access_log else None,
    )


def _upstream(flags: HostFlags, variables: GatewayVariables) -> Upstream | None:
    key = key_in("LLAMAGATE_UPSTREAM_API_KEY", variables.values)
    if flags.upstream is None:
        return None
    return Upstream(url=flags.upstream, api_key=key, seconds=flags.upstream_timeout)


def _model(models: ModelFlags, variables: GatewayVariables, upstream: Upstream | None) -> ModelServer:
    """The server that steps ask. Where none is named it is the upstream, which answers chat too."""
    key, named = key_in("LLAMAGATE_LLM_API_KEY", variables.values), variables.model_server()
    url = models.llm_url or (completed_url(named) if named else None)
    if url is None and upstream is not None:
        return ModelServer(url=upstream.url, api_key=key or upstream.api_key, seconds=models.llm_timeout)
    return ModelServer(url=url or defaults.MODEL_URL, api_key=key, seconds=models.llm_timeout)


def _tls(flags: HostFlags, variables: GatewayVariables) -> Tls | None:
    if (flags.tls_cert is None) != (flags.tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together")
    if flags.tls_cert and flags.tls_key:
        return Tls(certificate=flags.tls_cert, key=flags.tls_key)
    files = variables.tls_files()
    return Tls(certificate=files[0], key=files[1]) if files else None


def _host_name(text: str) -> str:
    if not _HOST_NAME.fullmatch(text):
        raise UsageError(f"--allow-host {text[:60]!r} is not a host name", advice="give a name without scheme and port")
    return text.lower()


def _proxy(text: str) -> str:
    try:
        networks([text])
    except ValueError as error:
        message = f"--trusted-proxy {text[:60]!r} is not an address or a network"
        raise UsageError(message, advice="give an address such as 10.0.0.2, or a network such as 10.0.0.0/8") from error
    return text


def key_in(name: str, variables: Mapping[str, str]) -> str | None:
    """The key in a variable, without the line end that files of secrets have. ``UsageError`` where it is none."""
    text = variables.get(name, "")
    key = text.strip()
    if text and not (key and is_header_text(key)):
        raise UsageError(
            f"the variable {name} is not a valid key: use printable ASCII, on one line", advice="set it again"
        )
    return key or None
