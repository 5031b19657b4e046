"""The page on the host names every route, step and limit that there is."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
from starlette.routing import Route

from reconciler.host import defaults
from reconciler.host.connections import HEAD_SECONDS, MAX_CONNECTIONS, MAX_HEAD_BYTES, MAX_PER_ADDRESS
from reconciler.host.decode import (
    MAX_CONDITION_CHARACTERS,
    MAX_DESCENTS,
    MAX_PATH_CHARACTERS,
    MAX_REDACT_RULES,
    MAX_RULES,
)
from reconciler.host.engine.builtin_steps import STEPS
from reconciler.host.engine.run import RunLimits
from reconciler.host.engine.state import MAX_PLACEHOLDER_CHARACTERS, MAX_TEXT_CHARACTERS
from reconciler.host.engine.template import MAX_ACTIONS
from reconciler.host.hooks import MAX_USAGE_ROWS
from reconciler.host.model_client import MAX_ANSWER_BYTES
from reconciler.host.redaction import MAX_MATCHES
from reconciler.host.runtime import Runtime
from reconciler.host.schema import MAX_PARTS
from reconciler.host.server import GRACE_SECONDS
from reconciler.host.settings import HostSettings
from reconciler.host.web.access import MAX_CALLERS
from reconciler.host.web.app import make_app
from reconciler.host.web.request import BODY_SECONDS, MAX_HOLDERS
from tests.cli.shell import Session
from tests.docs.pages import chapter, page, rows
from tests.host.served import settings_for


def test_every_route_is_compared(session: Session) -> None:
    table = rows(chapter(page("host.md"), "Endpoints"))
    named = {re.sub(r"`(?:\w+ )?(.*)`", r"\1", row[0]) for row in table if row[0].startswith("`")}
    routes = make_app(Runtime(settings_for(session))).routes
    paths = {route.path.replace("/{rest:path}", "{path}") for route in routes if isinstance(route, Route)}
    assert named == {"/ui/" if path.startswith("/ui") else path for path in paths}


def test_every_step_is_explained() -> None:
    named = [row[0].strip("`") for row in rows(chapter(page("host.md"), "Steps")) if row[0].startswith("`")]
    assert sorted(named) == sorted(STEPS)


RUN = RunLimits()
SETTINGS: dict[str, Any] = {field.name: field.default for field in fields(HostSettings)}
LIMITS: dict[str, str] = {
    "requests of one key": f"{defaults.RATE} a second",
    "callers that are counted": f"{MAX_CALLERS:,}",
    "connections in all": f"{MAX_CONNECTIONS:,}, and half of the descriptors",
    "connections of one address": f"{MAX_PER_ADDRESS}",
    "the head": f"{HEAD_SECONDS:g} s, {MAX_HEAD_BYTES // 2**10} KiB; {HEAD_SECONDS:g} s",
    "the body": f"{BODY_SECONDS} s, {SETTINGS['body'] // 2**20} MiB, {MAX_HOLDERS:,} lists and objects",
    "calls": f"{RUN.calls}",
    "levels": f"{RUN.depth}",
    "one run": f"{RUN.seconds:g} s",
    "one computation": f"{RUN.piece:g} s",
    "what a hook does": f"{RUN.hook:g} s",
    "one answer of the model": f"{defaults.MODEL_SECONDS:g} s, {MAX_ANSWER_BYTES // 2**20} MiB, not packed",
    "an answer": f"{RUN.answer // 2**20} MiB",
    "a file": f"{RUN.file // 2**20} MiB",
    "a text": f"{MAX_TEXT_CHARACTERS // 2**20} Mi characters",
    "a placeholder": f"{MAX_PLACEHOLDER_CHARACTERS} characters",
    "actions of one template": f"{MAX_ACTIONS:,}",
    "rules of one step": f"{MAX_RULES:,}; {MAX_CONDITION_CHARACTERS:,} characters",
    "parts of a schema": f"{MAX_PARTS:,}",
    "rules of `redact`": f"{MAX_REDACT_RULES}; {MAX_PATH_CHARACTERS} characters; {MAX_DESCENTS}; {MAX_MATCHES:,}",
    "rows of a usage report": f"{MAX_USAGE_ROWS:,}",
    "a change that waits": f"{SETTINGS['wait']:g} s",
    "requests under way": f"{GRACE_SECONDS} s",
}


@pytest.mark.parametrize(("what", "most"), LIMITS.items(), ids=LIMITS.keys())
def test_each_limit_is_that_of_the_code(what: str, most: str) -> None:
    table = rows(chapter(page("host.md"), "Limits"))
    assert [row[1] for row in table if row[0].startswith(what)][:1] == [most]


def test_each_option_of_a_limit_is_there() -> None:
    options = " ".join(row[2] for row in rows(chapter(page("host.md"), "Limits")))
    assert set(re.findall(r"`(limits\.\w+)`", options)) == {f"limits.{field.name}" for field in fields(RunLimits)}
    help_of_serve = page("reference.md").partition("## serve")[2]
    assert all(f"`{option} " in help_of_serve for option in re.findall(r"`(--[\w-]+)`", options))


def test_the_defaults_are_those_of_the_code() -> None:
    assert f"is {defaults.PORT}" in page("host.md")
