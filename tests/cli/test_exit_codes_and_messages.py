"""What the command says, where, and with which exit code it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reconciler.cli.verbs import SECTIONS, VERBS
from reconciler.documents import json_text, schemas
from reconciler.errors import ExitCode
from reconciler.fs import file_lock
from tests.cli.failures import failure
from tests.cli.shell import TIMEOUT_SECONDS, Session, ending_in, finished, interrupt_apply

VERBS_WITH_JSON = ("validate", "lock", "plan", "apply", "status", "list", "recover")
ERROR_KEYS = ["code", "message", "faults"]
FAULT_KEYS = ["code", "file", "line", "column", "path", "message"]


# Help and usage


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_verb_helps(session: Session, verb: str, flag: str) -> None:
    said = session.llamagate(verb, flag)
    assert said.out.startswith(f"Usage: llamagate {verb} [OPTIONS]")
    assert said.err == ""
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_help_lists_every_verb_in_its_group_with_one_line(session: Session) -> None:
    said = session.llamagate("--help").out
    for title, verbs in SECTIONS.items():
        listed = re.findall(r"^  ([a-z]+) +(\S.+)$", chapter_of(said, title), re.MULTILINE)
        assert [name for name, _ in listed] == list(verbs)
        assert [line for _, line in listed if not line.endswith(".") or line.endswith("...")] == []


def chapter_of(said: str, title: str) -> str:
    return said.partition(f"\n{title}:\n")[2].partition("\n\n")[0]


def test_no_verb_shows_the_help_and_is_a_usage_error(session: Session) -> None:
    said = session.llamagate(exits=64)
    assert said.err.startswith("Usage: llamagate [OPTIONS] COMMAND [ARGS]...\n")
    assert said.out == ""


def test_version(session: Session) -> None:
    assert re.fullmatch(r"llamagate \d+\.\d+\.\d+\S*\n", session.llamagate("--version").out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["--frob"],
        ["apply", "--frob"],
        ["apply", "a", "b"],
        ["plan", "--only"],
        ["apply", "--wait", "soon"],
        ["apply", "--wait", "-1"],
        ["apply", "--wait", "nan"],
    ],
    ids=" ".join,
)
def test_usage_errors_are_one_clear_line_and_what_to_do(session: Session, arguments: list[str]) -> None:
    said = session.llamagate(*arguments, exits=64)
    assert said.out == ""
    verb = "apply " if arguments[0] == "apply" else "plan " if arguments[0] == "plan" else ""
    assert re.fullmatch(rf"llamagate: .+\n  → 'llamagate {verb}--help' .+\n", said.err)


@pytest.mark.parametrize("arguments", [["list", "plugins"], ["schema", "frob"]], ids=" ".join)
def test_words_that_a_verb_does_not_know(session: Session, arguments: list[str]) -> None:
    failed = failure(session, *arguments, exits=64)
    assert failed.code == "usage"
    assert f"'{arguments[1]}'" in failed.message


# Missing and malformed files


@pytest.mark.parametrize("verb", ["plan", "apply", "lock", "validate"])
def test_a_missing_file_says_how_to_get_one(session: Session, verb: str) -> None:
    failed = failure(session, verb)
    assert (failed.code, failed.places) == ("not-found", ["llamagate.yaml"])
    assert "'llamagate init'" in failed.message
    assert session.llamagate(verb, exits=1).out == ""


@pytest.mark.parametrize("verb", ["plan", "apply", "lock", "status", "recover", "list"])
def test_a_file_that_was_named_must_be_there(session: Session, verb: str) -> None:
    said = session.llamagate(verb, "-f", "nope.yaml", exits=1)
    assert said.err.startswith("llamagate: nope.yaml: no such file")


def test_malformed_yaml_is_told_with_its_place(session: Session) -> None:
    session.write("llamagate.yaml", "apiVersion: llamagate/v1\nextensions:\n  foo: [./a\n")
    failed = failure(session, "plan")
    assert (failed.code, failed.places) == ("malformed", ["llamagate.yaml:4:1"])


def test_all_faults_are_told_at_once_each_with_its_place(session: Session) -> None:
    session.write(
        "llamagate.yaml",
        "apiVersion: llamagate/v1\nextentions: {}\nextensions:\n  foo:\n    source: ./a\n    enabled: yes\n"
        "  bar: {source: 5}\npolicy:\n  prune: all\n",
    )
    assert failure(session, "plan").places == [
        "llamagate.yaml:2:1 extentions",
        "llamagate.yaml:6:5 extensions.foo.enabled",
        "llamagate.yaml:7:9 extensions.bar.source",
        "llamagate.yaml:9:3 policy.prune",
    ]
    said = session.llamagate("plan", exits=1)
    assert len(said.err.splitlines()) == 5
    assert "'extensions'?" in said.err


def test_the_key_and_the_id_of_the_package_must_agree(session: Session) -> None:
    session.package("foo")
    session.desired("extensions:\n  bar: ./packages/foo\n")
    failed = failure(session, "plan")
    assert failed.places == ["llamagate.yaml:3:3 extensions.bar"]
    assert "'foo'" in failed.message


def test_a_package_of_the_other_kind_says_where_it_belongs(session: Session) -> None:
    session.module("flow", "foo")
    session.desired("extensions:\n  flow: ./packages/flow\n")
    failed = failure(session, "plan")
    assert failed.places == ["llamagate.yaml:3:3 extensions.flow"]
    assert "'modules'" in failed.message


def test_a_version_out_of_range_names_both(session: Session) -> None:
    session.package("foo", version="2.0.0")
    session.desired('extensions:\n  foo: {source: ./packages/foo, version: "^1.2"}\n')
    failed = failure(session, "plan")
    assert failed.places == ["llamagate.yaml:3:3 extensions.foo"]
    assert "2.0.0" in failed.message
    assert "'^1.2'" in failed.message


def test_a_home_that_is_a_file_is_told(session: Session) -> None:
    session.extensions("foo")
    session.home.write_text("not a folder\n")
    said = session.llamagate("apply", exits=1)
    first, advice = said.err.splitlines()
    assert re.fullmatch(rf"llamagate: {session.home}\S*.*; nothing was changed", first), first
    assert advice == "  → move away what is in its place, or name another folder"
    assert session.home.read_text() == "not a folder\n"


def test_a_folder_that_cannot_be_read_is_an_error_with_path_and_reason(session: Session) -> None:
    session.write("llamagate.yaml/x", "")
    failed = failure(session, "plan")
    assert failed.places == ["llamagate.yaml"]
    assert "folder" in failed.message


@pytest.mark.parametrize("where", ["--home", "LLAMAGATE_HOME"])
def test_a_home_of_nobody_is_told(session: Session, where: str) -> None:
    session.extensions("foo")
    arguments = ["--home", "~nobody-at-all/x"] if where == "--home" else []
    session.variables |= {"LLAMAGATE_HOME": "~nobody-at-all/x"}
    assert "~nobody-at-all/x" in failure(session, "plan", *arguments).message


def test_a_home_is_found_from_any_folder(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply", "--home", "../elsewhere")
    assert json.loads((session.base / "elsewhere/registry/installed.json").read_bytes())[0]["source_path"] == str(
        session.base / "elsewhere" / "extensions" / "installed" / "foo"
    )
    session.variables |= {"LLAMAGATE_HOME": "~/mine"}
    session.llamagate("apply")
    assert (session.base / "user" / "mine" / "extensions" / "installed" / "foo").is_dir()


def test_home_is_the_users_own_where_nothing_else_is_said(session: Session) -> None:
    session.extensions("foo", text="gateway: {reload: off}\n")
    session.variables |= {"LLAMAGATE_HOME": ""}
    session.llamagate("apply")
    assert (session.base / "user" / ".llamagate" / "extensions" / "installed" / "foo").is_dir()


@pytest.mark.parametrize("out", ["llamagate.yaml", "./llamagate.lock.yaml", "../project/llamagate.yaml"])
def test_a_plan_is_not_saved_over_its_inputs(session: Session, out: str) -> None:
    session.extensions("foo")
    before = session.everything()
    assert failure(session, "plan", "--out", out, exits=64).code == "usage"
    assert session.everything() == before


@pytest.mark.parametrize("command", ["plan --out loop", "export foo --out loop", "import packages/foo --home loop"])
def test_a_link_that_leads_to_itself_is_an_error(session: Session, command: str) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    (session.project / "loop").symlink_to("loop")
    assert "loop" in session.llamagate(*command.split(), exits=1).err


@pytest.mark.parametrize("command", ["rollback", "recover", "suspend --reason x", "import packages/foo --save"])
def test_installed_as_a_link_that_leads_to_itself_is_an_error(session: Session, command: str) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    shutil.rmtree(session.installed("foo").parent)
    session.installed("foo").parent.symlink_to("installed")
    assert "installed" in session.llamagate(*command.split(), exits=1).err


@pytest.mark.parametrize("out", [".", "nowhere/plan.json", "/dev/null"])
def test_a_plan_that_cannot_be_saved_is_an_error(session: Session, out: str) -> None:
    session.extensions("foo")
    said = session.llamagate("plan", "--out", out, exits=1)
    assert said.out == ""
    assert said.err.startswith(f"llamagate: {out}")


# JSON


@pytest.mark.parametrize("verb", VERBS_WITH_JSON)
def test_a_failure_is_one_document(session: Session, verb: str) -> None:
    session.write("llamagate.yaml", "apiVersion: llamagate/v1\nextentions: {}\n")
    session.write(str(session.registry), '{"version": 2}')
    said = session.llamagate(verb, "--json", "--frob", exits=64)
    assert list(said.error) == ERROR_KEYS
    assert said.error["code"] == "usage"


def test_error_document_has_the_fault_with_its_place(session: Session) -> None:
    session.write("llamagate.yaml", "apiVersion: llamagate/v1\nextentions: {}\n")
    said = session.llamagate("plan", "--json", exits=1)
    assert list(said.error) == ERROR_KEYS
    assert said.error["code"] == "malformed"
    [fault] = said.error["faults"]
    assert list(fault) == FAULT_KEYS
    assert (fault["file"], fault["line"], fault["column"]) == ("llamagate.yaml", 2, 1)
    assert said.error["message"].startswith("llamagate.yaml:2:1: ")
    assert said.err.startswith("llamagate: llamagate.yaml:2:1: ")


def test_documents_of_plan_and_apply_keep_their_schema(session: Session) -> None:
    session.extensions("foo")
    plan = ["changes", "generation", "digest", "lock", "actions", "drift", "refusals", "warnings"]
    for said, more in (
        (session.llamagate("plan", "--json"), []),
        (session.llamagate("apply", "--json"), ["outcome", "hold", "gateway"]),
    ):
        value = json_text.load(said.out.encode(), name="stdout")
        schemas.check(value, "plan", data=said.out.encode(), file="stdout", what="plan")
        assert list(said.json) == [*plan, *more]
        assert said.json["actions"] == [
            {
                "kind": "extension",
                "id": "foo",
                "action": "install",
                "from_version": None,
                "to_version": "1.0.0",
                "reasons": ["new in the home"],
                "marks": [],
                "diff": said.json["actions"][0]["diff"],
            }
        ]
    assert session.plan()["generation"] == 1


def test_a_refused_apply_still_prints_its_plan(session: Session) -> None:
    session.package("foo")
    session.write(str(session.installed("foo", "manifest.yaml")), "name: foo\n")
    session.extensions("foo")
    said = session.llamagate("apply", "--json", exits=5)
    assert [list(row) for row in said.json["refusals"]] == [["kind", "id", "code", "message"]]
    assert (said.json["generation"], said.json["outcome"]) == (0, "refused")


def test_quiet_says_nothing_unless_it_must(session: Session) -> None:
    session.extensions("foo")
    said = session.llamagate("apply", "-q")
    assert (said.out, said.err) == ("", "")
    session.package("foo", version="2.0.0")
    session.installed("foo", "manifest.yaml").write_text("mine\n")
    said = session.llamagate("apply", "-q", exits=5)
    assert said.out == ""
    assert said.err.startswith("Refused\n  foo: manifest.yaml ")


# Detailed exit codes


def test_detailed_exit_codes_of_plan(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("plan")
    session.llamagate("plan", "--detailed-exitcode", exits=2)
    session.llamagate("apply")
    session.llamagate("plan", "--detailed-exitcode", exits=0)
    session.installed("foo", "manifest.yaml").write_text("mine\n")
    session.llamagate("plan", "--detailed-exitcode", exits=3)
    session.package("foo", version="2.0.0")
    session.llamagate("plan", "--detailed-exitcode", exits=5)
    session.llamagate("plan", "--detailed-exitcode", "--overwrite", exits=2)
    session.llamagate("plan", exits=5)


def test_exit_codes_of_diff(session: Session) -> None:
    """Where it shows what an apply would do, a refusal of that is exit code 5, as it is in a plan."""
    session.extensions("foo", "bar")
    session.llamagate("apply")
    session.llamagate("diff", "--detailed-exitcode", exits=0)
    session.package("bar", version="2.0.0")
    session.llamagate("diff", "--detailed-exitcode", exits=2)
    session.installed("foo", "manifest.yaml").write_text("mine\n")
    session.package("foo", version="2.0.0")
    for flags in ((), ("--detailed-exitcode",)):
        assert session.llamagate("diff", *flags, "--json", exits=5).json["refusals"] == 1
        session.llamagate("diff", "foo", *flags, exits=5)
    session.llamagate("diff", "bar", exits=0)
    session.llamagate("diff", "bar", "--detailed-exitcode", exits=2)
    session.llamagate("diff", "@1", exits=0)


def test_detailed_exit_codes_of_status(session: Session) -> None:
    session.extensions("foo")
    for code in (2, 0, 3, 5):
        if code == 0:
            session.llamagate("apply")
        elif code == 3:
            session.installed("foo", "manifest.yaml").write_text("mine\n")
        elif code == 5:
            session.package("foo", version="2.0.0")
        session.llamagate("status", "--detailed-exitcode", exits=code)
        session.llamagate("status")


def test_an_interrupted_change_is_no_drift(session: Session) -> None:
    session.extensions("foo")
    interrupt_apply(session)
    session.llamagate("status", "--detailed-exitcode", exits=7)
    session.llamagate("status")


def test_a_lock_that_is_out_of_date_is_said_by_plan_and_status(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    lock = session.project / "llamagate.lock.yaml"
    lock.write_text(lock.read_text().replace("1.0.0", "0.9.0"))
    for command in ("plan", "status"):
        document = session.llamagate(command, "--json").json
        assert document["lock"] == {"stale": ["foo: version 0.9.0 is now 1.0.0"]}
        assert "foo: version 0.9.0 is now 1.0.0" in session.llamagate(command).out
        session.llamagate(command, "--detailed-exitcode", exits=2)
    session.llamagate("apply")
    for command in ("plan", "status"):
        assert session.llamagate(command, "--detailed-exitcode", "--json").json["lock"] == {"stale": []}


@pytest.mark.parametrize("command", ["list", "history", "verify", "status", "list --json"])
def test_a_home_that_is_not_there_is_not_an_empty_one(session: Session, command: str) -> None:
    failed = failure(session, *command.split())
    assert (failed.code, failed.places) == ("not-found", [str(session.home)])
    assert not session.home.exists()


def test_exit_codes_are_those_of_the_documents() -> None:
    text = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == set(map(int, ExitCode))


# Our own bugs


@pytest.fixture
def buggy(session: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A planner that fails with a message full of secrets."""
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: FOO_TOKEN}, pin: s3cr3t-too}}}\n")
    session.variables |= {"FOO_TOKEN": "hunter2"}

    def fails(*_: object) -> None:
        raise ValueError(" ".join(["cannot use", *session.variables.values(), pin])) from KeyError(pin)

    pin = "s3cr3t-too"

    monkeypatch.setattr("reconciler.reconcile.propose.make_plan", fails)
    return session


