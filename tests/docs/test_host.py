"""The page on the host names every route, step and limit that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.routing import Route

from reconciler.host import defaults
from reconciler.host.engine.builtin_steps import STEPS
from reconciler.host.engine.run import RunLimits
from reconciler.host.engine.template import MAX_ACTIONS
from reconciler.host.model_client import MAX_ANSWER_BYTES
from reconciler.host.runtime import Runtime
from reconciler.host.web.app import make_app
from tests.cli.shell import Session
from tests.docs.pages import chapter, page, rows
from tests.host.served import settings_for


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def test_every_route_is_compared(session: Session) -> None:
    table = rows(chapter(page("host.md"), "Endpoints"))
    named = {re.sub(r"`(?:\w+ )?(.*)`", r"\1", row[0]) for row in table if row[0].startswith("`")}
    routes = make_app(Runtime(settings_for(session))).routes
    paths = {route.path.replace("/{rest:path}", "{path}") for route in routes if isinstance(route, Route)}
    assert named == paths


def test_every_step_is_explained() -> None:
    named = [row[0].strip("`") for row in rows(chapter(page("host.md"), "Steps")) if row[0].startswith("`")]
    assert sorted(named) == sorted(STEPS)


def test_the_figures_are_those_of_the_code() -> None:
    text = page("host.md")
    limits = RunLimits()
    assert f"| {limits.calls} |" in text
    assert f"| {limits.depth} |" in text
    assert f"| {limits.seconds:g} s; {defaults.MODEL_SECONDS:g} s (`--llm-timeout`) |" in text
    assert f"| 1 MiB; {limits.answer // 2**20} MiB; {limits.file // 2**20} MiB; 4 Mi characters |" in text
    assert f"| {MAX_ANSWER_BYTES // 2**20} MiB, not packed |" in text
    assert f"({defaults.RATE}; 0 is no limit)" in text
    assert f"is {defaults.PORT}" in text
    assert f"| actions of one template, each repeat of a range counted | {MAX_ACTIONS:,} |" in text
