"""The flags that every verb has, and that may also be given before it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from msgspec import Struct
from msgspec.structs import asdict

from reconciler.cli.flags import path_option
from reconciler.cli.ui.style import When

DEFAULT_FILE: Final = Path("llamagate.yaml")
_GATEWAY_HELP: Final = "The gateway's address.  [default: $LLAMAGATE_URL, else gateway.url of the file]"
_VERBOSE_HELP: Final = "Print more details; -vv: also how long each phase takes."
_HOME_HELP: Final = "The LlamaGate home.  [default: $LLAMAGATE_HOME, else ~/.llamagate]"
_TRUST_HELP: Final = "This host's rules of who may sign.  [default: /etc/llamagate/trust.yaml, if it is there]"
_LOCK_HELP: Final = "Where the lock is.  [default: beside the file]"


def _last_wins(context: typer.Context, when: When) -> When:
    """``--color`` after ``--no-color`` undoes it: flags are looked at in the order in which they are given."""
    if str(context.get_parameter_source("color")).endswith("COMMANDLINE"):
        context.params["no_color"] = False
    return when


class SharedFlags(Struct, frozen=True, kw_only=True, dict=True):
    """Where a verb runs, and how it speaks."""

    file: Annotated[Path, path_option("--file", "-f", help="The file that lists what to install.")] = DEFAULT_FILE
    home: Annotated[Path | None, path_option("--home", metavar="DIR", help=_HOME_HELP)] = None
    gateway: Annotated[str | None, typer.Option("--gateway", metavar="URL", help=_GATEWAY_HELP)] = None
    lock_file: Annotated[Path | None, path_option("--lock-file", help=_LOCK_HELP)] = None
    trust: Annotated[Path | None, path_option("--trust", help=_TRUST_HELP)] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, show_default=False, help=_VERBOSE_HELP)] = 0
    log_file: Annotated[
        Path | None, path_option("--log-file", help="Append what happens, with times, to this file.")
    ] = None
    color: Annotated[
        When, typer.Option("--color", metavar="auto|always|never", callback=_last_wins, help="When to use colours.")
    ] = "auto"
    no_color: Annotated[bool, typer.Option("--no-color", help="The same as --color never.")] = False

    no_pager: Annotated[bool, typer.Option("--no-pager", help="Never start a pager for long output.")] = False

    def running(self) -> AbstractContextManager[object]:
        """Around the whole verb."""
        return nullcontext()

    @property
    def when(self) -> When:
        """When there are colours."""
        return "never" if self.no_color else self.color

    def given(self) -> Mapping[str, Any]:
        """The flags that differ from their defaults, by name."""
        changed = {name: now for name, now in asdict(self).items() if now != getattr(_DEFAULTS, name)}
        if changed.pop("no_color", False):
            changed["color"] = "never"  # one flag, so that --color after the verb wins
        return changed


_DEFAULTS: Final = SharedFlags()
