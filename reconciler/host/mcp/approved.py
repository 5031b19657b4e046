"""What may be called now: the servers of the gateway's file, and the tools of theirs that the lock has accepted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import LlamagateError
from reconciler.host.mcp.definitions import ToolSettings, read_tool_settings
from reconciler.model.home import Home
from reconciler.model.tools import AcceptedTools
from reconciler.store.lock_file import lock_path, read_lock


def approved(home: Home, file: Path) -> tuple[ToolSettings, Mapping[str, AcceptedTools]]:
    """The settings, and by server the digests in the lock beside the desired state ``file``.

    Where the lock cannot be read nothing may be called: nobody knows what was accepted.
    """
    try:
        lock = read_lock(lock_path(file)).lock
    except LlamagateError as error:
        return ToolSettings(fault=f"nobody knows which tools were accepted: {error.message}"), {}
    return read_tool_settings(home), {server.key.id: server.tools for server in lock.servers}
