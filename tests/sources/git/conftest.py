"""A repository, a server for it, and what reads it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import LlamagateError
from reconciler.sources.git.command import GitRules
from reconciler.sources.git.repository import Repository
from tests.sources.git_servers import GitOverHttp, Origin, git_over_http


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "served" / "x")


@pytest.fixture
def served(tmp_path: Path, origin: Origin) -> Iterator[GitOverHttp]:
    with git_over_http(tmp_path / "served") as serving:
        yield serving


@pytest.fixture
def repository_at(tmp_path: Path) -> Callable[..., Repository]:
    """Makes a ``Repository`` for a url; the other arguments are its rules."""

    def make(url: str, **rules: Any) -> Repository:
        variables = rules.pop("variables", {"PATH": os.environ["PATH"]})
        return Repository(url, folder=tmp_path / "cache", rules=GitRules(variables=variables, **rules))

    return make


@pytest.fixture
def repository(served: GitOverHttp, repository_at: Callable[..., Repository]) -> Repository:
    """The repository ``origin``, by http."""
    return repository_at(served.url("x"))


def refused(call: Callable[[], object]) -> LlamagateError:
    """The error of ``call``, whose message can be shown on a terminal."""
    with pytest.raises(LlamagateError) as caught:
        call()
    assert caught.value.message.isprintable()
    return caught.value
