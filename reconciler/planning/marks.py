"""What a reviewer must not miss in a change: pure, from the manifest before and after and what changes in the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final, cast

from msgspec import Struct

from reconciler.documents.unseen import unseen_in, visible
from reconciler.model.config import Json, JsonObject
from reconciler.model.plan import Mark, MarkCode
from reconciler.packages.steps import tool_servers_in
from reconciler.planning.content.blocks import is_prose

_WRITES: Final = "file.write"
_CALLS: Final = "mcp.call"
_READS_NO_BODY: Final = frozenset(["audit.log", "usage.track"])
"""Actions of hooks that look at no body, unless ``config.redact`` says what of it to write."""
_ABOUT: Final = frozenset(["readme", "changelog", "license", "licence", "notice", "contributing"])
"""Files for people, with any ending: no model reads them."""
_PROMPT_KEYS: Final = ("steps", "prompt", "workflow", "model")
"""The keys of a manifest below which there are prompts."""


_MODE_ALONE: Final = frozenset(["path", "change", "hunks", "mode"])
"""The keys of a file of which only the mode changes."""
_NAME_CHARACTERS: Final = 60
_REACH: Final = ("endpoints", "hooks", "steps", "outputs", "mcp_servers")


class Contents(Struct, frozen=True, kw_only=True):
    """An item's manifests before and after, by path; ``files`` and ``manifest`` are those of the action's ``diff``."""

    before: Mapping[str, JsonObject]
    after: Mapping[str, JsonObject]
    files: Iterable[JsonObject] = ()
    manifest: Mapping[str, JsonObject] = {}


def is_prompt(path: str) -> bool:
    """Whether a file is prose that a model may be given."""
    return is_prose(path) and PurePosixPath(path).name.lower().partition(".")[0] not in _ABOUT


def reach_of(document: JsonObject) -> tuple[str, ...]:
    """The keys of a manifest that say what it can do outside itself; what its hooks read is in ``config``, too."""
    return (*_REACH, "config") if "hooks" in document else _REACH


def content_marks(found: Contents, *, version: str | None) -> Iterator[Mark]:
    """The marks of what changes inside. ``version`` is that of an item that keeps it, else ``None``."""
    if unseen := _unseen(found.files):
        characters = "1 character" if unseen == 1 else f"{unseen} characters"
        yield Mark(MarkCode.UNSEEN, f"brings {characters} that nobody sees")
    if version is not None and _changes_a_prompt(found):
        yield Mark(MarkCode.PROMPT, f"its prompt changes, but its version is still {visible(version).text}")
    if _reach_stays(found):
        return
    yield from _endpoints(found)
    if hooks := _new(map(_hooks_with_bodies, found.before.values()), map(_hooks_with_bodies, found.after.values())):
        yield Mark(MarkCode.READS_BODIES, f"reads what callers send: {_listed(hooks)}")
    if writes := _new(map(_writes, found.before.values()), map(_writes, found.after.values())):
        yield Mark(MarkCode.FILE_WRITE, f"writes files: {_listed(writes)}")
    if servers := _new(map(_tool_servers, found.before.values()), map(_tool_servers, found.after.values())):
        what = "tool server" if len(servers) == 1 else "tool servers"
        yield Mark(MarkCode.TOOL_SERVER, f"calls {what} {_listed(servers)}")


def _reach_stays(found: Contents) -> bool:
    """Whether all that the marks below rest on is one and the same, as where it was not even read again."""
    pairs = [(found.before.get(path, {}), after) for path, after in found.after.items()]
    return all(before.get(key) is after.get(key) for before, after in pairs for key in reach_of(after))


def _unseen(files: Iterable[JsonObject]) -> int:
    return sum(
        cast(int, file.get("unseen", 0)) + (file["change"] != "removed" and unseen_in(str(file["path"])))
        for file in files
    )


def _changes_a_prompt(found: Contents) -> bool:
    changed = [file for file in found.files if not ("mode" in file and file.keys() <= _MODE_ALONE)]
    paths = (str(file[key]) for file in changed for key in ("path", "renamed_from") if key in file)
    if any(map(is_prompt, paths)):
        return True
    places = (place for part in found.manifest.values() for place in part)
    return any(place.partition(".")[0].partition("[")[0] in _PROMPT_KEYS for place in places)


def _endpoints(found: Contents) -> Iterator[Mark]:
    before, after = _routes(found.before.values()), _routes(found.after.values())
    opened = [name for name, ways in after.items() if _is_opened(before.get(name, [0]), ways)]
    if opened:
        yield Mark(MarkCode.OPEN_ENDPOINT, f"answers without a key: {_listed(opened)}")
    if closed := [name for name in after if name not in before and name not in opened]:
        yield Mark(MarkCode.ENDPOINT, f"new endpoint: {_listed(closed)}")


def _routes(documents: Iterable[JsonObject]) -> dict[str, list[int]]:
    """How open each endpoint is, each time that it is there: 0 with a key, 1 with a signature, 2 for everybody."""
    found: dict[str, list[int]] = {}
    for one in (one for document in documents for one in _mappings(document.get("endpoints"))):
        name = f"{str(one.get('method', '')).upper()} {one.get('path', '')}"
        is_closed, is_signed = one.get("requires_auth") is True, isinstance(one.get("signature"), dict)
        found.setdefault(name, []).append(0 if is_closed else 1 if is_signed else 2)
    return found


def _is_opened(before: list[int], after: list[int]) -> bool:
    """Whether more may call it, whichever of them is served."""
    return before != after and max(after) > min(before)


def _hooks_with_bodies(document: JsonObject) -> Iterator[str]:
    config = document.get("config")
    redacts = isinstance(config, dict) and bool(config.get("redact"))
    for hook in _mappings(document.get("hooks")):
        if redacts or hook.get("action") not in _READS_NO_BODY:
            yield f"{hook.get('on')} → {hook.get('action', 'no action')}"


def _writes(document: JsonObject) -> Iterator[str]:
    """The path of each file that a step writes: the step's own, else that of the first output that is a file."""
    outputs = [one for one in _mappings(document.get("outputs")) if one.get("type") == "file"]
    for step in _mappings(document.get("steps")):
        if step.get("uses") == _WRITES:
            given = [part for part in (step.get("with"), step.get("config")) if isinstance(part, dict)]
            paths = (part["path"] for part in (*given, *outputs) if part.get("path"))
            yield str(next(paths, "a path that is known only when it runs"))


def _tool_servers(document: JsonObject) -> Iterator[str]:
    """The tool servers that its steps may call, with what they call there as far as that is written."""
    steps = [step for step in _mappings(document.get("steps")) if step.get("uses") == _CALLS]
    given = [{**_mapping(step.get("config")), **_mapping(step.get("with"))} for step in steps]
    for name in dict.fromkeys(tool_servers_in(document)):
        tools = dict.fromkeys(str(one.get("tool")) for one in given if one.get("server") == name and one.get("tool"))
        yield f"{name} ({', '.join(tools)})" if tools else name


def _mapping(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _mappings(value: Json) -> Iterator[dict[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _new(before: Iterable[Iterable[str]], after: Iterable[Iterable[str]]) -> list[str]:
    """What ``after`` has, and ``before`` not as often."""
    had = Counter(name for names in before for name in names)
    return [*(Counter(name for names in after for name in names) - had)]


def _listed(names: Iterable[str]) -> str:
    texts = (visible(name).text for name in names)
    return ", ".join(text if len(text) <= _NAME_CHARACTERS else text[: _NAME_CHARACTERS - 1] + "…" for text in texts)
