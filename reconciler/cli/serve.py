"""``llamagate serve``: the extension host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode, LlamagateError, UsageError
from reconciler.host import defaults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.host.server import Address
    from reconciler.host.settings import HostSettings
    from reconciler.reconcile.proposal import Options


def serve(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=0,
            max=65535,
            show_default=False,
            help=f"The port.  [default: $PORT, else {defaults.PORT}]",
        ),
    ] = None,
    legacy: Annotated[
        Path | None,
        typer.Option(
            "--legacy",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="A gateway's old folder 'extensions', with its 'builtin'.",
        ),
    ] = None,
    migrate: Annotated[bool, typer.Option("--migrate", help="First install the packages of --legacy.")] = False,
    llm_url: Annotated[
        str, typer.Option("--llm-url", metavar="URL", help="A server that speaks the OpenAI protocol.")
    ] = defaults.MODEL_URL,
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="The model of steps that name none.")
    ] = defaults.MODEL,
    llm_timeout: Annotated[
        float, typer.Option("--llm-timeout", metavar="SECONDS", help="How long an answer may take.")
    ] = defaults.MODEL_SECONDS,
    rate_limit: Annotated[
        int, typer.Option("--rate-limit", metavar="N", min=0, help="Requests a second of one caller; 0 is no limit.")
    ] = defaults.RATE,
    watch: Annotated[
        bool, typer.Option("--watch", help="Also keep the home as the file says, and serve each change at once.")
    ] = False,
    locked: options.LockedOption = False,
    no_put: Annotated[bool, typer.Option("--no-put", help="Take no manifests over HTTP.")] = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    home: options.HomeOption = None,
    quiet: options.QuietOption = False,
) -> int:
    """Load, serve and run what is installed, over HTTP. API_KEY and LLAMAGATE_LLM_API_KEY hold the keys."""
    _check_extra()
    from reconciler.host.model_client import ModelServer
    from reconciler.host.server import Address
    from reconciler.host.settings import HostSettings

    if migrate and legacy is None:
        raise UsageError("--migrate needs --legacy DIR", advice="name the folder 'extensions' of the gateway")
    if locked and not watch:
        raise UsageError("--locked goes with --watch")
    env = options.environment(home)
    settings = HostSettings(
        env=env,
        file=file if watch else options.named_file(file),  # a watcher waits for it
        legacy=legacy.absolute() if legacy else None,
        api_key=_key("API_KEY", env.variables),
        rate=rate_limit,
        takes_manifests=not no_put,
        default_model=model,
        model=ModelServer(url=llm_url, api_key=_key("LLAMAGATE_LLM_API_KEY", env.variables), seconds=llm_timeout),
    )
    address = Address(host=host, port=_port(port, env.variables))
    watches = options.pass_options(settings.file, locked=locked) if watch else None
    return _run(settings, address, Terminal(quiet=quiet), migrates=migrate, watches=watches)


def _run(
    settings: HostSettings, address: Address, terminal: Terminal, *, migrates: bool, watches: Options | None
) -> int:
    from contextlib import nullcontext

    from reconciler.host.runtime import Runtime
    from reconciler.host.server import listen, serve
    from reconciler.host.startup import start
    from reconciler.host.watching import watching

    runtime = Runtime(settings, tell=terminal.notice)
    watched = watching(runtime, watches) if watches else nullcontext()
    with listen(address) as listener, watched as beside:
        start(runtime, migrates=migrates)
        local_only = settings.api_key is None and address.is_loopback
        if settings.api_key is None and not local_only:
            terminal.notice(f"everyone who reaches {address.host} may run and replace extensions; set API_KEY")
        is_interrupted = serve(runtime, listener, local_only=local_only, beside=beside)
    return ExitCode.INTERRUPTED if is_interrupted else ExitCode.OK


def _check_extra() -> None:
    try:
        import reconciler.host.server  # noqa: F401
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "reconciler":
            raise
        message = f"serve needs the package {error.name}, which is not installed"
        raise LlamagateError(message, advice="pip install 'llamagate[host]'") from error


def _key(name: str, variables: Mapping[str, str]) -> str | None:
    """The key in a variable, without the line end that files of secrets have. ``UsageError`` where it is none."""
    from reconciler.host.model_client import is_header_text

    text = variables.get(name, "")
    key = text.strip()
    if text and not (key and is_header_text(key)):
        raise UsageError(f"the variable {name} holds no key: one is printable ASCII, on one line", advice="set it anew")
    return key or None


def _port(port: int | None, variables: Mapping[str, str]) -> int:
    if port is not None:
        return port
    text = variables.get("PORT") or str(defaults.PORT)
    if not text.isdecimal() or int(text) > 65535:
        raise UsageError(f"the variable PORT is {text!r}, which is no port", advice="unset it, or give --port")
    return int(text)
