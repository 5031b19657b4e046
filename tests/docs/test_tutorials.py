"""The tutorials and the page on how to leave are run as they stand, each from its first block to its last."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.cli.shell import Session
from tests.conftest import PROJECT
from tests.docs.pages import TIMEOUT_SECONDS, command_in, is_printed, page, run_blocks, shell_blocks, shown_lines
from tests.host.model_server import ModelServer

LEAVE: Final = "how-to/leave.md"
REVIEW: Final = "review.md"
PAGES: Final = ["tutorial/first-extension.md", "tutorial/team-gitops.md", LEAVE, REVIEW]


def run(name: str, folder: Path, *blocks: str, replaced: Mapping[str, str] | None = None) -> dict[str, str]:
    """Run the named blocks, else all of them, and hold what they print against what the page shows of it."""
    text = page(name)
    for word, by in (replaced or {}).items():
        text = text.replace(word, by)
    codes = {block: code for block, code in shell_blocks(text) if not blocks or block in blocks}
    command_in(folder)
    path = f"{folder}/.venv/bin{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "LLAMAGATE_HOME": f"{folder}/home"}  # with the user's own home, a gateway is asked
    said = dict(zip(codes, run_blocks([*codes.values()], folder, variables), strict=True))
    missing = [
        line for block, lines in shown_lines(text) for line in lines if not is_printed(line, said.get(block, line))
    ]
    assert missing == [], said
    return said


@pytest.mark.parametrize("name", PAGES)
def test_every_block_has_a_name_of_its_own(name: str) -> None:
    names = [block for block, _ in shell_blocks(page(name))]
    assert len(names) == page(name).count("```sh") == len(set(names))


@pytest.mark.long
def test_the_first_extension(tmp_path: Path, free_port: int) -> None:
    """In a shell without a terminal."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    model = ModelServer(say=lambda _: "Good morning, Ada!")
    try:
        addresses = {"11500": str(free_port), "http://127.0.0.1:11434": model.url}
        said = run(PAGES[0], tmp_path, replaced=addresses)
    finally:
        model.close()
    assert model.prompts == ["Greet Ada warmly, as an old friend.\n"]
    assert "Good morning, Ada!" in said["model"]
    assert [path.name for path in tmp_path.iterdir()] == [".venv"]


@pytest.mark.parametrize("fresh", [False, pytest.param(True, marks=pytest.mark.long)], ids=["copies", "starts"])
def test_the_first_extension_typed_into_a_terminal(tmp_path: Path, free_port: int, fresh: bool) -> None:
    """With colours, a pager and jobs of the shell, as a reader has them."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    model = ModelServer(say=lambda _: "Good morning, Ada!")
    text = page(PAGES[0]).replace("11500", str(free_port)).replace("http://127.0.0.1:11434", model.url)
    command_in(tmp_path, fresh=fresh)
    blocks = shell_blocks(text)
    try:
        said = typed_blocks([code for _, code in blocks], tmp_path)
    finally:
        model.close()
    shown = dict(shown_lines(text))
    missing = [
        line
        for (name, _), output in zip(blocks, said, strict=True)
        for line in shown[name]
        if not is_printed(_WORD_MARKS.sub("", line), output)  # on a terminal colours mark them
    ]
    assert missing == [], "\n".join(said)
    assert model.prompts == ["Greet Ada warmly, as an old friend.\n"]
    assert [path.name for path in tmp_path.iterdir()] == [".venv"]


def typed_blocks(codes: Sequence[str], folder: Path) -> list[str]:
    """What a terminal of 200 columns shows while each block is typed into bash, without what steers it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
    variables = {"PATH": f"{folder}/.venv/bin{os.pathsep}{os.environ['PATH']}", "HOME": str(folder), "TERM": "xterm"}
    shown: list[str] = []
    with subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        cwd=folder,
        env={**variables, "PYTHONPATH": str(PROJECT), "HISTFILE": "", "LESSHISTFILE": "-", "LANG": "C.UTF-8"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as shell:
        os.close(theirs)
        try:
            for code in codes:
                os.write(ours, f"{code}printf '{_END_AS_TYPED}'\n".encode())
                shown.append(_until_end(ours))
            os.write(ours, b"exit\n")
        finally:
            if len(shown) < len(codes):
                shell.kill()
    os.close(ours)
    return [_ESCAPES.sub("", one).replace("\r", "") for one in shown]


_WORD_MARKS: Final = re.compile(r"\[-|-\]|\{\+|\+\}")
_END: Final = "\x1e"
_END_AS_TYPED: Final = "\\036"
_ESCAPES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>]")


def _until_end(descriptor: int) -> str:
    found, until = b"", time.monotonic() + TIMEOUT_SECONDS
    while _END.encode() not in found:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
        assert ready, found.decode(errors="replace")
        found += os.read(descriptor, 65536)
    return found.decode(errors="replace")


def test_a_team_with_gitops(tmp_path: Path) -> None:
    said = run(PAGES[1], tmp_path)
    assert "this pauses 'llamagate watch'" in said["hold"]
    assert len(re.findall(r"^ +[1-4]  2", said["resume"], re.MULTILINE)) == 4
    assert [path.name for path in tmp_path.iterdir()] == [".venv"]


def test_the_review_of_a_change(tmp_path: Path) -> None:
    run(REVIEW, tmp_path)


@pytest.fixture
def managed(tmp_path: Path) -> Session:
    """A project with one extension applied to its home."""
    session = Session(tmp_path)
    shutil.copytree(PROJECT / "examples" / "extensions" / "token-budget", session.project / "packages" / "token-budget")
    session.desired("extensions:\n  token-budget: ./packages/token-budget\n")
    session.variables["LLAMAGATE_HOME"] = str(session.project / "home")
    session.llamagate("apply")
    return session


def test_to_leave_keeps_what_the_gateway_reads(managed: Session) -> None:
    home = managed.project / "home"
    installed, registry = home / "extensions" / "installed" / "token-budget", home / "registry" / "installed.json"
    before = (registry.read_bytes(), {path.name: path.read_bytes() for path in installed.iterdir()})
    run(LEAVE, managed.project, "look", "take along", "remove")
    assert (registry.read_bytes(), {path.name: path.read_bytes() for path in installed.iterdir()}) == before
    assert not (home / "reconciler").exists()
    assert [path.name for path in (managed.project / "packages-i-keep").iterdir()] == ["token-budget-1.0.0.zip"]
    assert managed.llamagate("apply", "--json").json["actions"][0]["action"] == "adopt"  # to come back


def test_to_leave_and_remove_everything(managed: Session) -> None:
    run(LEAVE, managed.project, "remove all", "remove")
    home = managed.project / "home"
    assert [*(home / "extensions" / "installed").iterdir()] == []
    assert (home / "registry" / "installed.json").read_text() == "[]"
