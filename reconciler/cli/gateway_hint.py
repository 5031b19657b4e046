"""A hint for who cannot reach a gateway: what the gateway's own variables, or its file ``.env``, say.

They are only ever shown. No address and no key is taken from them, so that a file of some folder decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconciler.cli.gateway_variables import DOTENV, gateway_variables
from reconciler.errors import UsageError
from reconciler.gateway.call import Cause
from reconciler.model.environment import Environment
from reconciler.model.regex import regex

_PORT: Final = regex(r"[0-9]{1,5}")
_ADDRESS: Final = regex(r"(?P<scheme>https?)://[^/]*?(?::(?P<port>[0-9]{1,5}))?(?:/|$)", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def gateway_hints(env: Environment, url: str | None, state: str | None, folder: Path) -> Iterator[str]:
    """What to try where the gateway at ``url`` (``None``: no gateway is asked) is in the ``state`` of not answering."""
    if env.gateway is not None and state != Cause.KEY_REFUSED:
        return
    try:
        found = gateway_variables(env.variables, folder)
        scheme = "https" if found.has_tls() else "http"
    except UsageError:
        return
    where = dict.fromkeys(found.from_file, f" in {DOTENV}")
    if state == Cause.KEY_REFUSED:
        if found.values.get("API_KEY"):
            sent = "LLAMAGATE_API_KEY, or in the variable that gateway.api_key_env names"
            yield f"API_KEY is set{where.get('API_KEY', '')}, but llamagate sends only the key in {sent}"
    elif state in (None, Cause.UNREACHABLE):
        port = found.values.get("PORT", "").strip()
        if _PORT.fullmatch(port) and int(port) != _port(url):
            address = f"{scheme}://127.0.0.1:{int(port)}"
            yield f"PORT is {port}{where.get('PORT', '')}: if the gateway listens there, add --gateway {address}"


def _port(url: str | None) -> int | None:
    found = _ADDRESS.match(url or "")
    return int(found["port"] or _DEFAULT_PORTS[found["scheme"].lower()]) if found else None
