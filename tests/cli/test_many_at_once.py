"""Several at once: ``import A B C``, ``validate FOLDER FILE…``, the old folders of ``migrate`` and ``doctor``."""

from __future__ import annotations

import pytest

from tests.cli.failures import failure
from tests.cli.shell import Session
from tests.support.packages import MODULE


@pytest.fixture
def three(session: Session) -> Session:
    """Three packages."""
    for item in ("one", "two", "three"):
        session.package(item)
    return session


def test_several_packages_are_one_change(three: Session) -> None:
    done = three.llamagate("import", "packages/one", "packages/two", "packages/three", "--json").json
    assert [action["id"] for action in done["actions"]] == ["one", "three", "two"]
    assert three.record()["generation"] == 1
    assert sorted(three.registered()) == ["one", "three", "two"]


def test_several_are_saved_at_once(three: Session) -> None:
    three.llamagate("import", "ext", "packages/one", "packages/two", "--save")
    assert three.plan()["changes"] is False
    assert three.record()["generation"] == 1


def test_all_or_nothing_and_every_fault_at_once(three: Session) -> None:
    three.write("packages/two/manifest.yaml", "name: two\n")
    failed = failure(three, "import", "packages/one", "packages/two", "nowhere")
    assert "2 of 3 packages cannot be imported" in failed.message
    assert {place.partition(":")[0] for place in failed.places} >= {"packages/two/manifest.yaml"}
    assert not three.registry.exists()


def test_a_type_holds_for_each_of_them(three: Session) -> None:
    three.module("daily", "one")
    failed = failure(three, "import", "extension", "packages/one", "packages/daily")
    assert failed.code == "wrong-package"
    assert not three.registry.exists()


def test_one_package_named_twice_is_imported_once(three: Session) -> None:
    three.llamagate("import", "packages/one", "packages/../packages/one")
    assert [*three.registered()] == ["one"]


def test_two_packages_of_one_id(three: Session) -> None:
    three.write("packages/other/manifest.yaml", (three.project / "packages/one/manifest.yaml").read_text() + "# x\n")
    assert "packages/other has the id 'one'" in failure(three, "import", "packages/one", "packages/other").message


def test_a_folder_of_packages_says_what_to_type(three: Session) -> None:
    failed = failure(three, "import", "packages")
    assert failed.code == "wrong-package"
    assert "'llamagate import packages/one packages/three packages/two' installs all of them" in failed.message
    for number in range(5):
        three.package(f"more{number}")
    assert "'llamagate import packages/*' installs all of them" in failure(three, "import", "packages").message


def test_a_folder_around_one_package_names_that(session: Session) -> None:
    session.package("foo")
    assert "'llamagate import packages/foo' installs the one in it" in failure(session, "import", "packages").message


def test_validate_checks_every_package_below_a_folder(three: Session) -> None:
    three.write("packages/one/node_modules/x/manifest.yaml", "not looked at")
    three.write("packages/.git/manifest.yaml", "not looked at")
    checked = three.llamagate("validate", "packages", "--json").json["checked"]
    assert [line.partition(" is valid")[0] for line in checked] == [
        "packages/one",
        "packages/three",
        "packages/two",
        "All 3 are valid.",
    ]


def test_validate_takes_several_and_says_every_fault(three: Session) -> None:
    three.extensions("one")
    three.write("other.yaml", "apiVersion: llamagate/v1\nextension: {}\n")
    three.write("packages/two/manifest.yaml", "name: two\n")
    failed = failure(three, "validate", "packages", "other.yaml", "llamagate.yaml")
    assert failed.message == "2 of 5 are not valid"
    assert {place.partition(":")[0] for place in failed.places} == {"packages/two/manifest.yaml", "other.yaml"}


def test_a_folder_with_a_file_that_uses_its_packages(three: Session) -> None:
    three.extensions("one")
    assert three.llamagate("validate", ".").out.startswith("llamagate.yaml is valid: 1 item\n")


def test_a_package_that_the_file_lists_is_checked_with_it(three: Session) -> None:
    three.extensions("one", "two")
    three.write("packages/two/manifest.yaml", "name: two\n")
    failed = failure(three, "validate", ".")
    assert {place.partition(":")[0] for place in failed.places} == {"llamagate.yaml", "./packages/two/manifest.yaml"}


