"""The official SDK: an extra, which is loaded where it is used, and says nothing by itself."""

from __future__ import annotations

import asyncio
import logging
from importlib import import_module
from typing import Final

from reconciler.errors import MissingProgramError

INSTALL: Final = "pip install 'llamagate[mcp]'"
_MODULES: Final = ("mcp", "mcp.client.sse", "mcp.client.streamable_http", "mcp.server.streamable_http_manager")
_LOGGERS: Final = ("mcp", "client", "httpx2", "sse_starlette")


async def load_sdk() -> None:
    """Load it beside the event loop: it takes a while. ``MissingProgramError`` where it is not installed."""
    await asyncio.to_thread(_load)


def _load() -> None:
    try:
        for name in _MODULES:
            import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "reconciler":
            raise
        message = f"tools need the package {error.name}, which is not installed"
        raise MissingProgramError(message, advice=INSTALL) from error
    for name in _LOGGERS:  # what it logs may hold what others sent, and is not for the host's operator
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
