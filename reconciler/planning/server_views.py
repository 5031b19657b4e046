"""What may be shown of a tool server's settings, and of what a plan changes in them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from reconciler.model.config import Json, JsonObject, reference_of, references, with_references
from reconciler.model.plan import Action
from reconciler.model.regex import regex
from reconciler.model.servers import KNOWN_SETTINGS, FoundServer, RecordedServer
from reconciler.planning.intent import ServerTarget
from reconciler.planning.manifest_diff import MASK, manifest_diff, masked
from reconciler.planning.tool_changes import tool_changes, tool_files

_SAID_TO_URL: Final = regex(r"(?<=://)[^/?#]*(?=@)|(?<=[?#]).*$")
"""A user with a password, a query and a fragment."""
_OPTION: Final = regex(r"(?:--?headers?=)?([^=:\s]+)\s*[=:]\s*")
"""An option with its value in one argument, or a header."""
_HEADERS: Final = ("-H", "--header", "--headers")
_ASKED: Final = regex(r"(?<=[?&])([^=&#?\s]+)=([^&#\s]*)")
_BETWEEN_WORDS: Final = regex(r"[\s&=:;,]+")
_ESCAPE: Final = regex(r"%([0-9A-Fa-f]{2})")
_SHORTEST_SECRET: Final = 8
"""A shorter one is in too many words, and tells little."""


def shown_settings(settings: JsonObject) -> JsonObject:
    """Settings of the desired state as they may be shown: references by their names, and no value that is a secret."""
    named = cast(JsonObject, with_references(settings, lambda one: f"{{{one.kind}: {one.name}}}"))
    headers = {name: _unless_named(value, MASK) for name, value in cast(JsonObject, named.get("headers", {})).items()}
    env = cast(JsonObject, named.get("env", {}))
    hidden = cast(JsonObject, masked(("config",), env, frozenset()))
    parts: JsonObject = {
        "args": _hidden("args", named.get("args")),
        "env": {name: _unless_named(env[name], hidden[name]) for name in env},
        "headers": headers,
        "url": _without_secrets_asked(named.get("url")),
    }
    return {key: parts.get(key, value) for key, value in named.items()}


def without_secrets(settings: JsonObject) -> JsonObject:
    """Settings of the desired state in which references stay, and tell where a value is.

    What headers hold is hidden, and what follows an option, or stands in an address, with the name of a secret.
    """
    headers = cast(JsonObject, settings.get("headers", {}))
    parts: JsonObject = {
        "args": _hidden("args", settings.get("args")),
        "headers": {name: value if reference_of(value) else MASK for name, value in headers.items()},
        "url": _without_secrets_asked(settings.get("url")),
    }
    return {key: parts.get(key, value) for key, value in settings.items()}


def _unless_named(value: Json, other: Json) -> Json:
    is_named = isinstance(value, str) and value.startswith(("{env: ", "{file: "))
    return value if is_named else other


def hidden_settings(settings: JsonObject, like: JsonObject) -> JsonObject:
    """Settings as they were found: all that may be secret is hidden, as is what ``like`` has from elsewhere.

    They may be anybody's: what goes with an address, what follows an option with the name of a secret, and what a key
    holds that we do not know.
    """
    elsewhere = {str(place[0]) for place, _ in references(like) if place}
    return {key: MASK if key in elsewhere else _hidden(key, value) for key, value in settings.items()}


def without_secrets_of(settings: JsonObject, recorded: JsonObject, text: str) -> str:
    """``text``, which another program says of a server with these settings, without what of them may be secret.

    What ``recorded`` has from elsewhere is.
    """
    texts = [*_hidden_texts(settings, hidden_settings(settings, {})), *_from_elsewhere(settings, recorded)]
    found = {word for one in texts for word in _words(one)}
    for secret in sorted(found, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _hidden_texts(value: Json, shown: Json) -> Iterator[str]:
    """The texts in ``value`` that are hidden in ``shown``."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _hidden_texts(below, shown[key] if isinstance(shown, dict) else MASK)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _hidden_texts(below, shown[index] if isinstance(shown, list) else MASK)
    elif isinstance(value, str) and isinstance(shown, str) and value != shown:
        rest = value
        for part in shown.split(MASK):  # what is shown of it, piece by piece
            before, _, rest = rest.partition(part) if part else ("", "", rest)
            yield before
        yield rest


