"""A ``llamagate.yaml`` that is broken, or that is the gateway's own configuration.

Commands that do not need the file use the default policy and say so; the others say what is wrong with it.
"""

from __future__ import annotations

import pytest

from tests.cli.again import Again, once
from tests.cli.failures import failure, warned
from tests.cli.shell import Session

NOT_YAML, FAULTS, FOLDER, GATEWAYS = "not-yaml", "faults", "folder", "gateway"
BODIES = {
    NOT_YAML: "extensions: [\n",
    FAULTS: "apiVersion: llamagate/v1\nextentions: {}\npolicy: {prune: all}\n",
    FOLDER: None,
    GATEWAYS: "mcp:\n  enabled: true\n  servers: []\nport: 8080\n",
}
CODES = {NOT_YAML: "malformed", FAULTS: "malformed", FOLDER: "unreadable", GATEWAYS: "not-desired-state"}
PLACES = {
    NOT_YAML: "llamagate.yaml cannot be used (line 2: ",
    FAULTS: "llamagate.yaml cannot be used (line 2: extentions: ",
    FOLDER: "llamagate.yaml cannot be used (",
    GATEWAYS: "llamagate.yaml is the gateway's own configuration file, not a desired state",
}
"""How the line begins that says it: with the place, where there is one."""

EVERY_FILE = pytest.mark.parametrize("file", BODIES)
BROKEN_FILE = pytest.mark.parametrize("file", [NOT_YAML, FAULTS, FOLDER])

COMMANDS = [
    "rollback",
    "restore foo",
    "remove foo",
    "enable foo",
    "disable foo",
    "import packages/extra",
    "migrate extensions",
    "sync",
]
SAVING = ["remove foo", "enable foo", "disable foo", "import packages/extra", "migrate extensions"]


def make(session: Session) -> None:
    """An extension in its second version with a backup of the first, a package to import and one to migrate."""
    session.extensions("foo")
    session.llamagate("apply")
    session.package("foo", version="2.0.0")
    session.llamagate("apply")
    session.package("extra")
    session.package("old")
    session.project.joinpath("extensions").mkdir()
    session.project.joinpath("packages/old").rename(session.project / "extensions/old")


made = once(make)


@pytest.fixture
def home(made: Again) -> Session:
    return made.session()


def spoil(session: Session, file: str) -> None:
    """Put such a ``file`` in the place of the desired state."""
    body = BODIES[file]
    (session.project / "llamagate.yaml").unlink()
    session.write("llamagate.yaml/x" if body is None else "llamagate.yaml", body or "")


@EVERY_FILE
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_goes_on_with_the_default_policy_and_says_so(home: Session, command: str, file: str) -> None:
    spoil(home, file)
    previewed = home.llamagate(*command.split(), "--dry-run", "--json").json
    said = home.llamagate(*command.split(), "--json")
    for document in (previewed, said.json):
        assert warned(document)[0] == "file-unusable"
        assert str(document).count("file-unusable") == 1
    assert previewed["changes"] is said.json["changes"] is (command not in ("enable foo", "sync"))


@EVERY_FILE
def test_a_person_reads_it_in_one_line(home: Session, file: str) -> None:
    spoil(home, file)
    lines = home.llamagate("disable", "foo").out.splitlines()
    assert len([line for line in lines if "default policy" in line and PLACES[file] in line]) == 1


@EVERY_FILE
@pytest.mark.parametrize("command", SAVING)
def test_with_save_the_file_must_be_usable(home: Session, command: str, file: str) -> None:
    spoil(home, file)
    before = home.everything()
    failed = home.llamagate(*command.split(), "--save", "--json", exits=1).error
    assert failed["code"] == CODES[file]
    assert failed["message"].startswith("llamagate.yaml")
    assert [*{fault["file"] for fault in failed["faults"]}] == ([] if file == GATEWAYS else ["llamagate.yaml"])
    assert home.everything() == before


@pytest.mark.parametrize(
    "command", ["restore foo --list", "history", "list", "suspend --reason x", "resume", "recover"]
)
@EVERY_FILE
def test_what_takes_nothing_from_the_file_does_not_mention_it(home: Session, command: str, file: str) -> None:
    spoil(home, file)
    assert home.llamagate(*command.split()).err == ""


@EVERY_FILE
@pytest.mark.parametrize("words", [["foo", "--out", "foo.zip"], ["--all", "--out", "archives"]], ids=["one", "all"])
def test_export_says_it_among_its_warnings(home: Session, words: list[str], file: str) -> None:
    spoil(home, file)
    said = home.llamagate("export", *words, "--json")
    assert warned(said.json) == ["file-unusable"]
    assert [one["id"] for one in said.json["exported"]] == ["foo"]


