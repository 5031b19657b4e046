"""Which commands fetch what they run without naming a version of it."""

from __future__ import annotations

import shlex

import pytest

from reconciler.planning.unpinned import unpinned

FLOATING = [
    "npx x",
    "npx -y x",
    "npx -y @scope/x",
    "npx -y x@latest",
    "npx -y x@^1.2.0",
    "npx -y x@1",
    "npx --package=x run",
    "npx -p x run",
    "/usr/local/bin/npx -y x",
    "npx.cmd -y x",
    "bunx x",
    "npm exec x",
    "pnpm dlx x",
    "yarn dlx x",
    "uvx x",
    "uvx --python 3.12 x",
    "uvx --from x run",
    "uvx x>=1.0",
    "uv tool run x",
    "pipx run x",
    "pipx run --spec x run",
    "docker run image",
    "docker run -i --rm image",
    "docker run -e A=b -v /a:/b -i image",
    "docker run org/image:latest",
    "docker run registry.example.org:5000/image",
    "podman run image",
]
PINNED = [
    "npx -y x@1.2.3",
    "npx -y @scope/x@1.2.3-rc.1",
    "npx --package=x@1.2.3 run",
    "npx ./local",
    "npx -y github:org/x#v1.2.3",
    "npm run x",
    "npm exec x@1.2.3",
    "uvx x==1.2.3",
    "uvx x@1.2.3",
    "uvx --from x==1.2.3 run",
    "uvx --from git+https://example.org/x@0123456789012345678901234567890123456789 run",
    "uv tool run x==1.2",
    "uv run server.py",
    "pipx run x==1.2.3",
    "docker run image:1.2",
    "docker run -i registry.example.org:5000/image:1.2",
    f"docker run image@sha256:{'0' * 64}",
    "docker compose up",
    "node server.js",
    "x",
]


@pytest.mark.parametrize("line", FLOATING)
def test_floating(line: str) -> None:
    command, *arguments = shlex.split(line)
    assert unpinned({"command": command, "args": [*arguments]})


@pytest.mark.parametrize("line", PINNED)
def test_pinned(line: str) -> None:
    command, *arguments = shlex.split(line)
    assert unpinned({"command": command, "args": [*arguments]}) == ""


def test_what_comes_from_elsewhere_is_not_judged() -> None:
    assert unpinned({"command": "npx", "args": ["-y", {"env": "SERVER"}]}) == ""
    assert unpinned({"url": "http://127.0.0.1/mcp"}) == ""
