"""Registries of each kind of access, and who is known to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Session
from tests.sources.registries import Registry, basic, registry

LogIn = Callable[..., Path]


@pytest.fixture
def log_in(session: Session) -> LogIn:
    """Writes docker's file of credentials: what ``docker login HOST`` leaves, or the document that is given."""

    def write(host: str = "", **document: Any) -> Path:
        path = session.base / "user" / ".docker" / "config.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document or {"auths": {host: {"auth": basic()}}}))
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def open_registry(session: Session) -> Iterator[Registry]:
    with registry(session.base / "registry") as found:
        yield found


def push(session: Session, host: str, item: str = "foo", ref: str = "", *, version: str = "1.0.0") -> str:
    """Push a package of this version, and give the digest of its manifest."""
    session.package(item, version=version)
    folder = session.project / "packages" / item
    return str(session.llamagate("push", "--json", folder, f"{host}/{ref or f'team/{item}'}").json["digest"])