def test_one_fault_of_two_packages_with_like_names_is_said_for_both(session: Session) -> None:
    for folder in ("packages/x/one", "x/one"):
        session.write(f"{folder}/manifest.yaml", "name: one\nversion: 1.0.0\ndescription: x\n")
    err = session.llamagate("validate", "packages/x/one", "x/one", exits=1).err
    assert "\n  x/one/manifest.yaml:" in err


def test_what_is_named_twice_is_checked_once(three: Session) -> None:
    checked = three.llamagate("validate", "packages/one", "packages", "./packages/one", "--json").json["checked"]
    assert checked[-1] == "All 3 are valid."


def test_what_does_not_exist_is_said_with_all_else(three: Session) -> None:
    three.write("packages/two/manifest.yaml", "name: two\n")
    err = three.llamagate("validate", "nowhere", "nowhere.zip", "packages", exits=1).err
    assert "3 of 5 are not valid" in err
    assert "  nowhere: no such file or folder\n  nowhere.zip: no such file or folder\n" in err


def test_a_web_address_is_no_file(session: Session) -> None:
    failed = failure(session, "validate", "https://example.org/x.zip")
    assert "this is a web address" in failed.message
    assert "download it first" in failed.message


def test_a_folder_with_nothing_to_check(session: Session) -> None:
    (session.project / "empty").mkdir()
    assert "empty" in failure(session, "validate", "empty").message


def test_old_modules_are_migrated_beside_old_extensions(three: Session) -> None:
    (three.project / "packages").rename(three.project / "extensions")
    text = MODULE.format(id="daily", version="1.0.0", extension="one")
    three.write("agenticmodules/daily/agenticmodule.yaml", text)
    codes = [finding["code"] for finding in three.llamagate("doctor", "--json").json["findings"]]
    assert "legacy" in codes
    three.llamagate("migrate")
    assert {name: entry["type"] for name, entry in three.registered().items()}["daily"] == "agentic-module"
    assert len(three.registered()) == 4
    three.llamagate("disable", "daily")
    found = three.llamagate("doctor", "--json", exits=1).json["findings"]
    assert [one["message"] for one in found if "agenticmodules/daily" in one["message"]]


def test_only_old_modules(session: Session) -> None:
    text = MODULE.format(id="daily", version="1.0.0", extension="one")
    session.write("agenticmodules/daily/agenticmodule.yaml", text)
    session.llamagate("migrate")
    assert [*session.registered()] == ["daily"]


# What is the same of several items is said once


def task(session: Session, *items: str) -> None:
    for item in items:
        text = f"name: {item}\nversion: 1.0.0\ndescription: d\ntask: {{type: model}}\nprompt: Say {{{{x}}}}\n"
        session.write(f"packages/{item}/extension.yaml", text)


def test_one_warning_for_all_and_only_where_they_change(session: Session) -> None:
    task(session, "a", "b", "c", "d", "e")
    for item in "abcde":
        session.write(f"packages/{item}/.llamagateignore", "")
    session.desired("extensions:\n" + "".join(f"  {item}: ./packages/{item}\n" for item in "abcde"))
    said = session.llamagate("apply").out
    assert said.count("is written in the task dialect") == 1
    assert "a is written in the task dialect: " in said
    assert "(the same for 4 others: b, c, d and 1 more)" in said
    for verb in ("apply", "plan"):
        assert session.llamagate(verb, "--json").json["warnings"] == []
    session.llamagate("disable", "b")
    assert [one["id"] for one in session.llamagate("apply", "--json").json["warnings"] if one["id"]] == []


def test_doctor_says_one_thing_once(three: Session) -> None:
    three.llamagate("import", "packages/one", "packages/two", "packages/three")
    for item in ("one", "two"):
        three.installed(item).chmod(0o777)
    said = three.llamagate("doctor", exits=1).out
    assert said.count("everyone can write to") == 1
    assert f"(the same for 1 other: {three.installed('two')})" in said.replace("two/", "two")
    assert len(three.llamagate("doctor", "--json", exits=1).json["findings"]) == 2
    notices = [line for line in three.llamagate("disable", "three").err.splitlines() if "can write" in line]
    assert len(notices) == 1
