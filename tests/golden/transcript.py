"""A transcript: a text file that reads as a shell session, and can be played again.

Lines of the file, each played in a fresh project with a fresh home:

``# TEXT``
    A comment.
``$ llamagate ARGUMENTS``
    A command, and below it what it printed: standard output indented by four spaces, then standard error, each line
    with ``2|`` before it, then ``[exit N]`` where N is not 0. This part is written by ``python -m tests.golden``.
``$ cat FILE``
    The content of a file of the project.
``package ID [VERSION]``
    Write an extension into ``packages/ID``.
``module ID EXTENSION``
    Write an agentic module with one step into ``packages/ID``.
``file NAME <<<``
    Write a file: the lines up to ``>>>``.
``edit FILE: OLD -> NEW``
    Replace a text, which must be there, in a file; without NEW, delete it. The home is ``../home``.
``rm PATH``
    Delete a file or a folder.
``env NAME=VALUE``
    Set a variable for the commands that follow; without a value, remove it.
``key NAME``
    Make an SSH key ``../NAME``.
``interrupt llamagate ARGUMENTS``
    Kill a command in the middle of its change.
``gateway``
    Start a gateway that loads the home. ``<gateway>`` in a file or a command is its address.
``registry``
    Start a registry. ``<registry>`` in a file or a command is its host. Where none is installed, the test skips.

What differs from run to run is replaced: temporary folders, times, digests, process ids, sizes, ports, the version.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from reconciler import __version__
from reconciler.errors import ExitCode
from tests.cli.shell import Session, interrupt
from tests.gateway.simulator import running
from tests.sources.registries import registry

FOLDER: Final = Path(__file__).parent

_OUT: Final = "    "
_ERR: Final = " 2| "

_VARIES: Final = (
    (r"\b\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?", r"2026-01-02\g<1>03:04:05"),
    (r"\b20\d\d-\d\d-\d\d\b", "2026-01-02"),
    (r"\b[0-9a-f]{64}\b", "<digest>"),
    (r"\bpid \d+", "pid <number>"),
    (r"\bSHA256:[A-Za-z0-9+/]{43}", "SHA256:<key>"),
    (r"\bAAAAC3[A-Za-z0-9+/=]{30,}", "AAAA<key>"),
    (r'"(size|freed)": \d+', r'"\1": <number>'),
    (r"\b\d+ (bytes|KiB)\b", "<size>"),
    (r"\(\d+ ms\)", "(<time>)"),
    (r"\"milliseconds\": \d+", '"milliseconds": <number>'),
    (rf"\bllamagate {re.escape(__version__)}\b", "llamagate <version>"),
)


class Renewal:
    """A plugin of pytest: where it is registered, the tests write what they see, and do not compare it."""


class Player:
    """Plays a transcript in a session."""

    def __init__(self, session: Session) -> None:
        self._session, self._stack = session, ExitStack()
        places = {session.project: "<project>", session.home: "<home>", session.base: "<folder>"}
        self._names = {str(place): name for place, name in places.items()}
        user = pwd.getpwuid(os.geteuid()).pw_name
        self._names |= {
            f"  by {user}": "  by <user>",
            f'"by": "{user}"': '"by": "<user>"',
            f"  by       {user}": "  by       <user>",
        }
        self._places = {"<gateway>": "<gateway>", "<registry>": "<registry>"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._stack.close()

    def play(self, text: str) -> str:
        """The transcript ``text`` with what its commands print now."""
        lines, played = deque(text.splitlines()), list[str]()
        while lines:
            line = lines.popleft()
            played.append(line)
            if line.startswith("$ "):
                _drop_output(lines)
                played += self._command(shlex.split(line[2:]))
            elif line and not line.startswith("#"):
                played += self._set_up(line, lines)
        return "".join(f"{line}\n" for line in played)

    def _command(self, words: list[str]) -> Iterator[str]:
        program, *arguments = words
        if program == "cat":
            yield from self._shown((self._session.project / arguments[0]).read_text("utf-8"), _OUT)
            return
        assert program == "llamagate", f"a transcript runs llamagate and cat, not {program}"
        said = self._session.run(*map(self._placed, arguments))
        assert said.code != ExitCode.BUG, f"{shlex.join(words)} has a bug:\n{said.err}"
        yield from self._shown(said.out, _OUT)
        yield from self._shown(said.err, _ERR)
        if said.code:
            yield f"[exit {said.code}]"

    def _placed(self, text: str) -> str:
        for name, place in self._places.items():
            text = text.replace(name, place)
        return text

    def _shown(self, text: str, mark: str) -> Iterator[str]:
        for varying, name in self._names.items():
            text = text.replace(varying, name)
        for pattern, name in _VARIES:
            text = re.sub(pattern, name, text)
        for line in text.splitlines():
            yield f"{mark}{line}" if line else mark.rstrip()

    def _set_up(self, line: str, lines: deque[str]) -> Iterator[str]:
        """Do what the line says. The lines that belong to it are taken from ``lines``."""
        session = self._session
        word, _, rest = line.partition(" ")
        match word:
            case "package":
                item, *version = rest.split()
                session.package(item, version=version[0] if version else "1.0.0")
            case "module":
                session.module(*rest.split())
            case "file":
                content = [*_document(lines)]
                text = self._placed("".join(f"{one}\n" for one in content))
                session.write(rest.removesuffix(" <<<"), text)
                yield from [*content, ">>>"]
            case "edit":
                path, change = self._placed(rest).split(": ", 1)
                old, _, new = change.partition(" ->")
                session.edit(path, old, new.removeprefix(" "))
            case "rm":
                place = session.project / rest
                shutil.rmtree(place) if place.is_dir() else place.unlink()
            case "env":
                name, _, value = rest.partition("=")
                session.variables.pop(name, None)
                session.variables |= {name: value} if value else {}
            case "key":
                words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", rest, "-f", str(session.base / rest)]
                subprocess.run(words, check=True, capture_output=True)
            case "interrupt":
                interrupt(session, *shlex.split(rest)[1:])
            case "gateway" | "registry":
                self._start(word)
            case _:
                raise AssertionError(f"a transcript has no such line: {line}")

    def _start(self, server: str) -> None:
        if server == "gateway":
            place = self._stack.enter_context(running(self._session.home)).url
        else:
            place = self._stack.enter_context(registry(self._session.base / "registry")).host
        self._places[f"<{server}>"] = place
        self._names[place] = f"<{server}>"


def _document(lines: deque[str]) -> Iterator[str]:
    while (line := lines.popleft()) != ">>>":
        yield line


def _drop_output(lines: deque[str]) -> None:
    """Drop what a command printed before. Empty lines are part of it where more of it follows."""
    while True:
        follows = next((at for at, line in enumerate(lines) if line), None)
        if follows is None or not lines[follows].startswith((" ", "[exit ")):
            return
        for _ in range(follows + 1):
            lines.popleft()
