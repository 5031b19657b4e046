"""The tool servers that a command calls: those of the home, whose clients are loaded when one is called."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.model.environment import Environment
from reconciler.model.home import Home

if TYPE_CHECKING:
    from reconciler.host.engine.run import ToolReply, ToolRequest
    from reconciler.host.mcp.servers import ToolServers


class LaterTools:
    """Calls the servers of the home, and ends them with the run. ``tell`` takes lines for people.

    The lock beside ``file`` says which tools were accepted.
    """

    def __init__(self, env: Environment, file: Path, tell: Callable[[str], None]) -> None:
        self._env, self._file, self._tell = env, file, tell
        self._servers: ToolServers | None = None

    async def call(self, request: ToolRequest) -> ToolReply:
        """See ``Tools``."""
        if self._servers is None:
            self._servers = self._begin()
        return await self._servers.call(request)

    async def close(self) -> None:
        """End what was started."""
        if self._servers is not None:
            await self._servers.close()

    def _begin(self) -> ToolServers:
        from reconciler.host.mcp.approved import approved  # few runs call a tool
        from reconciler.host.mcp.servers import ToolServers

        servers = ToolServers(self._env.variables, tell=self._tell, clock=time.monotonic)
        servers.define(*approved(Home(self._env.home), self._file))
        return servers
