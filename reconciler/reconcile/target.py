"""Want: what a resolved package comes to as an installed item, with its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from reconciler.model.config import JsonObject, env_references, resolved, same
from reconciler.model.desired import Limits
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.record import RecordItem
from reconciler.packages.open_package import OpenPackage
from reconciler.planning.intent import Target
from reconciler.resolve.resolved import Resolved, open_resolved

if TYPE_CHECKING:
    from reconciler.packages.realise import Realised


def target_for(
    env: Environment,
    found: Resolved,
    *,
    recorded: RecordItem | None,
    limits: Limits,
    owner: str | None,
    config: JsonObject,
    enabled: bool | None = None,
    depends_on: tuple[str, ...] = (),
) -> Target:
    """What ``found`` comes to for ``config``; its package is only opened where the record does not know the outcome."""
    known = found.opened is None and recorded is not None and recorded.tree == found.tree
    if known and recorded and same(recorded.config, config) and not any(env_references(config)):
        files: Mapping[str, str] = {path: kept.sha256 for path, kept in recorded.files.items()}
    else:
        files = realised(env, open_resolved(found, Home(env.home), limits), config).hashes
    return Target(
        key=found.key,
        source=found.source,
        source_stamp=found.stamp,
        owner=owner,
        manifest=found.manifest,
        tree=found.tree,
        config=config,
        files=files,
        enabled=enabled,
        depends_on=depends_on,
    )


def unset_variables(env: Environment, config: JsonObject) -> list[tuple[tuple[str | int, ...], str]]:
    """The places in ``config`` that name an environment variable which is not set, with its name."""
    return [(place, name) for place, name in env_references(config) if name not in env.variables]


def realised(env: Environment, opened: OpenPackage, config: JsonObject) -> Realised:
    """The package's files for ``config``, its values from the environment filled in."""
    from reconciler.packages.realise import realise  # a pass that changes no file needs none of it

    return realise(opened.package, opened.content, cast(JsonObject, resolved(config, env.variables)))
