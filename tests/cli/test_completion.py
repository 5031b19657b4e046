"""Completion: what a shell offers, how fast, and that the table has every verb and flag."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence

import pytest

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


@pytest.fixture
def home(session: Session) -> Session:
    session.extensions("greeter", "notes")
    session.llamagate("apply")
    session.llamagate("disable", "notes")
    session.desired("extensions:\n  greeter: ./packages/greeter\n  grown: ./packages/grown\nmodules:\n  intake: ./x\n")
    return session


def test_the_table_is_up_to_date() -> None:
    assert COMPLETIONS.read_text("utf-8") == completions(), f"a verb or flag changed: run '{COMMAND}'"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["hist"], ["history"]),
        (["why", "gr"], ["greeter", "grown"]),
        (["why", ""], ["extension", "agentic-module", "greeter", "grown", "intake", "notes"]),
        (["show", "extension", "n"], ["notes", ":files"]),
        (["plan", "--only", "gre"], ["greeter"]),
        (["plan", "--only=gre"], ["--only=greeter"]),
        (["rollback", "--to", ""], ["2", "1"]),
        (["diff", "@"], ["@2", "@1", ":files"]),
        (["diff", "@1", "@2"], ["@2", ":files"]),
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
    def completed(line: str) -> list[str]:
        code = (
            'source <("$PYTHON" -m reconciler completion bash); llamagate() { "$PYTHON" -m reconciler "$@"; }\n'
            'COMP_LINE="$LINE" COMP_POINT=${#LINE}; _llamagate_complete; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["bash", "-c", code],
            cwd=home.project,
            env={**home.environment, "PYTHONPATH": str(PROJECT), "PYTHON": sys.executable, "LINE": line},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert completed("llamagate hist") == ["history"]
    assert completed("llamagate why g") == ["greeter", "grown"]
    assert completed("llamagate diff @2") == ["2"]
    assert completed("llamagate plan --only=gre") == ["greeter"]
    assert completed("llamagate validate pack") == ["packages"]


def test_it_takes_less_than_a_tenth_of_a_second_of_processor_time(home: Session) -> None:
    for number in range(1000):
        home.installed(f"item-{number}").mkdir()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(3):
        assert len(offered(home, "why", "item-")) == 1000
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 3 < 0.1