@EVERY_FILE
def test_verify_says_it_beside_its_result(home: Session, file: str) -> None:
    spoil(home, file)
    said = home.llamagate("verify", "--json")
    assert said.json["verified"] is True
    [line] = said.err.splitlines()
    assert "default policy" in line
    assert PLACES[file] in line


@BROKEN_FILE
def test_doctor_finds_a_broken_file(home: Session, file: str) -> None:
    spoil(home, file)
    assert "unreadable" in [one["code"] for one in home.llamagate("doctor", "--json", exits=1).json["findings"]]


def test_doctor_only_notes_the_file_of_the_gateway(home: Session) -> None:
    spoil(home, GATEWAYS)
    found = home.llamagate("doctor", "--json").json["findings"]
    assert [(one["code"], one["level"]) for one in found if "yaml" in one["message"]] == [("gateway-file", "note")]


@pytest.mark.parametrize("command", ["apply", "plan", "lock", "validate", "outdated", "watch --once"])
def test_what_needs_a_desired_state_says_what_this_file_is(home: Session, command: str) -> None:
    spoil(home, GATEWAYS)
    before = home.everything()
    said = home.llamagate(*command.split(), exits=1)
    assert (said.out, "llamagate.yaml is the gateway's own" in said.err) == ("", True)
    if command == "watch --once":
        return  # it writes its status
    assert failure(home, *command.split()).code == "not-desired-state"
    assert home.everything() == before


def test_init_does_not_overwrite_the_file_of_the_gateway(home: Session) -> None:
    spoil(home, GATEWAYS)
    assert failure(home, "init").code == "exists"
    home.llamagate("init", "-f", "desired.yaml")
    assert home.plan("-f", "desired.yaml")["generation"] == 2


def test_status_beside_the_file_of_the_gateway_is_as_without_a_file(home: Session) -> None:
    (home.project / "llamagate.yaml").rename(home.project / "kept.yaml")
    without = home.llamagate("status", "--json")
    (home.project / "kept.yaml").rename(home.project / "llamagate.yaml")
    spoil(home, GATEWAYS)
    said = home.llamagate("status", "--json")
    assert (said.json, said.err) == (without.json, f"llamagate: {PLACES[GATEWAYS]}\n")


@BROKEN_FILE
def test_status_needs_a_file_that_is_there(home: Session, file: str) -> None:
    spoil(home, file)
    home.llamagate("status", exits=1)


@BROKEN_FILE
@pytest.mark.parametrize("command", ["remove foo", "import packages/foo", "disable foo"])
def test_a_command_that_a_broken_file_may_contradict_sets_a_hold(home: Session, command: str, file: str) -> None:
    home.package("foo", version="3.0.0")
    spoil(home, file)
    assert "file-disagrees" in warned(home.llamagate(*command.split(), "--json").json)
    assert f"'llamagate {command.split()[0]}'" in home.record()["hold"]["reason"]


def test_the_file_of_the_gateway_contradicts_nothing(home: Session) -> None:
    spoil(home, GATEWAYS)
    home.llamagate("remove", "foo")
    assert home.record().get("hold") is None


def test_a_suspension_beside_the_file_of_the_gateway_needs_a_known_item(home: Session) -> None:
    spoil(home, GATEWAYS)
    failed = failure(home, "suspend", "fooo", "--reason", "x")
    assert (failed.code, "'foo'?" in failed.message) == ("not-found", True)


@pytest.fixture
def dangling(home: Session) -> Session:
    """The desired state is a link to a file that was moved away."""
    file = home.project / "llamagate.yaml"
    file.unlink()
    file.symlink_to("gone.yaml")
    return home


@pytest.mark.parametrize("command", ["plan", "apply", "lock", "status", "validate", "remove foo --save"])
def test_a_link_to_nowhere_is_not_a_missing_file(dangling: Session, command: str) -> None:
    failed = failure(dangling, *command.split())
    assert (failed.code, failed.places) == ("not-found", ["llamagate.yaml"])
    assert "gone.yaml" in failed.message


def test_a_command_beside_a_link_to_nowhere_warns(dangling: Session) -> None:
    assert warned(dangling.llamagate("disable", "foo", "--json").json)[0] == "file-unusable"


def test_init_does_not_write_through_a_link_to_nowhere(dangling: Session) -> None:
    assert failure(dangling, "init").code == "exists"
    assert not (dangling.project / "gone.yaml").exists()