@pytest.mark.parametrize("arguments", [["plan"], ["apply", "-v"], ["status"]], ids=["plan", "apply", "status"])
def test_a_bug_gives_a_report_that_can_be_pasted(buggy: Session, arguments: list[str]) -> None:
    said = buggy.llamagate(*arguments, exits=70)
    assert said.out == ""
    assert said.err.startswith("llamagate: this is a bug in llamagate")
    assert f"verb: {arguments[0]}\n" in said.err
    assert "builtins.ValueError (its message is left out: it may hold secrets)\n" in said.err
    assert re.search(r'File ".*propose\.py", line \d+, in propose\n', said.err)
    assert said.err.endswith("'llamagate recover' finishes or undoes an interrupted change.\n")
    assert "builtins.KeyError (its message is left out: it may hold secrets)\n" in said.err
    assert not re.search("hunter2|s3cr3t-too", said.err)


@pytest.mark.parametrize(
    "statement", ["import jsonschema.gone", "from jsonschema import gone"], ids=["no module", "no name in it"]
)
def test_a_report_names_the_module_that_could_not_be_imported(
    session: Session, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    session.extensions("foo")
    monkeypatch.setattr("reconciler.reconcile.propose.make_plan", lambda *_: exec(statement))  # noqa: S102
    said = session.llamagate("plan", exits=70)
    name = "jsonschema.gone" if statement.startswith("import") else "jsonschema"
    assert f"the module that could not be imported: {name}\n" in said.err


def test_a_bug_is_one_document_too(buggy: Session) -> None:
    said = buggy.llamagate("plan", "--json", exits=70)
    assert list(said.error) == ERROR_KEYS
    assert said.error["code"] == "bug"
    assert "hunter2" not in said.out


def test_an_apply_that_has_a_bug_leaves_the_lock_free(buggy: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    buggy.llamagate("apply", exits=70)
    monkeypatch.undo()
    assert buggy.llamagate("apply", "--json").json["generation"] == 1


def test_of_many_faults_as_many_are_shown_as_of_a_plan(session: Session) -> None:
    names = "".join(f"  x{number}: ./nothing\n" for number in range(60))
    session.desired(f"extensions:\n{names}")
    for command in ("plan", "validate"):
        said = session.llamagate(command, exits=1).err
        assert said.count("not found") == 40
        assert "  … and 20 more (--json has all)" in said
    assert len(session.llamagate("plan", "--json", exits=1).error["faults"]) == 60


def test_numbers_and_words_are_plain(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    said = session.llamagate("rollback", "--to", "x", exits=64).err
    assert "'x' is not a whole number" in said
    assert "there is only 1\n" in session.llamagate("rollback", "--to", "9", exits=1).err
    assert "got 1 word\n" in session.llamagate("add", "x", exits=64).err


def test_a_damaged_generation_says_what_to_do(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.generation_path(1).write_bytes(b"nonsense")
    for command in (("rollback", "--to", "1"), ("diff", "@1")):
        said = session.llamagate(*command, exits=1).err
        assert "it is damaged" in said
        assert "'llamagate history' lists the others" in said


# Interrupted


def test_ctrl_c_while_waiting_ends_with_130_and_one_line(session: Session) -> None:
    session.extensions("foo")
    with locked(session), session.process("apply", stdin=subprocess.DEVNULL) as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline().startswith("llamagate: waiting for the test (pid ")
        waiting.send_signal(signal.SIGINT)
        said = finished(waiting)
    assert (said.code, said.out) == (130, "")
    assert re.fullmatch(r"\nllamagate: interrupted.*\n", said.err)
    assert not (session.home / "extensions").exists()


def test_ctrl_c_is_one_document_with_json(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reconciler.reconcile.propose.make_plan", interrupted)
    session.extensions("foo")
    assert session.llamagate("plan", "--json", exits=130).error["code"] == "interrupted"


class locked:  # noqa: N801 - reads as a word in a with statement
    """The home's lock, held by this test."""

    def __init__(self, session: Session) -> None:
        session.ours.mkdir(parents=True)
        self.lock = file_lock.exclusive(session.ours / "lock", command="the test", wait=0, notice=print)

    def __enter__(self) -> None:
        self.lock.__enter__()

    def __exit__(self, *_: object) -> None:
        self.lock.__exit__(None, None, None)


# Where output goes


@pytest.mark.parametrize("arguments", [["schema", "desired-state"], ["plan"], ["plan", "--json"], ["--help"]])
def test_a_reader_that_had_enough_is_no_failure(session: Session, arguments: list[str]) -> None:
    session.extensions()
    reading, writing = os.pipe()
    os.close(reading)
    with session.process(*arguments, stdout=writing) as running:
        os.close(writing)
        said = finished(running)
    assert (said.code, said.err) == (0, "")


def test_errors_into_a_closed_pipe_keep_their_exit_code(session: Session) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with session.process("plan", stdout=writing, stderr=writing) as running:
        os.close(writing)
        assert running.wait(timeout=30) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["plan"], ["plan", "--json"], ["schema", "plan"], ["apply"]])
def test_output_to_a_full_disk_is_a_failure_that_is_told(session: Session, arguments: list[str]) -> None:
    session.extensions("foo")
    with Path("/dev/full").open("w") as full, session.process(*arguments, stdout=full) as running:
        said = finished(running)
    assert said.code == 1
    assert re.search(r"^llamagate: standard output: No space left on device\b.*\n\Z", said.err, re.MULTILINE)
    assert session.installed("foo").exists() is (arguments == ["apply"])


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "</dev/null"])
def test_closed_streams_stop_nothing(session: Session, redirection: str) -> None:
    session.extensions("foo")
    command = f'"{sys.executable}" -m reconciler apply {redirection}'
    environment = {**session.environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(["sh", "-c", command], cwd=session.project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert session.installed("foo").exists()


def test_text_that_the_terminal_cannot_show_is_escaped(session: Session) -> None:
    session.variables["PYTHONIOENCODING"] = "ascii"
    session.extensions("foo")
    session.llamagate("apply")
    session.package("foo", version="2.0.0")
    said = session.in_process("plan")
    assert "1.0.0 \\u2192 2.0.0" in said.out


def test_text_of_others_does_not_steer_the_terminal(session: Session) -> None:
    entry = {"id": "x", "type": "extension", "name": "x", "version": "1\x1b[2J\u202e\x9b1;31m\r\x07"}
    session.write(str(session.registry), json.dumps([entry]))
    said = session.llamagate("list").out
    assert "1\\x1b[2J\\u202e\\x9b1;31m\\r\\x07" in said
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said)


# Colours


@pytest.mark.parametrize("coloured", [True, False], ids=["colours", "none"])
def test_row_140_colours_of_others_are_escaped_too(session: Session, coloured: bool) -> None:
    session.variables["FORCE_COLOR"] = "1" if coloured else ""
    entry = {"id": "x", "type": "extension", "name": "x", "version": "1\x1b[31m\ufdd0:31\u200b"}
    session.write(str(session.registry), json.dumps([entry]))
    (session.installed("x")).mkdir(parents=True)
    assert "1\\x1b[31m" in session.llamagate("list").out
    assert "\\u200b" in session.llamagate("list").out
    named = session.llamagate("remove", "\x1b[31mnope", exits=1).err
    assert "'\\x1b[31mnope'" in named
    assert ("\x1b[31mllamagate:\x1b[0m" in named) is coloured


def test_row_140_a_document_has_escapes_for_what_steers_a_terminal(session: Session) -> None:
    session.home.mkdir()
    said = session.llamagate("remove", "\x9b31m\u202e\x7f", "--json", exits=1)
    assert "'\\u009b31m\\u202e\\u007f'" in said.out
    assert "\x9b31m\u202e\x7f" in said.error["message"]


COLOUR = re.compile("\x1b\\[[0-9;]*m")


def in_terminal(session: Session, *arguments: str, **variables: str) -> str:
    """What a terminal shows of a command."""
    leading, following = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(leading, 65536):
                shown.append(data)
        except OSError:
            return  # the other side is closed

    session.variables |= {"TERM": "xterm", "PAGER": "cat", **variables}
    reader = threading.Thread(target=read)
    reader.start()
    try:
        with session.process(*arguments, stdin=following, stdout=following, stderr=following) as running:
            running.wait(timeout=60)
    finally:
        os.close(following)
        reader.join(timeout=10)
        os.close(leading)
    return b"".join(shown).decode().replace("\r\n", "\n")


def test_no_colours_where_there_is_no_terminal(session: Session) -> None:
    session.extensions("foo")
    said = session.in_process("plan")
    assert "\x1b" not in said.out + said.err


def test_colours_in_a_terminal(session: Session) -> None:
    session.extensions("foo")
    shown = in_terminal(session, "plan")
    assert "\x1b[32m+ install    foo  1.0.0  extension\x1b[0m\n" in shown


def test_no_colours_where_they_are_not_wanted(session: Session) -> None:
    session.extensions("foo")
    assert not COLOUR.search(in_terminal(session, "plan", "--no-color"))


def test_errors_have_their_colour_too(session: Session) -> None:
    assert "\x1b[31mllamagate:\x1b[0m llamagate.yaml: " in in_terminal(session, "plan")
    assert not COLOUR.search(in_terminal(session, "plan", "--no-color"))


def test_a_home_that_may_not_be_read_is_no_bug(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(home: object) -> bool:
        raise PermissionError(13, "Permission denied", "/home/of/another/reconciler/journal")

    monkeypatch.setattr("reconciler.reconcile.readers.interrupted", refuse)
    done = session.llamagate("status", exits=1)
    assert done.err.startswith(
        "llamagate: /home/of/another/reconciler/journal: Permission denied\n  → run it as a user"
    )


@pytest.mark.parametrize("verb", ["apply", "plan", "lock", "status"])
@pytest.mark.parametrize("file", ["", ".", "/", ".."])
def test_a_path_that_is_no_file_is_an_error(session: Session, verb: str, file: str) -> None:
    said = session.llamagate(verb, "-f", file, exits=1)
    assert said.err.startswith(f"llamagate: {file or '.'}: ")


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("project/llamagate.yaml", 1, "llamagate.yaml: it cannot be read: not a regular file"),
        ("project/llamagate.lock.yaml", 1, "llamagate.lock.yaml: it cannot be read: not a regular file"),
        ("home/registry/installed.json", 1, "installed.json cannot be read: not a regular file"),
        ("home/reconciler/record.json", 1, "record.json cannot be read: not a regular file"),
        ("home/reconciler/journal", 7, "journal cannot be read: not a regular file"),
        ("home/reconciler/status.json", 0, ""),
    ],
    ids=["file", "lock", "registry", "record", "journal", "status"],
)
@pytest.mark.parametrize("command", [["apply"], ["watch", "--once"]], ids=["apply", "watch"])
def test_a_pipe_in_the_place_of_a_document_is_not_waited_for(
    session: Session, name: str, code: int, message: str, command: list[str]
) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    place = session.base / name
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    with ending_in(TIMEOUT_SECONDS):
        assert message in session.llamagate(*command, exits=code).err


def test_a_file_that_no_memory_holds_is_refused_like_any_other(session: Session) -> None:
    session.extensions("foo")
    os.truncate(session.project / "llamagate.yaml", 2**40)
    for command in (["apply"], ["watch", "--once"]):
        assert session.llamagate(*command, exits=1).err == "llamagate: llamagate.yaml: larger than 4 MiB\n"
