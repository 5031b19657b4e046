"""Packages in archives through the command line: a folder in one, tar archives, and what is said of them."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.cli.shell import Session
from tests.sources.http_server import HttpServer
from tests.support.packages import pack


@pytest.fixture(params=["zip", "tar.gz"])
def archive(session: Session, request: pytest.FixtureRequest) -> Path:
    """As a code host packs a repository with two packages."""
    repository = session.base / "repository" / "packages-main"
    for item in ("foo", "bar"):
        shutil.copytree(packaged(session, item), repository / "extensions" / item)
    (repository / "README.md").write_text("Two packages.\n")
    place = session.project / f"main.{request.param}"
    if request.param == "zip":
        return pack(repository.parent, place)
    (repository / "link").symlink_to("README.md")
    with tarfile.open(place, "w:gz") as out:
        out.add(repository, "packages-main")
    return place


@pytest.fixture
def server(session: Session) -> Iterator[HttpServer]:
    with HttpServer(folder=session.project) as serving:
        yield serving


def packaged(session: Session, item: str, files: Mapping[str, str] | None = None) -> Path:
    session.package(item, files=files)
    return session.project / "packages" / item


def executable(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mode = 0o755
    return info


def kind(archive: Path) -> str:
    return "zip" if archive.suffix == ".zip" else "tar"


def test_what_is_in_it_is_listed(session: Session, archive: Path) -> None:
    said = session.llamagate("import", archive.name, exits=1).err
    assert "packages are in extensions/bar, extensions/foo" in said
    said = session.llamagate("import", archive.name, "--path", "extensions/fo", exits=1).err
    assert "there is no such folder; packages are in extensions/bar, extensions/foo" in said


def test_a_folder_in_it_is_imported_and_saved(session: Session, archive: Path) -> None:
    session.llamagate("import", archive.name, "--path", "./extensions/foo/", "--save")
    assert session.installed("foo").is_dir()
    written = yaml.safe_load((session.project / "llamagate.yaml").read_text())
    assert written["extensions"] == {"foo": {"source": {kind(archive): archive.name, "path": "extensions/foo"}}}
    assert session.actions() == []
    session.llamagate("lock", "--check")


def test_two_of_one_archive(session: Session, archive: Path) -> None:
    rows = [
        f"  {item}: {{source: {{{kind(archive)}: {archive.name}, path: extensions/{item}}}}}\n"
        for item in ("foo", "bar")
    ]
    session.desired("extensions:\n" + "".join(rows))
    session.llamagate("apply")
    assert session.actions() == []
    session.desired("extensions:\n" + "".join(rows).replace("path: extensions/foo", "path: extensions/bar", 1))
    assert "the key is 'foo', but the package in " in session.llamagate("plan", exits=1).err


def test_two_of_one_address_are_one_download(session: Session, archive: Path, server: HttpServer) -> None:
    url = server.url(f"/{archive.name}")
    rows = [f"  {item}: {{source: {{http: '{url}', path: extensions/{item}}}}}\n" for item in ("foo", "bar")]
    session.desired("extensions:\n" + "".join(rows))
    session.llamagate("apply")
    assert server.count(f"/{archive.name}") == 1
    assert session.actions() == []
    session.llamagate("apply", "--locked", "--offline")


def test_path_goes_with_an_archive_only(session: Session) -> None:
    packaged(session, "foo")
    session.desired("extensions:\n  foo: {source: {dir: packages, path: foo}}\n")
    assert "a folder needs no 'path': write {dir: FOLDER/PATH}" in session.llamagate("plan", exits=1).err


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{zip: main.tar.gz}", "this is a tar archive; write {tar: …} or only the path"),
        ("{dir: main.tar.gz}", "this is a tar archive, not a folder; write {tar: …} or only the path"),
        ("{tar: packages/foo}", "this is a folder, not an archive; write {dir: packages/foo}"),
        ("{tar: other.zip}", "is a zip archive; write {zip: …} or only the path"),
    ],
)
def test_the_wrong_kind_says_the_right_one(session: Session, source: str, words: str) -> None:
    pack(packaged(session, "foo"), session.project / "other.zip")
    with tarfile.open(session.project / "main.tar.gz", "w:gz") as out:
        out.add(session.project / "packages" / "foo", "foo")
    session.desired(f"extensions:\n  foo: {{source: {source}}}\n")
    assert words in session.llamagate("plan", exits=1).err


def test_a_tar_archive_is_imported_exported_and_validated(session: Session) -> None:
    with tarfile.open(session.project / "foo.tgz", "w:gz") as out:
        out.add(packaged(session, "foo", files={"bin/run": "#!/bin/sh\n"}), ".", filter=executable)
    assert "foo.tgz is valid: extension foo 1.0.0" in session.llamagate("validate", "foo.tgz").out
    session.llamagate("import", "foo.tgz")
    assert (session.installed("foo") / "bin" / "run").stat().st_mode & 0o100
    session.llamagate("export", "foo", "--out", "foo.zip")
    assert "foo.zip is valid" in session.llamagate("validate", "foo.zip").out


def test_git_of_an_archive_is_left_out_and_said(session: Session) -> None:
    package = packaged(session, "foo", files={".git/config": "x\n", "sub/.GIT/HEAD": "x\n"})
    pack(package, session.project / "foo.zip")
    said = session.llamagate("import", "foo.zip")
    assert "left out '.git', which is git's own and no part of a package" in said.out + said.err
    assert not (session.installed("foo") / ".git").exists()
