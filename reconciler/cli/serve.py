"""``llamagate serve``: the extension host."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.flags import LockedOption
from reconciler.cli.host_extra import host_extra
from reconciler.cli.host_flags import HostFlags, ModelFlags
from reconciler.cli.invocation import Invocation
from reconciler.errors import UsageError
from reconciler.reconcile.options import Options


def serve(
    invocation: Invocation,
    models: ModelFlags,
    flags: HostFlags,
    watch: Annotated[
        bool, typer.Option("--watch", help="Also run 'watch' in this process, and serve each change at once.")
    ] = False,
    locked: LockedOption = False,
) -> int:
    """Serve and run the installed items over HTTP; pass on the rest.

    Needs the extra llamagate[host]. Set the keys in the variables API_KEY, LLAMAGATE_LLM_API_KEY and
    LLAMAGATE_UPSTREAM_API_KEY.

    Example: llamagate serve --port 8080
    Example: llamagate serve --watch
    Example: llamagate serve --port 11436 --upstream http://127.0.0.1:11435
    Exit codes: 0 ended by a TERM signal, 1, 6, 7, 8, 9
    """
    with host_extra("serve"):
        from reconciler.cli.hosting import host  # lazy: the host is an extra, and its packages may be missing
    if flags.migrate and flags.legacy is None:
        raise UsageError("--migrate needs --legacy DIR", advice="name the folder 'extensions' of the gateway")
    if locked and not watch:
        raise UsageError("--locked works only with --watch")
    watches = Options(file=invocation.file, locked=locked) if watch else None
    return host(invocation, flags, models, watches)
