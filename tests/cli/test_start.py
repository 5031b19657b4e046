"""How the program is started: its two names, the gateway's program of the same name, and Windows."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import pytest

from reconciler import __main__
from tests.cli.shell import Session
from tests.conftest import PROJECT

OURS = "#!/usr/bin/python3\nfrom reconciler.__main__ import main\nmain()\n"


def program(folder: Path, content: bytes | str) -> Path:
    folder.mkdir()
    path = folder / "llamagate"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o755)
    return path


def findings(session: Session, *folders: Path) -> list[str]:
    session.variables["PATH"] = os.pathsep.join(map(str, folders))
    found = session.llamagate("doctor", "--json").json["findings"]
    return [one["message"] for one in found if one["code"] == "same-program-name"]


def test_both_names_start_the_same() -> None:
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == dict.fromkeys(("llamagate", "lgate"), "reconciler.__main__:main")


def test_doctor_names_both_programs_where_both_are_on_the_path(session: Session) -> None:
    gateway = program(session.base / "usr", b"\x7fELF\x02 reconciler")
    ours = program(session.base / "venv", OURS)
    text = f"{ours} is this program, {gateway} is another one"
    assert findings(session, gateway.parent, ours.parent) == [f"'llamagate' starts {gateway}; {text}"]
    assert findings(session, ours.parent, gateway.parent) == [f"'llamagate' starts {ours}; {text}"]


def test_doctor_says_nothing_of_one_program(session: Session) -> None:
    ours = program(session.base / "venv", OURS)
    link = session.base / "link"
    link.mkdir()
    (link / "llamagate").symlink_to(ours)
    (session.base / "empty").mkdir()
    assert findings(session, link, session.base / "empty", ours.parent, session.base / "nowhere") == []
    gateway = program(session.base / "usr", b"\x7fELF")
    assert findings(session, gateway.parent) == []
    gateway.chmod(0o644)
    assert findings(session, gateway.parent, ours.parent) == []


def test_on_windows_it_ends_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit, match=r"^llamagate runs on Linux and macOS only; on Windows, .* inside WSL\.$"):
        __main__.main()
