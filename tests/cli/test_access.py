"""Who else may change a home: links that lead elsewhere, foreign owners, and a HOME that is none."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

import pytest

from reconciler.model.home import Home
from reconciler.observe.access import exposed
from tests.cli.failures import failure
from tests.cli.shell import Session
from tests.fs.hostile import NOBODY

OTHER = NOBODY - 1
NAMELESS = 4321

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")


def give(user: int, *places: Path) -> None:
    for place in places:
        for path in (place, *(place.rglob("*") if not place.is_symlink() else ())):
            os.chown(path, user, user, follow_symlinks=False)


def elsewhere(applied: Session) -> Path:
    victim = applied.base / "victim"
    victim.mkdir()
    (victim / "shadow").write_text("precious\n")
    (victim / "shadow").chmod(0o600)
    return victim


def codes(session: Session) -> list[str]:
    return [one["code"] for one in session.run("doctor", "--json").json["findings"]]


# 130: the registry as a link


@root_only
@pytest.mark.parametrize("is_there", [True, False], ids=["a file", "nothing"])
def test_the_registry_leads_to_no_file_of_another_user(applied: Session, is_there: bool) -> None:
    victim = elsewhere(applied)
    give(NOBODY, applied.home)
    applied.registry.unlink()
    applied.registry.symlink_to(victim / ("shadow" if is_there else "new"))
    give(NOBODY, applied.registry)
    applied.package("foo", version="2.0.0")
    failed = failure(applied, "apply", exits=5)
    assert failed.code == "foreign-link"
    assert str(applied.registry) in failed.message
    assert [path.name for path in victim.iterdir()] == ["shadow"]
    assert (victim / "shadow").read_text() == "precious\n"
    assert (victim / "shadow").stat().st_mode & 0o777 == 0o600
    assert list(applied.registry.parent.iterdir()) == [applied.registry]
    assert "foreign-link" in codes(applied)


@root_only
def test_a_link_that_another_user_made_is_not_followed_though_it_leads_to_a_file_of_ours(applied: Session) -> None:
    real = applied.registry.rename(applied.base / "real.json")
    applied.registry.symlink_to(real)
    give(OTHER, applied.registry)
    applied.package("foo", version="2.0.0")
    assert failure(applied, "apply", exits=5).code == "foreign-link"


def test_a_linked_registry_of_ours_is_followed(applied: Session) -> None:
    real = applied.registry.rename(applied.base / "real.json")
    applied.registry.symlink_to(real)
    applied.package("foo", version="2.0.0")
    applied.llamagate("apply")
    assert applied.registry.is_symlink()
    assert '"2.0.0"' in real.read_text()


def test_what_is_kept_of_a_broken_registry_is_for_us_alone_and_a_registry_keeps_its_mode(applied: Session) -> None:
    applied.registry.write_text("[")
    applied.registry.chmod(0o640)
    applied.package("foo", version="2.0.0")
    applied.llamagate("apply")
    [broken] = applied.registry.parent.glob("*.broken-*")
    assert (broken.read_text(), broken.stat().st_mode & 0o777) == ("[", 0o600)
    assert applied.registry.stat().st_mode & 0o777 == 0o640


# 131: our own folders as links


PLACES = ["reconciler", "reconciler/cache", "reconciler/backups", "reconciler/generations", "reconciler/stage"]


def moved(applied: Session, place: str, target: Path) -> Path:
    """The folder ``place`` of the home as a link to ``target``, where it is now."""
    folder = applied.home / place
    if folder.exists():
        shutil.move(folder, target)
    else:
        target.mkdir()
    folder.symlink_to(target)
    return folder


@root_only
@pytest.mark.parametrize(
    "place", [*PLACES, "registry", "extensions", "extensions/installed", "reconciler/backups/extension"]
)
def test_a_link_that_another_user_made_is_not_followed(applied: Session, place: str) -> None:
    applied.package("foo", version="2.0.0")
    applied.llamagate("apply")
    link = moved(applied, place, applied.base / "aside")
    give(OTHER, link)
    applied.package("foo", version="3.0.0")
    before = applied.everything()
    failed = failure(applied, "apply", exits=5)
    assert (failed.code, str(link) in failed.message) == ("foreign-link", True)
    assert "user" in failed.message
    assert applied.everything() == before
    assert "foreign-link" in codes(applied)


@root_only
@pytest.mark.parametrize("place", PLACES)
def test_whoever_works_in_the_home_of_another_user_follows_its_links_to_what_is_that_user_s(
    applied: Session, place: str
) -> None:
    link = moved(applied, place, applied.base / "aside")
    give(NOBODY, applied.home, link, applied.base / "aside")
    applied.package("foo", version="2.0.0")
    applied.llamagate("apply")
    os.chown(applied.base / "aside", OTHER, OTHER)
    applied.package("foo", version="3.0.0")
    assert failure(applied, "apply", exits=5).code == "foreign-link"


@pytest.mark.parametrize("place", [*PLACES, "registry", "extensions/installed"])
def test_a_link_of_ours_is_followed(applied: Session, place: str) -> None:
    moved(applied, place, applied.base / "aside")
    applied.package("foo", version="2.0.0")
    applied.llamagate("apply")
    assert applied.registered()["foo"]["version"] == "2.0.0"


# 132: writable by others, or of another owner


@pytest.mark.parametrize(
    "place", [".", "reconciler", "reconciler/cache", "registry", "extensions/installed", "extensions/installed/foo"]
)
def test_a_place_that_everyone_can_write_to_is_told(applied: Session, place: str) -> None:
    path = applied.home / place
    path.chmod(0o777)
    line = f"everyone can write to {path}"
    assert line in applied.llamagate("apply").err
    found = applied.run("doctor", "--json").json["findings"]
    assert [(one["code"], one["message"]) for one in found] == [("world-writable", line)]
    path.chmod(0o1777)
    assert applied.llamagate("apply").err == ""
    assert codes(applied) == []


@root_only
@pytest.mark.parametrize("place", ["reconciler", "registry", "registry/installed.json", "extensions/installed/foo"])
def test_a_place_of_another_user_is_told(applied: Session, place: str) -> None:
    give(NOBODY, applied.home)
    os.chown(applied.home / place, OTHER, OTHER)
    said = applied.llamagate("apply").err
    assert f"{applied.home / place} belongs to " in said
    assert f"{applied.home} belongs to " in said
    assert codes(applied) == ["foreign-owner", "foreign-owner"]


@root_only
def test_the_command_that_fixes_it_can_be_typed_for_a_user_without_a_name(applied: Session) -> None:
    give(NAMELESS, applied.home)
    place = applied.home / "registry"
    os.chown(place, OTHER, OTHER)
    said = applied.llamagate("apply").err
    assert (
        f"{applied.home} belongs to the user {NAMELESS}, and you are root; 'sudo -u \\#{NAMELESS} llamagate …'" in said
    )
    assert f"'chown -R {NAMELESS} {place}' fixes this" in said


def test_many_places_are_told_in_short(session: Session) -> None:
    session.extensions(*(f"p{number}" for number in range(9)))
    session.llamagate("apply")
    for path in (session.home / "extensions" / "installed").iterdir():
        path.chmod(0o777)
    said = session.llamagate("apply").err
    assert len(said.splitlines()) == 1
    assert "(the same for 8 others: " in said
    assert "and 5 more)" in said
    assert codes(session) == ["world-writable"] * 9


# HOME


@pytest.mark.parametrize("home", ["", "relative"])
def test_a_home_folder_that_is_none_is_refused(applied: Session, home: str) -> None:
    applied.variables |= {"HOME": home, "LLAMAGATE_HOME": ""}
    assert "set HOME, or give --home a path" in failure(applied, "status").message
    applied.variables |= {"LLAMAGATE_HOME": str(applied.home)}
    applied.llamagate("status")
    applied.llamagate("status", "--home", "~/x", exits=1)


def test_a_folder_that_cannot_be_listed_is_named(applied: Session) -> None:
    """No descriptor is left for the list: such an error knows the number of the folder's, and not its path."""
    last = os.open(os.devnull, os.O_RDONLY)
    os.close(last)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (last + 1, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files") as failed:
            list(exposed(Home(applied.home)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert failed.value.filename == str(applied.home / "extensions/installed")
