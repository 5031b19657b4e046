"""What commands and the desired state have to do with each other: ``--save``, contradictions, holds, owners.

The law: after a command with ``--save`` an apply of the file has nothing to do.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.cli.failures import failure, refused, warned
from tests.cli.parcels import formed, zipped
from tests.cli.shell import HELD, Session, snapshot

FILE: Final = """\
# Installed on every machine of the team.
apiVersion: llamagate/v1   # the only one there is
owner: team

extensions:
  # Kept on purpose.
  zeta: ./packages/zeta
  alpha:
    source: {dir: ./packages/alpha}   # ours
    config: {interval: 7}
    enabled: true

policy:
  backups: 2
"""


@pytest.fixture
def team(session: Session) -> Session:
    """Two extensions of a file with comments, applied; a third one is at hand."""
    for item in ("zeta", "alpha", "extra"):
        session.package(item)
    session.write("llamagate.yaml", FILE)
    session.llamagate("apply")
    return session


def text(session: Session) -> str:
    return (session.project / "llamagate.yaml").read_text()


def lock(session: Session) -> str:
    return (session.project / "llamagate.lock.yaml").read_text()


def assert_in_sync(session: Session, *arguments: object) -> None:
    """The file says what is there: nothing to do, nothing on hold, and a lock that fits."""
    plan = session.plan("--locked", *arguments)
    assert (plan["actions"], plan["drift"], plan["refusals"]) == ([], [], [])
    status = session.llamagate("status", "--json", *arguments).json
    assert (status["in_sync"], status["hold"]) == (True, None)


# Import


def test_an_import_is_written_among_the_others_and_nothing_else_is_touched(team: Session) -> None:
    said = team.llamagate("import", "packages/extra", "--save")
    assert [line.split()[-1] for line in said.err.splitlines()] == ["llamagate.yaml", "llamagate.lock.yaml"]
    lines = text(team).splitlines()
    added = [line for line in lines if line not in FILE.splitlines()]
    assert [line for line in lines if line not in added] == FILE.splitlines()
    assert added == ["  extra: ./packages/extra"]
    assert lines.index(added[0]) < lines.index("policy:")
    assert_in_sync(team)
    assert {item["id"]: item["owner"] for item in team.record()["items"]}["extra"] == "team"


def test_an_import_is_pinned_beside_pins_that_stay_as_they_are(team: Session) -> None:
    before = lock(team)
    team.package("zeta", version="1.1.0")  # its pin is stale now, and none of this command's business
    team.llamagate("import", "packages/extra", "--save")
    after = lock(team)
    assert [line for line in after.splitlines() if "extra" in line]
    assert set(before.splitlines()) <= set(after.splitlines())
    assert team.actions() == ["update zeta"]


@pytest.mark.parametrize(
    ("package", "entry"),
    [
        ("packages/extra", "extra: ./packages/extra"),
        ("./packages/../packages/extra", "extra: ./packages/extra"),
        ("extra.zip", "extra: extra.zip"),
        ("../elsewhere", "extra: {base}/elsewhere"),
        ("{base}/elsewhere", "extra: {base}/elsewhere"),
        ("{base}/project/packages/extra", "extra: ./packages/extra"),
    ],
)
def test_a_source_is_written_as_people_write_it(team: Session, package: str, entry: str) -> None:
    zipped(team, "extra")
    (team.project / "packages/extra").rename(team.base / "elsewhere")
    (team.project / "packages/extra").symlink_to(team.base / "elsewhere")
    team.llamagate("import", package.format(base=team.base), "--save")
    assert f"\n  {entry.format(base=team.base)}\n" in text(team)
    assert_in_sync(team)


def test_a_source_with_blanks_colons_and_a_hash(team: Session) -> None:
    (team.project / "packages/extra").rename(team.project / "a: b #c ü")
    team.llamagate("import", "a: b #c ü", "--save")
    assert_in_sync(team)


def test_a_zip_whose_name_does_not_say_so(team: Session) -> None:
    zipped(team, "extra", "extra.llamagate")
    team.llamagate("import", "extra.llamagate", "--save")
    assert_in_sync(team)


def test_a_folder_whose_name_ends_like_an_archive(team: Session) -> None:
    (team.project / "packages/extra").rename(team.project / "extra.zip")
    team.llamagate("import", "extra.zip", "--save")
    assert_in_sync(team)


def test_an_import_of_a_listed_item_keeps_the_rest_of_its_entry(team: Session) -> None:
    team.package("alpha", version="2.0.0")
    zipped(team, "alpha")
    team.llamagate("import", "alpha.zip", "--save")
    assert "  alpha:\n    source: alpha.zip   # ours\n    config: {interval: 7}\n    enabled: true\n" in text(team)
    assert "interval: 7" in team.installed("alpha", "manifest.yaml").read_text()
    assert_in_sync(team)


@pytest.mark.parametrize("installed", [True, False])
def test_a_saved_import_is_as_the_file_says_the_item_should_be(team: Session, installed: bool) -> None:
    """What was written there since the last apply counts, too."""
    if installed:
        team.llamagate("import", "packages/extra")
    team.edit(
        "llamagate.yaml",
        "\npolicy:",
        "  extra: {source: ./nowhere, enabled: false, config: {interval: 9}, depends_on: [zeta]}\n\npolicy:",
    )
    team.llamagate("import", "packages/extra", "--save")
    assert "interval: 9" in team.installed("extra", "manifest.yaml").read_text()
    assert team.registered()["extra"]["enabled"] is False
    assert_in_sync(team)
    team.llamagate("remove", "zeta", exits=5)


@pytest.mark.parametrize("place", ["extensions/installed/extra", "reconciler/backups/extension/extra/3"])
def test_what_lies_in_the_home_is_no_source_to_write_down(team: Session, place: str) -> None:
    """Commands change it: the next removal would take the source along."""
    team.llamagate("import", "packages/extra")
    team.package("extra", version="1.1.0")
    team.llamagate("import", "packages/extra")
    before = team.everything()
    failed = failure(team, "import", team.home / place, "--save", "--allow-downgrade")
    assert str(team.home / place) in failed.message
    assert "--save" in failed.message
    assert team.everything() == before
    team.llamagate("import", team.home / place, "--allow-downgrade")


def test_an_import_out_of_the_range_in_the_file_is_refused(team: Session) -> None:
    team.edit("llamagate.yaml", "    enabled: true", '    version: "^1.0"')
    team.package("alpha", version="2.0.0")
    before = team.everything()
    failed = failure(team, "import", "packages/alpha", "--save")
    assert "'^1.0'" in failed.message
    assert "2.0.0" in failed.message
    assert team.everything() == before


def test_without_a_file_one_is_made(session: Session) -> None:
    session.package("foo")
    session.llamagate("import", "packages/foo", "--save")
    assert text(session) == "apiVersion: llamagate/v1\nextensions:\n  foo: ./packages/foo\n"
    assert_in_sync(session)


def test_a_module_gets_a_section_of_its_own(team: Session) -> None:
    team.module("flow", "zeta")
    team.llamagate("import", "packages/flow", "--save")
    assert "\nmodules:\n  flow: ./packages/flow\n" in text(team)
    assert_in_sync(team)


@pytest.mark.parametrize("body", ["extensions: {}\n", "extensions: {zeta: ./packages/zeta}\n", "extensions:\n", ""])
def test_whatever_way_the_section_is_written(session: Session, body: str) -> None:
    session.package("zeta")
    session.package("foo")
    session.desired(body)
    session.llamagate("apply")
    session.llamagate("import", "packages/foo", "--save")
    assert_in_sync(session)


def test_what_a_command_brought_is_claimed_by_a_later_save(team: Session) -> None:
    team.llamagate("import", "packages/extra")
    team.llamagate("import", "packages/extra", "--save")
    assert {item["id"]: item["owner"] for item in team.record()["items"]}["extra"] == "team"
    assert_in_sync(team)


def test_what_another_owner_installed_is_refused_and_not_written(team: Session) -> None:
    team.write("other.yaml", "apiVersion: llamagate/v1\nowner: other\nextensions: {extra: ./packages/extra}\n")
    team.llamagate("apply", "-f", "other.yaml")
    before = team.everything()
    assert refused(team, "import", "packages/extra", "--save") == ["extra unowned"]
    assert team.everything() == before


def test_a_refused_import_writes_no_file(team: Session) -> None:
    team.package("alpha", version="0.1.0")
    before = team.everything()
    team.llamagate("import", "packages/alpha", "--save", exits=5)
    assert team.everything() == before


def test_a_save_elsewhere(team: Session) -> None:
    team.write("sub/other.yaml", "apiVersion: llamagate/v1\nowner: other\n")
    team.llamagate("import", "packages/extra", "--save", "-f", "sub/other.yaml")
    written = (team.project / "sub/other.yaml").read_text()
    assert f"extra: {team.project}/packages/extra" in written
    assert (team.project / "sub/other.lock.yaml").exists()
    assert text(team) == FILE
    assert_in_sync(team, "-f", "sub/other.yaml")


def test_a_linked_file_is_written_through(team: Session) -> None:
    (team.project / "llamagate.yaml").rename(team.base / "real.yaml")
    (team.project / "llamagate.yaml").symlink_to(team.base / "real.yaml")
    team.llamagate("import", "packages/extra", "--save")
    assert (team.project / "llamagate.yaml").is_symlink()
    assert "extra: ./packages/extra" in (team.base / "real.yaml").read_text()


def test_the_mode_of_the_file_stays(team: Session) -> None:
    (team.project / "llamagate.yaml").chmod(0o600)
    team.llamagate("import", "packages/extra", "--save")
    assert (team.project / "llamagate.yaml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("verb", ["import packages/extra", "remove alpha", "disable alpha", "enable alpha"])
@pytest.mark.parametrize("body", ["extensions: [\n", "apiVersion: llamagate/v2\n"], ids=["broken", "newer"])
def test_nothing_is_saved_into_a_file_that_cannot_be_read(team: Session, verb: str, body: str) -> None:
    team.write("llamagate.yaml", body)
    before = team.everything()
    said = team.llamagate(*verb.split(), "--save", exits=1)
    assert said.err.startswith("llamagate: llamagate.yaml:")
    assert team.everything() == before


@pytest.mark.parametrize("at", ["write_journal", "roll_forward"], ids=["before", "behind-the-commit"])
@pytest.mark.parametrize(
    ("command", "then"),
    [
        ("import packages/extra", {"alpha": True, "extra": True}),
        ("remove alpha", {}),
        ("disable alpha", {"alpha": False}),
    ],
)
def test_a_command_that_is_killed_is_what_the_file_says_after_the_next_apply(
    team: Session, command: str, then: dict[str, bool], at: str
) -> None:
    with team.python(HELD.replace("roll_forward", at), *command.split(), "--save", stdin=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        assert saving.stdout.readline() == "held\n"
        saving.kill()
    team.llamagate("apply")
    assert_in_sync(team)
    there = {item: entry["enabled"] for item, entry in team.registered().items()}
    assert there == {"zeta": True, **then}
    assert [path.name for path in team.project.iterdir() if "tmp" in path.name] == []


# Remove


def test_a_removal_takes_the_item_out_of_file_and_lock(team: Session) -> None:
    said = team.llamagate("remove", "alpha", "--save")
    assert said.err == "llamagate: wrote llamagate.yaml\nllamagate: wrote llamagate.lock.yaml\n"
    assert text(team) == FILE[: FILE.index("  alpha:")] + FILE[FILE.index("\npolicy") :]
    assert "alpha" not in lock(team)
    assert_in_sync(team)


def test_the_last_item_can_be_taken_out(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.llamagate("remove", "foo", "--save")
    assert_in_sync(session)
    assert session.llamagate("list", "--json").json == {"items": []}


def test_what_is_listed_and_already_gone_is_taken_out_of_the_file(team: Session) -> None:
    team.llamagate("remove", "alpha")
    team.llamagate("remove", "alpha", "--save")
    assert "alpha" not in text(team) + lock(team)
    assert team.actions() == []


def test_a_listed_item_of_the_other_kind_stays_in_the_file(team: Session) -> None:
    team.llamagate("remove", "alpha")
    assert failure(team, "remove", "module", "alpha", "--save").code == "not-found"
    assert text(team) == FILE


def test_a_removal_of_what_the_file_does_not_list_leaves_it_alone(team: Session) -> None:
    team.llamagate("import", "packages/extra")
    team.llamagate("remove", "extra", "--save")
    assert text(team) == FILE
    assert_in_sync(team)


def test_a_refused_removal_writes_no_file(team: Session) -> None:
    team.edit("llamagate.yaml", "    enabled: true", "    depends_on: [zeta]")
    team.llamagate("apply")
    before = team.everything()
    assert refused(team, "remove", "zeta", "--save") == ["zeta needed"]
    assert team.everything() == before


# Enable and disable


@pytest.mark.parametrize(
    ("verb", "item", "written"),
    [
        ("disable", "alpha", "    config: {interval: 7}\n    enabled: false\n"),
        ("disable", "zeta", "  zeta: {source: ./packages/zeta, enabled: false}\n"),
        ("enable", "zeta", "  zeta: {source: ./packages/zeta, enabled: true}\n"),
    ],
)
def test_a_switch_is_written_into_the_entry(team: Session, verb: str, item: str, written: str) -> None:
    team.llamagate(verb, item, "--save")
    assert written in text(team)
    kept = [line for line in FILE.splitlines() if line in text(team).splitlines()]
    assert len(kept) >= len(FILE.splitlines()) - 1
    assert_in_sync(team)


def test_a_switch_that_is_written_already(team: Session) -> None:
    before = team.everything()
    team.llamagate("enable", "alpha", "--save")
    assert team.everything() == before


@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_a_switch_of_what_the_file_does_not_list_cannot_be_saved(team: Session, verb: str) -> None:
    team.llamagate("import", "packages/extra")
    before = team.everything()
    assert "'import --save'" in failure(team, verb, "extra", "--save").message
    assert team.everything() == before


# Contradictions


CONTRADICTIONS: Final = ("import alpha.zip", "remove alpha", "disable alpha")


@pytest.mark.parametrize("command", CONTRADICTIONS)
@pytest.mark.parametrize("at_hand", [True, False], ids=["file-at-hand", "file-elsewhere"])
def test_what_the_file_contradicts_is_done_told_and_held(team: Session, command: str, at_hand: bool) -> None:
    team.package("alpha", version="2.0.0")
    archive = zipped(team, "alpha")
    team.package("alpha")
    name = "llamagate.yaml"
    if not at_hand:
        name = "file.yaml"
        (team.project / "llamagate.yaml").rename(team.project / name)
        (team.project / "llamagate.lock.yaml").rename(team.project / "file.lock.yaml")
        team.llamagate("apply", "-f", name)
    verb, _, item = command.partition(" ")
    done = team.llamagate(verb, archive if verb == "import" else item, "--json").json
    assert warned(done) == ["alpha file-disagrees", "hold-set"]
    shown = name if at_hand else team.project / name
    flags = "--save" if at_hand else f"--save with '-f {shown}'"
    assert flags in done["warnings"][0]["message"]
    hold = team.llamagate("status", "--json", "-f", name).json["hold"]
    assert f"'llamagate {verb}' contradicts {shown}" in hold["reason"]
    assert text(team) == FILE if at_hand else not (team.project / "llamagate.yaml").exists()

    assert warned(team.llamagate("apply", "-f", name, "--json").json) == ["hold-ends"]
    assert_in_sync(team, "-f", name)
    assert team.registered()["alpha"]["version"] == "1.0.0"
    assert team.registered()["alpha"]["enabled"] is True


@pytest.mark.parametrize(
    "command", ["import packages/alpha", "import packages/extra", "disable zeta", "enable alpha", "remove extra"]
)
def test_what_agrees_with_the_file_or_is_none_of_its_business_is_not_held(team: Session, command: str) -> None:
    team.package("alpha", version="1.1.0")  # the file's own source, newer
    if command.startswith("remove"):
        team.llamagate("import", "packages/extra")
    assert "file-disagrees" not in str(team.llamagate(*command.split(), "--json").json)
    assert team.llamagate("status", "--json").json["hold"] is None


def test_a_dry_run_says_so_too_and_holds_nothing(team: Session) -> None:
    before = team.everything()
    assert warned(team.llamagate("remove", "alpha", "--dry-run", "--json").json) == ["alpha file-disagrees", "hold-set"]
    assert team.everything() == before


def test_a_save_into_another_file_than_the_one_that_lists_it_says_where_to_save(team: Session) -> None:
    (team.project / "llamagate.yaml").rename(team.project / "file.yaml")
    team.llamagate("apply", "-f", "file.yaml")
    [disagrees, _] = team.llamagate("remove", "alpha", "--save", "--json").json["warnings"]
    assert disagrees["code"] == "file-disagrees"
    assert "--save with '-f " in disagrees["message"]


def test_what_its_file_no_longer_lists_can_be_removed_without_ado(team: Session) -> None:
    team.write("llamagate.yaml", FILE[: FILE.index("  alpha:")])
    (team.project / "llamagate.yaml").rename(team.project / "file.yaml")
    assert warned(team.llamagate("remove", "alpha", "--json").json) == []
    assert team.llamagate("status", "--json").json["hold"] is None


def test_an_item_of_a_file_that_is_gone_can_be_removed(team: Session) -> None:
    (team.project / "llamagate.yaml").unlink()
    done = team.llamagate("remove", "alpha", "--json").json
    assert [f"{action['action']} {action['id']}" for action in done["actions"]] == ["remove alpha"]
    assert (done["generation"], done["warnings"]) == (2, [])


@pytest.mark.parametrize("verb", ["remove", "disable"])
def test_an_item_of_a_file_that_cannot_be_read_is_held(team: Session, verb: str) -> None:
    (team.project / "llamagate.yaml").rename(team.project / "file.yaml")
    team.llamagate("apply", "-f", "file.yaml")
    team.write("file.yaml", "[")
    team.llamagate(verb, "alpha")
    assert team.llamagate("status", "--json").json["hold"] is not None


def test_resume_ends_the_hold(team: Session) -> None:
    team.llamagate("disable", "alpha")
    team.llamagate("resume")
    assert team.llamagate("status", "--json").json["hold"] is None
    assert team.registered()["alpha"]["enabled"] is False


# Owners


def test_a_file_that_moved_is_known_after_its_next_apply(team: Session) -> None:
    (team.project / "llamagate.yaml").rename(team.project / "file.yaml")
    team.llamagate("apply", "-f", "file.yaml")
    assert team.record()["owners"] == {"team": f"{team.project}/file.yaml"}
    before = team.everything()
    team.llamagate("apply", "-f", "file.yaml")
    assert team.everything() == before


def test_a_saved_import_is_safe_from_another_file_without_an_owner(session: Session) -> None:
    session.package("foo")
    session.llamagate("import", "packages/foo", "--save")
    session.desired("extensions: {}\n", name="other.yaml")
    assert refused(session, "apply", "-f", "other.yaml") == ["foo other-file"]


def test_two_files_without_an_owner_do_not_save_into_each_others_arms(session: Session) -> None:
    """The other file would remove it with its next apply."""
    session.package("foo")
    session.extensions("bar")
    session.llamagate("apply")
    session.desired("extensions: {}\n", name="other.yaml")
    before = session.everything()
    failed = failure(session, "import", "packages/foo", "--save", "-f", "other.yaml", exits=5)
    assert failed.code == "not-saved"
    assert f"{session.project}/llamagate.yaml" in failed.message
    assert "'owner:'" in failed.message
    assert session.everything() == before
    session.desired("owner: other\n", name="other.yaml")
    session.llamagate("import", "packages/foo", "--save", "-f", "other.yaml")
    assert session.actions() == []


def test_a_file_that_moved_can_be_saved_into(session: Session) -> None:
    session.extensions("bar")
    session.llamagate("apply")
    session.package("foo")
    (session.project / "llamagate.yaml").rename(session.project / "moved.yaml")
    (session.project / "llamagate.lock.yaml").rename(session.project / "moved.lock.yaml")
    session.llamagate("import", "packages/foo", "--save", "-f", "moved.yaml")
    assert_in_sync(session, "-f", "moved.yaml")


def test_a_new_dependency_counts_from_the_next_apply_on(team: Session) -> None:
    team.edit("llamagate.yaml", "    enabled: true", "    depends_on: [zeta]")
    assert team.llamagate("apply").out.startswith("No changes")
    team.llamagate("remove", "zeta", exits=5)
    team.edit("llamagate.yaml", "    depends_on: [zeta]\n", "")
    team.llamagate("apply")
    team.llamagate("remove", "zeta")


def test_what_a_command_brought_is_never_pruned(team: Session) -> None:
    team.llamagate("import", "packages/extra")
    assert team.actions() == []
    team.desired("owner: team\n")
    team.llamagate("apply", "--allow-prune")
    assert set(team.registered()) == {"extra"}


def test_an_update_by_a_command_leaves_the_item_to_its_owner(team: Session) -> None:
    team.package("alpha", version="1.1.0")
    team.llamagate("import", "packages/alpha")
    assert {item["id"]: item["owner"] for item in team.record()["items"]} == {"alpha": "team", "zeta": "team"}


def test_the_whole_day_of_an_item(session: Session) -> None:
    """In, switched, updated, switched back, out: the file is at last what it was at first."""
    session.desired("# nothing yet\nextensions:\n")
    session.llamagate("apply")
    first = text(session)
    formed(session, "gateway")
    session.llamagate("import", "packages/foo", "--save")
    session.llamagate("disable", "foo", "--save")
    session.package("foo", version="1.1.0")
    session.llamagate("import", "packages/foo", "--save")
    assert session.registered()["foo"]["enabled"] is False
    session.llamagate("enable", "foo", "--save")
    assert_in_sync(session)
    session.llamagate("remove", "foo", "--save")
    assert_in_sync(session)
    assert text(session) == first
    assert snapshot(Path(session.home / "extensions/installed")) == {}


def test_a_file_with_the_other_ending_gets_no_second_one_beside_it(session: Session) -> None:
    session.extensions("foo")
    file = session.project / "llamagate.yaml"
    file.rename(file.with_suffix(".yml"))
    said = session.llamagate("import", session.project / "packages" / "foo", "--save", exits=1)
    assert "there is a llamagate.yml; rename it to llamagate.yaml, or name it with -f" in said.err
    assert not file.exists()
    assert not session.installed("foo").exists()
