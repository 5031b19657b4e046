"""A plan in a file: what was shown, how it was made, and the fingerprint that a plan made again must have."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, cast

from msgspec import Struct
from msgspec.structs import replace

from reconciler.cli.ui.style import json_shown
from reconciler.codes import ErrorCode
from reconciler.commands.apply import Shown
from reconciler.documents import json_text, schemas
from reconciler.errors import InputError
from reconciler.model.config import JsonObject
from reconciler.model.plan import Plan
from reconciler.planning.intent import Allowances
from reconciler.reconcile.options import Options

_API_VERSION: Final = "llamagate/v1"


def saved_plan_bytes(plan: Plan, options: Options, *, out: Path) -> bytes:
    """The document of ``plan --json`` with what ``apply FILE`` needs to make the plan again.

    It is for the file ``out``, and names the desired state relative to that where both are in one project, so that
    they may move together.
    """
    take_over = options.allowances.take_over
    document: JsonObject = {
        "apiVersion": _API_VERSION,
        "file": _from(out, options.file),
        "only": [*sorted(options.only)],
        "options": {
            "locked": options.locked,
            "allow_prune": options.allowances.prune,
            "overwrite": options.allowances.overwrite,
            "take_over": None if take_over is None else [*sorted(take_over)],
        },
        **({"fingerprint": plan.fingerprint()} if options.with_values else {}),
        **plan.to_document(),
    }
    return json_shown(json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _from(out: Path, file: Path) -> str:
    file, folder = (Path(os.path.abspath(path)) for path in (file, out.parent))  # noqa: PTH100 - links stay as named
    is_near = file.parent.is_relative_to(folder) or folder.is_relative_to(file.parent)
    return Path(os.path.relpath(file, folder)).as_posix() if is_near else str(file)


class SavedPlan(Struct, frozen=True, kw_only=True):
    """How a plan was made, and what it shows."""

    options: Options
    shown: Shown
    digest: str
    """Empty where an older version saved it."""


def read_saved_plan(path: Path) -> SavedPlan:
    """How a saved plan was made, and what it shows."""
    document = plan_document(path)
    if "fingerprint" not in document:
        made = (
            "this plan was made with --no-secrets"
            if "apiVersion" in document
            else "this is the output of 'plan --json'"
        )
        advice = "apply takes a plan saved with 'plan --out', or the digest of one with --expect"
        raise InputError.at(f"{made}: it can only be shown", file=path, advice=advice)
    options = saved_options(document, path)
    if options is None:
        message = "it was changed, or another version of llamagate saved it; save it again with 'plan --out'"
        raise InputError.at(message, file=path)
    actions = tuple(cast(list[JsonObject], document["actions"]))
    shown = Shown(str(document["fingerprint"]), actions)
    return SavedPlan(options=options, shown=shown, digest=str(document.get("digest", "")))


def plan_document(path: Path) -> JsonObject:
    """The document of a plan, saved or printed by ``plan --json``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError.at(
            f"the saved plan cannot be read: {error.strerror}", file=path, code=ErrorCode.UNREADABLE
        ) from error
    if path.suffix in (".yaml", ".yml"):
        message, advice = "this is a YAML file, not a saved plan", f"run 'llamagate apply -f {path}'"
        raise InputError.at(message, file=path, advice=advice, code=ErrorCode.USAGE)
    value = json_text.load(data, name=str(path))
    schemas.check(value, "plan", data=data, file=str(path), what="saved plan")
    return cast(JsonObject, value)


def saved_options(document: JsonObject, path: Path) -> Options | None:
    """How the plan in the file ``path`` was made, or ``None`` where its ``document`` does not say exactly that."""
    options = _options(document)
    return None if options is None else replace(options, file=path.parent / options.file)


def _options(document: JsonObject) -> Options | None:
    """How the plan was made, or ``None`` where the document does not say exactly that."""
    match document:
        case {
            "file": str(file),
            "only": list(only),
            "options": {
                "locked": bool(locked),
                "allow_prune": bool(prune),
                "overwrite": bool(overwrite),
                "take_over": list() | None as take_over,
                **others,
            },
        } if not others and "\0" not in file and _are_texts([*only, *(take_over or ())]):
            taken = None if take_over is None else frozenset(map(str, take_over))
            allowances = Allowances(prune=prune, overwrite=overwrite, take_over=taken)
            return Options(file=Path(file), only=frozenset(map(str, only)), locked=locked, allowances=allowances)
    return None


def _are_texts(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values)
