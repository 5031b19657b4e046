"""Which routes of an upstream a declared hook cannot read. Pure.

Nobody knows all routes of all gateways and model servers; these are the ones that are known and used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.host.items import Extension

ANSWERS: Final = ("/v1/chat/completions", "/v1/completions")
"""Where a model answers in the form that ``llm.response`` reads."""
_OTHER_ANSWERS: Final = ("/v1/responses", "/v1/messages", "/v1/embeddings", "/api/chat", "/api/generate")
_FORMS: Final = ("/v1/audio/transcriptions", "/v1/audio/translations", "/v1/files", "/v1/images/edits")
"""Their requests are forms, not JSON."""


def unread_by(extension: Extension) -> tuple[str, ...]:
    """A sentence for each hook of ``extension`` that cannot read everything which it may expect to."""
    return tuple(_lines(extension)) if extension.enabled else ()


def _lines(extension: Extension) -> Iterator[str]:
    for hook in extension.hooks:
        if hook.on == "llm.response":
            yield f"its hook llm.response reads the answers of {_and(ANSWERS)}, and none of {_and(_OTHER_ANSWERS)}"
        forms = [path for path in _FORMS if path.startswith(hook.path_prefix)]
        if hook.on == "http.request" and forms and extension.config.get("redact"):
            yield f"its hook http.request writes no body of {_and(forms)}: they are forms, not JSON"


def _and(paths: tuple[str, ...] | list[str]) -> str:
    return " and ".join(filter(None, (", ".join(paths[:-1]), paths[-1])))
