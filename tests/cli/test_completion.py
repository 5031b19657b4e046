"""Completion: what a shell offers, how fast, and that the table has every verb and flag."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.cli.again import Again, once
from tests.cli.shell import Session
from tests.conftest import PROJECT
from tests.docs.completions import COMMAND, COMPLETIONS, completions


def offered(session: Session, *words: str) -> list[str]:
    """The candidates for the last of ``words``, without what they are for."""
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "__complete", "bash", *words],
        cwd=session.project,
        env={**session.environment, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def make(session: Session) -> None:
    session.extensions("greeter", "notes")
    session.llamagate("apply")
    session.llamagate("disable", "notes")
    session.desired("extensions:\n  greeter: ./packages/greeter\n  grown: ./packages/grown\nmodules:\n  intake: ./x\n")


made = once(make)


@pytest.fixture
def home(made: Again) -> Session:
    return made.session()


def test_the_table_is_up_to_date() -> None:
    assert COMPLETIONS.read_text("utf-8") == completions(), f"a verb or flag changed: run '{COMMAND}'"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["hist"], ["history"]),
        (["why", "gr"], ["greeter", "grown"]),
        (["why", ""], ["extension", "agentic-module", "mcp-server", "greeter", "grown", "intake", "notes"]),
        (["show", "extension", "n"], ["notes", ":files"]),
        (["plan", "--only", "gre"], ["greeter"]),
        (["plan", "--only=gre"], ["--only=greeter"]),
        (["rollback", "--to", ""], ["2", "1"]),
        (["diff", "@"], ["@2", "@1"]),
        (["diff", "@1", "@2"], ["@2"]),
        (["cache", ""], ["gc"]),
        (["catalog", "build", "x"], [":folders"]),
        (["graph", "--format", "m"], ["mermaid"]),
        (["--color", "a"], ["auto", "always"]),
        (["-f", "x"], [":files"]),
        (["validate", "pa"], [":files"]),
        (["schema", "desired"], ["desired-state"]),
        (["history", "--gateway", ""], []),
        (["nonsense", ""], []),
        (["plan", "--no-d"], ["--no-diff"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_may_follow_is_offered(home: Session, words: Sequence[str], expected: list[str]) -> None:
    assert offered(home, *words) == (expected if words != ["nonsense", ""] else offered(home, ""))


def test_flags_before_the_verb_say_which_home_and_file(home: Session) -> None:
    home.write("other.yaml", "extensions:\n  third: ./x\n")
    assert offered(home, "--home", "nowhere", "-f", "other.yaml", "why", "extension", "") == ["third"]
    assert offered(home, "--home=nowhere", "why", "--file", "other.yaml", "extension", "t") == ["third"]


def test_broken_files_have_no_candidates(home: Session) -> None:
    home.write("llamagate.yaml", b"\xff\xfe: [\n")
    (home.ours / "record.json").write_bytes(b"{")
    assert offered(home, "why", "gr") == ["greeter"]


def test_bash_completes_behind_its_own_word_breaks(home: Session) -> None:
    lines = {
        "llamagate hist": "llamagate history",
        "llamagate why gre": "llamagate why greeter",
        "llamagate diff @2": "llamagate diff @2",
        "llamagate diff @1 @2": "llamagate diff @1 @2",
        "llamagate plan --only=gre": "llamagate plan --only=greeter",
        "llamagate validate pack": "llamagate validate packages/",
    }
    assert typed_in_bash(home, [*lines]) == [*lines.values()]


IN_QUOTES = {
    'llamagate why "gre': 'llamagate why "greeter"',
    "llamagate why 'gre": "llamagate why 'greeter'",
    "llamagate --home 'my home' why extension gro": "llamagate --home 'my home' why extension grown",
    "llamagate --home my\\ home why extension gro": "llamagate --home my\\ home why extension grown",
    'llamagate plan --only="gre': 'llamagate plan --only="greeter"',
}


def test_bash_completes_in_quotes_and_behind_words_with_spaces(home: Session) -> None:
    # What prints the line puts it into double quotes.
    assert typed_in_bash(home, [*IN_QUOTES]) == [line.replace('"', "") for line in IN_QUOTES.values()]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes(home: Session) -> None:
    lines = {
        "llamagate hist": "llamagate history",
        "llamagate why gre": "llamagate why greeter",
        "llamagate diff @2": "llamagate diff @2",
        "llamagate plan --only=gre": "llamagate plan --only=greeter",
        "llamagate validate pack": "llamagate validate packages/",
        **{line: said for line, said in IN_QUOTES.items() if "=" not in line},
    }
    assert typed_in_zsh(home, [*lines]) == [*lines.values()]


def typed_in_zsh(home: Session, lines: Sequence[str]) -> list[str]:
    """As ``typed_in_bash``."""
    start = (
        'autoload -U compinit; compinit -u -D; llamagate() { "$PYTHON" -m reconciler "$@"; }\n'
        "source <(llamagate completion zsh)\n"
        "show() { print -r -- \"<$BUFFER>\"; BUFFER=''; }; zle -N show; bindkey '^P' show\n"
    )
    return typed(home, ["zsh", "-f", "-i"], [start, *(f"{line}\t\x10" for line in lines), "exit\n"])


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes(home: Session) -> None:
    lines = {
        "llamagate hist": "history",
        "llamagate why gre": "greeter",
        "llamagate plan --only=gre": "--only=greeter",
        "llamagate validate pack": "packages/",
        "llamagate catalog build pack": "packages/",
        'llamagate why "gre': "greeter",
        "llamagate why 'gre": "greeter",
        'llamagate --home "my home" why extension gro': "grown",
    }
    script = 'function llamagate; "$PYTHON" -m reconciler $argv; end; llamagate completion fish | source; '
    script += "for line in $argv; complete -C $line; end"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script, *lines],
        cwd=home.project,
        env={**home.environment, "PYTHONPATH": str(PROJECT), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, [one.split("\t")[0] for one in done.stdout.splitlines()]) == ("", [*lines.values()])


def typed_in_bash(home: Session, lines: Sequence[str]) -> list[str]:
    """What becomes of each line when Tab is pressed at its end, in a bash that a person types into."""
    keys = [
        'source <("$PYTHON" -m reconciler completion bash); llamagate() { "$PYTHON" -m reconciler "$@"; }\n',
        *(f"{line}\t\x05\"\x01printf '<%s>\\n' \"\n" for line in lines),  # Tab, then what prints the line
        "exit\n",
    ]
    return typed(home, ["bash", "--norc", "--noprofile", "-i"], keys)


def typed(home: Session, shell: Sequence[str], keys: Sequence[str]) -> list[str]:
    """The command lines that a shell printed between angle brackets, while these keys were pressed."""
    ours, theirs = pty.openpty()
    variables = {"PYTHONPATH": str(PROJECT), "PYTHON": sys.executable, "INPUTRC": "/dev/null", "TERM": "dumb"}
    with subprocess.Popen(
        shell,
        cwd=home.project,
        env={**home.environment, **variables},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ):
        os.close(theirs)
        os.write(ours, "".join(keys).encode())
        said = b"".join(iter(lambda: _read(ours), b"")).decode()
    os.close(ours)
    return [one.strip() for one in re.findall("<(llamagate [^>]*)>", said)]


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other side is closed
        return b""


def test_a_thousand_items_are_offered(home: Session) -> None:
    for number in range(1000):
        home.installed(f"item-{number}").mkdir()
    assert len(offered(home, "why", "item-")) == 1000


def test_it_loads_nothing_but_what_completes(home: Session) -> None:
    """A shell waits for it at every key: what that costs is a row of the benchmark."""
    start = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from reconciler.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-IS", "-X", "importtime", "-c", start, "__complete", "bash", "why", "gree"],
        cwd=home.project,
        env=home.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()[1:]}
    ours = {"reconciler", "reconciler.__main__", "reconciler.cli", "reconciler.cli.boot", "reconciler.cli.completing"}
    assert done.stdout.split() == ["greeter"]
    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} == ours
    assert not loaded & {"typing", "pathlib", "dataclasses", "subprocess", "inspect"}
