"""What ``llamagate serve`` does once the host is known to be installed, which this file loads."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext

from reconciler.cli.host_flags import HostFlags, ModelFlags
from reconciler.cli.invocation import Invocation
from reconciler.errors import ExitCode, UsageError
from reconciler.host.model_client import ModelServer, is_header_text
from reconciler.host.runtime import Runtime
from reconciler.host.server import Address, listen, url_of
from reconciler.host.server import serve as serve_until_a_signal
from reconciler.host.settings import HostSettings
from reconciler.host.startup import start
from reconciler.host.watching import watching
from reconciler.reconcile.proposal import Options


def host(invocation: Invocation, flags: HostFlags, models: ModelFlags, watches: Options | None) -> int:
    """Serve until a signal ends it, with a watcher beside it where ``watches`` says so; the exit code."""
    settings = _settings(invocation, flags, models, is_watched=watches is not None)
    address = Address(host=flags.host, port=flags.port_in(invocation.env.variables))
    runtime = Runtime(settings, tell=invocation.terminal.notice)
    watched = watching(runtime, watches) if watches else nullcontext()
    with listen(address) as listener, watched as beside:
        start(runtime, migrates=flags.migrate)
        local_only = settings.api_key is None and address.is_loopback
        if settings.api_key is None and not local_only:
            runtime.tell(f"everyone who can reach {address.host} can run and replace extensions; set API_KEY")
        if invocation.as_json:
            invocation.terminal.line({"url": url_of(listener)})
        is_interrupted = serve_until_a_signal(runtime, listener, local_only=local_only, beside=beside)
    return ExitCode.INTERRUPTED if is_interrupted else ExitCode.OK


def _settings(invocation: Invocation, flags: HostFlags, models: ModelFlags, *, is_watched: bool) -> HostSettings:
    env = invocation.env
    model_key = _key("LLAMAGATE_LLM_API_KEY", env.variables)
    return HostSettings(
        env=env,
        file=invocation.file if is_watched else invocation.named_file,  # a watcher waits for it
        legacy=flags.legacy.absolute() if flags.legacy else None,
        api_key=_key("API_KEY", env.variables),
        rate=flags.rate_limit,
        takes_manifests=not flags.no_put,
        default_model=models.model,
        model=ModelServer(url=models.llm_url, api_key=model_key, seconds=models.llm_timeout),
    )


def _key(name: str, variables: Mapping[str, str]) -> str | None:
    """The key in a variable, without the line end that files of secrets have. ``UsageError`` where it is none."""
    text = variables.get(name, "")
    key = text.strip()
    if text and not (key and is_header_text(key)):
        raise UsageError(
            f"the variable {name} is not a valid key: use printable ASCII, on one line", advice="set it again"
        )
    return key or None
