"""What this version says to a document of a newer one: it names the document and both numbers, and touches nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Session
from tests.homes.unpack import TOKEN, sealed, unpack


def raise_number(path: Path) -> str:
    """Give a document the next number; what is said of it."""
    document = json.loads(path.read_bytes())
    if "body" in document:
        path.write_bytes(sealed(document["body"] | {"schema": 4}))
    else:
        path.write_text(json.dumps(document | {"schema": 2}))
    number = 4 if "body" in document else 2
    return f"{path}: a newer llamagate wrote it (schema {number}, this version knows {number - 1})"


@pytest.mark.parametrize(
    "command", ["list", "status", "plan", "verify", "history", "apply", "sync", "rollback", "restore greeter"]
)
def test_row_108_a_newer_record(home: Session, command: str) -> None:
    said, before = raise_number(home.ours / "record.json"), home.everything()
    assert home.llamagate(*command.split(), exits=1).err == f"llamagate: {said}\n  → use that version\n"
    assert home.everything() == before


# A generation


def test_a_newer_generation_is_not_gone_back_to(home: Session) -> None:
    said, before = raise_number(home.ours / "generations/2.json"), home.everything()
    done = home.llamagate("rollback", "--to", "2", exits=1)
    assert done.err == f"llamagate: {said}\n  → use that version\n"
    assert home.everything() == before


def test_a_newer_generation_is_listed_and_called_newer_not_damaged(home: Session) -> None:
    raise_number(home.ours / "generations/2.json")
    assert "   2  (a newer llamagate wrote it; use that version)\n" in home.llamagate("history").out
    said = home.llamagate("verify", exits=3).out
    assert f"  generation 2: a newer llamagate wrote its document ({home.ours / 'generations/2.json'})\n" in said


def test_a_newer_generation_keeps_every_package(home: Session) -> None:
    home.edit("llamagate.yaml", "policy: {backups: 3}", "policy: {backups: 3, generations: 2}")
    home.edit("packages/greeter/text.md", "good", "Good")
    raise_number(home.ours / "generations/3.json")
    before = {path.name for path in (home.ours / "cache").iterdir()}
    home.llamagate("apply")
    assert before < {path.name for path in (home.ours / "cache").iterdir()}


# A journal


@pytest.mark.parametrize("verb", ["apply", "recover"])
@pytest.mark.parametrize("journal", ["journal", "journal.undo"])
def test_a_newer_journal(tmp_path: Path, journal: str, verb: str) -> None:
    session = unpack(Session(tmp_path, variables=TOKEN), interrupted=journal)
    said, before = raise_number(session.ours / journal), session.everything()
    done = session.llamagate(verb, exits=7)
    assert done.err == (
        f"llamagate: a change was interrupted, and its journal cannot be used: {said}\n"
        "  → nothing was changed; finish it with that version, or "
        "'llamagate recover --abandon' keeps everything as it is\n"
    )
    assert session.everything() == before


# What the watcher did


def test_a_newer_status_stops_the_watcher(home: Session) -> None:
    status = home.ours / "status.json"
    said, before = raise_number(status), status.read_bytes()
    done = home.llamagate("watch", "--once", exits=1)
    assert done.err == (
        f"llamagate: {said}\n  → use that version; or remove the file, and the watcher starts without the last commit\n"
    )
    assert status.read_bytes() == before


def test_a_newer_status_of_the_watcher_is_left_out_of_what_status_says(home: Session) -> None:
    raise_number(home.ours / "status.json")
    found = home.llamagate("status", "--json").json
    assert (found["in_sync"], found["watcher"]) == (True, None)


# The files beside the home


@pytest.mark.parametrize(
    ("name", "line"), [("llamagate.yaml", 1), ("llamagate.lock.yaml", 2)], ids=["desired state", "lock"]
)
def test_a_newer_file_of_the_project(home: Session, name: str, line: int) -> None:
    home.edit(name, "llamagate/v1", "llamagate/v2")
    said = home.llamagate("apply", exits=1).err
    assert said.startswith(f"llamagate: {name}:{line}:1: apiVersion: expected 'llamagate/v1', found 'llamagate/v2'\n")


def test_a_newer_saved_plan(home: Session) -> None:
    home.llamagate("plan", "--out", "saved.json")
    home.edit("saved.json", "llamagate/v1", "llamagate/v2")
    said = home.llamagate("apply", "saved.json", exits=1).err
    assert said.startswith("llamagate: saved.json:2:3: apiVersion: expected 'llamagate/v1', found 'llamagate/v2'\n")


# What may be added within a number


def remembered(home: Session, document: dict[str, Any], by: str) -> None:
    """Have the record say that version ``by`` has accepted the desired state, whose content is ``document``."""
    digest = hashlib.sha256((home.project / "llamagate.yaml").read_bytes()).hexdigest()
    body = home.record() | {"documents_by": by, "documents": {f"sha256:{digest}": document}}
    home.write_record(body)


def test_a_key_that_only_a_newer_version_knows_is_refused_though_that_version_took_it(home: Session) -> None:
    home.desired("owner: team-a\ncolour: red\n")
    remembered(home, {"apiVersion": "llamagate/v1", "owner": "team-a", "colour": "red"}, by="99.0.0")
    said = home.llamagate("plan", exits=1).err
    assert said.startswith("llamagate: llamagate.yaml:3:1: colour: unknown field 'colour'")


def test_an_unknown_key_of_the_record_is_ignored_and_lost_with_the_next_change(home: Session) -> None:
    home.write_record(home.record() | {"colour": "red"})
    home.edit("packages/greeter/text.md", "good", "Good")
    home.llamagate("apply")
    assert "colour" not in home.record()


def test_an_unknown_key_of_a_generation_is_ignored(home: Session) -> None:
    path = home.ours / "generations/1.json"
    path.write_bytes(sealed(json.loads(path.read_bytes())["body"] | {"colour": "red"}))
    home.llamagate("rollback", "--to", "1")
    assert home.installed("greeter", "text.md").read_text() == "hello\n"


def test_an_unknown_key_of_a_lock_is_refused(home: Session) -> None:
    home.edit("llamagate.lock.yaml", 'id: "counter"', 'id: "counter"\n    colour: red')
    said = home.llamagate("plan", exits=1).err
    assert "unknown field 'colour'" in said
