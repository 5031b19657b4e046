"""SERVE: load what is installed, answer for it over HTTP, and run it. Needs the extra ``llamagate[host]``.

What a Python gateway imports is ``__all__``, and stable. It is loaded when it is asked for: parts of this room are used
where the extra is missing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.host.engine.run import RunLimits
    from reconciler.host.errors import RunError
    from reconciler.host.model_client import ModelServer
    from reconciler.host.runtime import Runtime
    from reconciler.host.settings import HostSettings
    from reconciler.host.startup import start
    from reconciler.host.web.app import make_app

__all__ = ["HostSettings", "ModelServer", "RunError", "RunLimits", "Runtime", "make_app", "start"]

_PLACES: Final = {
    "HostSettings": "settings",
    "ModelServer": "model_client",
    "RunError": "errors",
    "RunLimits": "engine.run",
    "Runtime": "runtime",
    "make_app": "web.app",
    "start": "startup",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "reconciler":
            raise
        message = f"{__name__} needs the package {error.name}, which is not installed; pip install 'llamagate[host]'"
        raise ModuleNotFoundError(message, name=error.name) from error
