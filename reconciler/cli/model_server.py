"""The model server that a command asks, whose client is loaded when there is a question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.gateway_variables import gateway_variables
from reconciler.cli.host_flags import ModelFlags
from reconciler.host import defaults
from reconciler.model.environment import Environment

if TYPE_CHECKING:
    from reconciler.host.engine.run import Question, Reply


class LaterModel:
    """Asks the server that ``flags``, the environment or the default name."""

    def __init__(self, env: Environment, flags: ModelFlags) -> None:
        self._env, self._flags = env, flags

    async def ask(self, question: Question) -> Reply:
        """See ``Model``."""
        from reconciler.host.model_client import ModelClient, ModelServer, completed_url  # httpx takes time to load
        from reconciler.host.workers import Workers

        variables = gateway_variables(self._env.variables, Path.cwd())
        named = variables.model_server()
        url = self._flags.llm_url or (completed_url(named) if named else defaults.MODEL_URL)
        key = variables.values.get("LLAMAGATE_LLM_API_KEY", "").strip() or None
        workers = Workers(seconds=self._flags.llm_timeout)
        client = ModelClient(ModelServer(url=url, api_key=key, seconds=self._flags.llm_timeout), workers)
        try:
            return await client.ask(question)
        finally:
            workers.close()
            await client.close()
