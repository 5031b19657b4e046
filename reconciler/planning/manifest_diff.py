"""What changes inside a manifest, for the plan: paths with their value before and after, secrets masked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from reconciler.documents.unseen import visible
from reconciler.model.config import Json, JsonObject, has_more_than, references, same
from reconciler.model.regex import regex
from reconciler.model.service_keys import KEYS

Place: TypeAlias = tuple[str | int, ...]
"""Where a value is in a document: the keys and indexes that lead to it."""
Secrets: TypeAlias = frozenset[Place]
"""Places in a manifest whose values must not be shown, nor what is below them."""
MASK: Final = "(hidden)"
LONG: Final = "(too long to compare)"
MAX_COMPARED_VALUES: Final = 5_000
"""With more than that on either side, only the entries at the top are named: to compare them one by one takes time that
grows with their square, and nobody reads it."""

_SECRET_KEY: Final = regex(
    r"(?i)(pass(word|phrase)?|secret|token|api[_-]?key|credential|private[_-]?key|authorization|cookie)s?$"
)
_SECRET_PARTS: Final = (
    regex(r"(?i)(?<=^bearer )\s*\S+\s*$"),
    regex(r"(?i)(?<=^basic )\s*(?=\S*[0-9+/=])[A-Za-z0-9+/]{8,}={0,2}\s*$"),
    regex(r"(?<![\w.-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # a JSON Web Token
    regex(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),  # a name and a password in an address
    KEYS,
)
"""What nobody writes but as a secret, under whatever key. It is kept narrow: what is hidden, no reviewer reads."""


def manifest_diff(before: JsonObject, after: JsonObject, secrets: Secrets = frozenset()) -> JsonObject:
    """``{"changed": {path: [before, after]}, "added": {path: value}, "removed": {path: value}}``, empty parts left out.

    ``secrets`` are the places whose values must not be shown; so are values whose key sounds like a secret, and those
    that look like one.
    """
    if any(has_more_than(MAX_COMPARED_VALUES, [side]) for side in (before, after)):
        return _coarse_diff(before, after)
    result: dict[str, JsonObject] = {}
    for part, place, values in _differences((), before, after):
        shown = [_visible(masked(place, value, secrets)) for value in values]
        result.setdefault(part, {})[visible(dotted(place)).text] = shown if part == "changed" else shown[0]
    return {part: dict(sorted(rows.items())) for part, rows in sorted(result.items())}


def _differences(place: Place, before: Json, after: Json) -> Iterator[tuple[str, Place, list[Json]]]:
    """The part, the place and the values of each leaf that differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in (*before, *(after.keys() - before.keys())):
            if key not in after:
                yield "removed", (*place, key), [before[key]]
            elif key not in before:
                yield "added", (*place, key), [after[key]]
            else:
                yield from _differences((*place, key), before[key], after[key])
    elif same(before, after):
        return
    elif isinstance(before, list) and isinstance(after, list):
        yield from _differences_of_lists(place, before, after)
    else:
        yield "changed", place, [before, after]


def _differences_of_lists(
    place: Place, before: list[Json], after: list[Json]
) -> Iterator[tuple[str, Place, list[Json]]]:
    """Only here is there something to align. It costs a hundred times what a mapping does."""
    from deepdiff import DeepDiff

    found = DeepDiff(
        before,
        after,
        view="tree",
        verbose_level=2,
        ignore_order=False,
        ignore_private_variables=False,  # else keys that start with "__" are left out
        threshold_to_diff_deeper=0,
    )
    for report, levels in found.items():
        for level in levels:
            part, values = _row(report, level.t1, level.t2)
            yield part, (*place, *level.path(output_format="list")), values


def _coarse_diff(before: JsonObject, after: JsonObject) -> JsonObject:
    both = before.keys() & after.keys()
    parts: dict[str, JsonObject] = {
        "added": {dotted((key,)): LONG for key in sorted(after.keys() - both)},
        "changed": {dotted((key,)): [LONG, LONG] for key in sorted(both) if not same(before[key], after[key])},
        "removed": {dotted((key,)): LONG for key in sorted(before.keys() - both)},
    }
    return {part: rows for part, rows in parts.items() if rows}


def secret_places(config: JsonObject) -> Secrets:
    """The places in a manifest whose value comes from a variable or a file."""
    return frozenset(("config", *place) for place, _ in references(config))


def dotted(place: Place) -> str:
    """``("steps", 0, "uses")`` as ``steps[0].uses``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def _row(report: str, before: Json, after: Json) -> tuple[str, list[Json]]:
    if report.endswith("_added"):
        return "added", [after]
    if report.endswith("_removed"):
        return "removed", [before]
    return "changed", [before, after]


def masked(place: Place, value: Json, hidden: Secrets) -> Json:
    """``value``, which stands at ``place`` in a manifest, with a mask for what must not be shown."""
    if (hidden and any(place[: len(secret)] == secret for secret in hidden)) or _sounds_secret(place):
        return MASK
    if isinstance(value, dict):
        return {key: masked((*place, key), below, hidden) for key, below in value.items()}
    if isinstance(value, list):
        return [masked((*place, index), below, hidden) for index, below in enumerate(value)]
    return _without_secrets(value) if isinstance(value, str) and place[:1] == ("config",) else value


def _visible(value: Json) -> Json:
    """``value`` with escapes in place of characters that nobody sees."""
    if isinstance(value, dict):
        return {visible(key).text: _visible(below) for key, below in value.items()}
    if isinstance(value, list):
        return [*map(_visible, value)]
    return visible(value).text if isinstance(value, str) else value


def _without_secrets(text: str) -> str:
    """``text`` with a mask for what of it looks like a secret."""
    for part in _SECRET_PARTS:
        text = part.sub(MASK, text)
    return text


def _sounds_secret(place: Place) -> bool:
    """Whether a key of ``config`` on the way there does: what is below one is as secret."""
    return place[:1] == ("config",) and any(isinstance(part, str) and _SECRET_KEY.search(part) for part in place[1:])
