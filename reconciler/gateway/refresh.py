"""Tells a running gateway to look at its extensions again. The key reaches the gateway and nobody else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from reconciler.model.desired import GatewaySettings

DEFAULT_URL: Final = "http://127.0.0.1:11435"
DEADLINE_SECONDS: Final = 10.0
_REACHABLE_SECONDS: Final = 2.0
_OK, _PARTIAL, _NOT_FOUND = 200, 206, 404
_REDIRECTS: Final = range(300, 400)
_HEADER_TEXT: Final = re.compile(r"[!-~]+")


def address_of(settings: GatewaySettings, *, is_own_home: bool) -> str | None:
    """Where a gateway may listen, or ``None``. Where the file names none, only that of the user's own home is tried."""
    return settings.url or (DEFAULT_URL if is_own_home else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """How a refresh call went. ``message`` is for people: what happened and, where it failed, what to do.

    ``again`` is false where telling it again is of no use: nobody listens, or it has no extensions to reload.
    """

    reloaded: bool
    message: str
    again: bool = True


def refresh(url: str, api_key: str | None, *, key_name: str = "") -> Reload:
    """Ask for one refresh, with one deadline for the whole exchange. Never raises for what a gateway may do.

    ``key_name`` is how messages call the key: the variable that holds it.
    """
    if api_key and not _HEADER_TEXT.fullmatch(api_key):
        # Checked here: the message of http.client would show the key.
        return _missed(url, f"the key in {key_name} holds a line break or a character that no HTTP header may have")
    try:
        status, body = _call("POST", f"{url.rstrip('/')}/v1/extensions/refresh", api_key, seconds=DEADLINE_SECONDS)
    except ConnectionRefusedError:
        return _missed(url, "nobody listens there; it reads the change when it starts", again=False)
    except (OSError, ValueError) as error:
        return _missed(url, _reason(error))
    return _judged(url, status, body, key_name if api_key else "")


def reachable(url: str) -> bool:
    """Whether a gateway answers its health call."""
    try:
        return _call("GET", f"{url.rstrip('/')}/health", None, seconds=_REACHABLE_SECONDS)[0] == _OK
    except (OSError, ValueError):
        return False


def _call(method: str, url: str, api_key: str | None, *, seconds: float) -> tuple[int, bytes]:
    from reconciler.gateway.exchange import exchange  # most commands call no gateway

    return exchange(method, url, api_key, seconds=seconds)


def _missed(url: str, reason: str, *, again: bool = True) -> Reload:
    advice = "; the next apply tells it again" if again else ""
    return Reload(reloaded=False, message=f"the gateway at {url} was not reloaded: {reason}{advice}", again=again)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _judged(url: str, status: int, body: bytes, key_name: str) -> Reload:
    if status == _OK:
        return Reload(reloaded=True, message=f"the gateway at {url} was reloaded")
    if status == _PARTIAL:
        return Reload(reloaded=True, message=f"the gateway at {url} was reloaded in part: {_errors(body)}")
    wants = f"it does not accept the key in {key_name}" if key_name else "it wants a key"
    reasons = {
        401: f"{wants}; set the variable that gateway.api_key_env names",
        _NOT_FOUND: "this gateway has no extension support",
        429: "it is being asked too often",
    }
    if status in _REDIRECTS:
        reason = f"it answered {status} with a redirect, which is not followed; put the final address into gateway.url"
    else:
        reason = reasons.get(status, f"it answered {status}")
    return _missed(url, reason, again=status != _NOT_FOUND)


def _errors(body: bytes) -> str:
    try:
        errors = json.loads(body)["errors"]
        return "; ".join(str(error) for error in errors)[:2000]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it did not say what failed"