def _from_elsewhere(settings: Json, recorded: Json) -> Iterator[str]:
    """The texts that have a reference in their place in ``recorded``."""
    if isinstance(settings, str) and reference_of(recorded):
        yield settings
    elif isinstance(settings, dict) and isinstance(recorded, dict):
        for key in settings.keys() & recorded.keys():
            yield from _from_elsewhere(settings[key], recorded[key])
    elif isinstance(settings, list) and isinstance(recorded, list):
        for one, other in zip(settings, recorded, strict=False):
            yield from _from_elsewhere(one, other)


def _words(text: str) -> set[str]:
    """A secret and its parts, as far as each is long enough to be told from other words."""
    parts = [text, *_BETWEEN_WORDS.split(text)]
    return {part for one in parts for part in (one, _unescaped(one)) if len(part) >= _SHORTEST_SECRET}


def _unescaped(text: str) -> str:
    """A part of an address without its escapes, as it may be told."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def _hidden(key: str, value: Json) -> Json:
    if isinstance(value, dict):
        return dict.fromkeys(value, MASK)
    if key == "args" and isinstance(value, list):
        before = [None, *value]
        return [_hidden_argument(one, option) for one, option in zip(value, before, strict=False)]
    if key == "url" and isinstance(value, str):
        return _SAID_TO_URL.sub(MASK, value)
    return masked(("config",), value, frozenset()) if key in KNOWN_SETTINGS else MASK


def _hidden_argument(value: Json, before: Json) -> Json:
    """An argument: ``before`` may be the option whose value it is."""
    if not isinstance(value, str):
        return value  # it says where it comes from
    option = _OPTION.match(value)
    if option and (_is_masked(option[1]) or before in _HEADERS or value.startswith(("--header=", "--headers="))):
        return value[: option.end()] + MASK
    if isinstance(before, str) and before.startswith("-") and "=" not in before and _is_masked(before):
        return _unless_named(value, MASK)
    return _without_secrets_asked(masked(("config",), value, frozenset()))


def _without_secrets_asked(value: Json) -> Json:
    """An address without what its query has under the name of a secret."""
    if not isinstance(value, str) or "://" not in value:
        return value
    return _ASKED.sub(lambda found: f"{found[1]}={MASK}" if _is_masked(found[1]) else found[0], value)


def _is_masked(name: str) -> bool:
    """Whether what has this name is a secret."""
    return masked(("config", name), "", frozenset()) == MASK


def server_diff(action: Action, recorded: RecordedServer | None, found: FoundServer | None) -> JsonObject:
    """What an action changes in the settings of a server, as far as it may be shown."""
    if action.edits == "backup":
        return {}  # it may hold any secret
    after = action.server.settings if action.server else {}
    before: JsonObject = {}
    if recorded is not None and (found is None or found.digest == recorded.entry):
        before = shown_settings(recorded.settings)
    elif found is not None:
        before = hidden_settings(found.settings, {**(recorded.settings if recorded else {}), **after})
    return manifest_diff(before, shown_settings(after))


def server_files(target: ServerTarget | None, recorded: RecordedServer | None) -> list[JsonObject]:
    """The tools whose words are not those that were accepted, as files, with the words that differ."""
    if target is None or target.tools is None or target.accepted is None:
        return []
    words = {tool.name: tool for tool in (recorded.tools if recorded else ())}
    return [*tool_files(tool_changes(target.accepted, target.tools, words))]
