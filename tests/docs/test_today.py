"""The page for today's gateway is run as it is printed, against a gateway that does not know of us."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import command_in, is_printed, page, run_blocks, shell_blocks, shown_lines
from tests.support.today import Today, today

NAME = "today.md"
CALL = 'use mcp.host.priority-rules {"summary": {"urgency_level": "high"}}'
ASKED = "A ticket of high urgency came in. What do we promise?"


def answer(said: str) -> str:
    """What the model makes of the tool's result."""
    found: Any = json.loads(said)["structuredContent"]
    return f"notify the {found['notify']}, and answer within {found['respond_within_hours']} hour"


def restarts(gateway: Today, asked: Path, done: Path) -> None:
    """Restart it once somebody writes to the one pipe, and say so in the other."""
    asked.read_bytes()
    gateway.restart()
    done.write_bytes(b"restarted\n")


def test_chat_calls_an_extension_after_five_commands(tmp_path: Path, free_port: int) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    folder, home = tmp_path / "mine", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    (home / "llamagate.yaml").write_text("# the gateway's\nmcp:\n  enabled: true\n  max_tool_rounds: 3\n")
    pipes = tmp_path / "asked", tmp_path / "done"
    for pipe in pipes:
        os.mkfifo(pipe)
    command_in(folder)
    with today(home, tmp_path) as gateway:
        gateway.script[ASKED] = (CALL, answer)
        restarting = threading.Thread(target=restarts, args=(gateway, *pipes))
        restarting.start()
        restart = f"echo now > {pipes[0]}; cat {pipes[1]}"
        text = page(NAME).replace("systemctl restart llamagate", restart).replace("11436", str(free_port))
        text = text.replace("http://127.0.0.1:11435", gateway.url)
        blocks = dict(shell_blocks(text))
        variables = {"PATH": f"{folder}/.venv/bin{os.pathsep}{os.environ['PATH']}", "LLAMAGATE_HOME": str(home)}
        said = dict(zip(blocks, run_blocks([*blocks.values()], folder, variables), strict=True))
        restarting.join(10)
    assert [*blocks] == ["extension", "declare", "apply", "serve", "restart", "chat", "stop"]
    missing = [line for block, lines in shown_lines(text) for line in lines if not is_printed(line, said[block])]
    assert missing == [], said
    assert (home / "llamagate.yaml").read_text().startswith("# the gateway's\nmcp:")
