"""The model server: any that speaks the OpenAI protocol. The key reaches it and nobody else.

The client knows no proxies, netrc or variables, and follows no redirect. An answer is read up to a limit and a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx2

from reconciler.errors import InputError
from reconciler.host.asked import MAX_SECONDS, is_header_text, server_address, without_v1
from reconciler.host.engine.json_values import json_value
from reconciler.host.engine.pieces import Workers, done
from reconciler.host.engine.run import Question, Reply
from reconciler.host.errors import ModelError, RunTimeoutError

MAX_ANSWER_BYTES: Final = 4 * 2**20
_PROBE_SECONDS: Final = 2.0
_OK: Final = 200
_MODEL_PORT: Final = 11434
_SHOWN_CHARACTERS: Final = 300
_REASON_BYTES: Final = 2**15
"""Of an answer that says what went wrong, as much as is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServer:
    """Where it is. ``url`` may end with ``/v1``; ``seconds`` bound one whole answer."""

    url: str
    api_key: str | None
    seconds: float

    def __post_init__(self) -> None:
        server_address(self.url, option="--llm-url (or OLLAMA_HOST)", variable="LLAMAGATE_LLM_API_KEY")
        if self.api_key is not None and not is_header_text(self.api_key):
            raise InputError("the key for the model server is printable ASCII, without spaces around it")
        if not 0 < self.seconds <= MAX_SECONDS:
            raise InputError(f"--llm-timeout must be more than 0 and at most {MAX_SECONDS} seconds")

    @property
    def base(self) -> str:
        return f"{without_v1(self.url)}/v1"


def completed_url(text: str) -> str:
    """An address as OLLAMA_HOST holds it, with the scheme and port that it may lack.

    ``0.0.0.0``, at which a server listens, is reached at the loopback address. What is no address stays as it is:
    ``ModelServer`` refuses it.
    """
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or (None if "://" in text else _MODEL_PORT)
    except ValueError:
        return text
    if "@" in parts.netloc or parts.query or parts.fragment:
        return text
    host = parts.hostname or ""
    host = "127.0.0.1" if host in ("", "0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104 - not to bind
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


class ModelClient:
    """One pool of connections to the server."""

    def __init__(self, server: ModelServer, workers: Workers) -> None:
        self.server = server
        self._workers = workers
        self._look: asyncio.Task[bool] | None = None
        headers = {"Accept-Encoding": "identity"}
        if server.api_key:
            headers["Authorization"] = f"Bearer {server.api_key}"
        self._client = httpx2.AsyncClient(
            headers=headers, trust_env=False, follow_redirects=False, timeout=server.seconds
        )

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()

    async def ask(self, question: Question) -> Reply:
        """One answer to one question; see ``Model``."""
        body = {"model": question.model, "messages": list(question.messages), "stream": False, **question.settings}
        status, data = await self._exchange("/chat/completions", body, question.trace_id)
        if status != _OK:
            raise self._failed(f"it answered {status}{_reason(data[:_REASON_BYTES])}")
        reply = await done(self._workers, len(data) // 4, reply_in, data, question.model)
        if isinstance(reply, str):
            raise self._failed(reply)
        return reply

    async def is_reachable(self) -> bool:
        """Whether a server answers there, whatever it says.

        Those who ask at one time share one look: anyone may ask after the host's health, as often as they like.
        """
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._answers())
        return await asyncio.shield(self._look)

    async def _answers(self) -> bool:
        try:
            async with (
                asyncio.timeout(_PROBE_SECONDS),
                self._client.stream("GET", f"{self.server.base}/models"),
            ):
                pass  # what it says, however long, is not read
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError):
            return False
        return True

    async def _exchange(self, path: str, body: object, trace_id: str) -> tuple[int, bytes]:
        """Status and body of the server's answer. It is told to which request of a caller this one belongs."""
        async with self._errors_in_words():
            headers = {"X-Request-ID": trace_id} if trace_id else {}
            request = self._client.build_request("POST", self.server.base + path, json=body, headers=headers)
            response = await self._client.send(request, stream=True)
            try:
                return response.status_code, await self._read(response)
            finally:
                await response.aclose()

    async def _read(self, response: httpx2.Response) -> bytes:
        data = bytearray()
        async for chunk in response.aiter_raw():  # packed, a few bytes could be any number
            data += chunk
            if len(data) > MAX_ANSWER_BYTES:
                raise self._failed(f"its answer has more than {MAX_ANSWER_BYTES} bytes")
        return bytes(data)

    @asynccontextmanager
    async def _errors_in_words(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.server.seconds):
                yield
        except (TimeoutError, httpx2.TimeoutException) as error:
            message = f"the model server at {self.server.url} did not answer within {self.server.seconds:g} seconds"
            raise RunTimeoutError(message) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._failed(f"it cannot be reached ({str(error) or type(error).__name__})") from error

    def _failed(self, reason: str) -> ModelError:
        return ModelError(f"the model server at {self.server.url} gave no answer: {reason}")


def reply_in(data: bytes, asked: str) -> Reply | str:
    """The reply in an answer to a question to the model ``asked``; what is wrong where there is none. Pure."""
    document = json_value(data)
    if not isinstance(document, dict):
        return "its answer is not a JSON object"
    try:
        text = document["choices"][0]["message"]["content"]  # type: ignore[index, call-overload]
    except (KeyError, IndexError, TypeError):
        return "its answer holds no message"
    usage = document.get("usage")
    return Reply(
        text=text if isinstance(text, str) else "",
        model=str(document.get("model") or asked),
        usage=usage if isinstance(usage, dict) else {},
    )


def _reason(data: bytes) -> str:
    """What the server says went wrong, in one line."""
    document = json_value(data)
    error = document.get("error") if isinstance(document, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return f": {' '.join(message.split())[:_SHOWN_CHARACTERS]}" if isinstance(message, str) else ""
