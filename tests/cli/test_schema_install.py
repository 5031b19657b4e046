"""The schemas beside a desired state, and the line by which an editor finds them."""

from __future__ import annotations

import json

import pytest

from reconciler.documents.schemas import SCHEMA_NAMES, schema_text
from reconciler.host.engine.builtin_steps import STEPS
from tests.cli.shell import Session

LINE = "# yaml-language-server: $schema="


def first_line(session: Session) -> str:
    return (session.project / "llamagate.yaml").read_bytes().split(b"\n")[0].decode("utf-8-sig").rstrip("\r")


def test_init_names_the_file_that_was_installed(session: Session) -> None:
    session.llamagate("init")
    assert LINE not in first_line(session)
    (session.project / "llamagate.yaml").unlink()
    session.llamagate("schema", "--install")
    session.llamagate("init")
    named = session.project / first_line(session).removeprefix(LINE)
    assert json.loads(named.read_text()) == json.loads(schema_text("desired-state"))
    assert {path.name for path in named.parent.iterdir()} == {f"{name}.schema.json" for name in SCHEMA_NAMES}
    session.llamagate("validate")


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_a_file_that_is_there_gets_the_line_once_and_nothing_else(session: Session, start: bytes, end: bytes) -> None:
    rest = b"# mine" + end + b"apiVersion: llamagate/v1" + end
    file = session.write("llamagate.yaml", start + rest)
    assert session.llamagate("schema", "--install", "--json").json["wrote"] is True
    text = file.read_bytes()
    assert text.startswith(start + LINE.encode())
    assert text.endswith(end + rest)
    assert session.llamagate("schema", "--install", "--json").json["wrote"] is False
    assert file.read_bytes() == text


def test_a_file_that_is_no_desired_state_gets_none(session: Session) -> None:
    session.write("llamagate.yaml", "port: 1\n")
    session.llamagate("schema", "--install", exits=1)
    assert (session.project / "llamagate.yaml").read_text() == "port: 1\n"


def test_the_schema_of_a_manifest_names_every_step_that_there_is() -> None:
    schema = json.loads(schema_text("extension-manifest"))
    assert {*schema["$defs"]["step"]["properties"]["uses"]["examples"]} == {*STEPS}
