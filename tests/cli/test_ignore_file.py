"""A package's ``.llamagateignore``, for every kind of source; ``policy.ignore``, for local folders."""

from __future__ import annotations

import shutil
import zipfile

import pytest

from tests.cli.failures import failure
from tests.cli.shell import Session
from tests.sources.git_servers import Origin, git_over_http
from tests.support.packages import MANIFEST

IGNORE = "# what is not for others\n*.log\nbuild/\n/notes/*.md\n"
CONTENT = {
    ".llamagateignore": IGNORE,
    "a.log": "l",
    "lib/b.log": "l",
    "build/deep/c.txt": "b",
    "notes/d.md": "n",
    "lib/notes/e.md": "e",
    "lib/build": "a file",
}
KEPT = [".llamagateignore", "lib/build", "lib/notes/e.md", "manifest.yaml"]


def installed(session: Session) -> list[str]:
    root = session.installed("foo")
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_folder(session: Session) -> None:
    session.package("foo", files=CONTENT)
    session.extensions("foo")
    session.llamagate("apply")
    assert installed(session) == KEPT
    session.write("packages/foo/build/more.txt", "?")
    assert session.actions() == []
    session.llamagate("apply", "--locked")


@pytest.mark.parametrize("folder", ["", "foo-1.0.0/"])
def test_a_zip(session: Session, folder: str) -> None:
    files = {"manifest.yaml": MANIFEST.format(id="foo", version="1.0.0"), **CONTENT}
    with zipfile.ZipFile(session.project / "foo.zip", "w") as archive:
        for path, data in files.items():
            archive.writestr(folder + path, data)
    session.llamagate("import", "foo.zip")
    assert installed(session) == KEPT


def test_a_tar(session: Session) -> None:
    session.package("foo", files=CONTENT)
    shutil.make_archive(str(session.project / "foo"), "gztar", session.project / "packages/foo")
    session.llamagate("import", "foo.tar.gz")
    assert installed(session) == KEPT


def test_git(session: Session) -> None:
    origin = Origin(session.base / "served" / "packages")
    files = {"manifest.yaml": MANIFEST.format(id="foo", version="1.0.0"), **CONTENT}
    origin.commit({f"foo/{path}": data for path, data in files.items()})
    with git_over_http(session.base / "served") as serving:
        session.desired(f"extensions:\n  foo: {{source: {{git: '{serving.url('packages')}', path: foo}}}}\n")
        session.llamagate("apply")
    assert installed(session) == KEPT


def test_all_kinds_of_source_have_one_digest(session: Session) -> None:
    session.package("foo", files=CONTENT)
    session.llamagate("import", "packages/foo")
    tree = session.record()["items"][0]["tree"]
    shutil.make_archive(str(session.project / "foo"), "zip", session.project / "packages/foo")
    session.llamagate("import", "foo.zip")
    assert session.record()["items"][0]["tree"] == tree


def test_what_it_names_in_the_installed_folder_is_local(session: Session) -> None:
    session.package("foo", files=CONTENT)
    session.extensions("foo")
    session.llamagate("apply")
    session.write(str(session.installed("foo", "a.log")), "mine")
    session.llamagate("verify")
    session.package("foo", version="2.0.0")
    session.llamagate("apply")
    assert session.installed("foo", "a.log").read_text() == "mine"


def test_checksums_may_list_what_it_names(session: Session) -> None:
    session.package("foo", files=CONTENT)
    session.llamagate("import", "packages/foo")
    session.llamagate("export", "foo", "--out", "foo.zip")
    shutil.unpack_archive(session.project / "foo.zip", session.project / "packages/bar")
    sums = session.project / "packages/bar/checksums.txt"
    sums.write_text(sums.read_text() + f"{'0' * 64}  a.log\n")
    session.llamagate("import", "packages/bar")
    sums.write_text(sums.read_text() + f"{'0' * 64}  a.txt\n")
    session.llamagate("import", "packages/bar", exits=5)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ok\n!not\n", ":2"),
        ("a\\b\n", ":1"),
        ("../x\n", ":1"),
        ("x\n" * 101, ":101"),
        ("x" * 20_000, ""),
        ("\udcff", ""),
    ],
    ids=["negation", "backslash", "out of it", "too many", "too long", "no UTF-8"],
)
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_what_is_no_pattern_is_named(session: Session, text: str, place: str, form: str) -> None:
    session.package("foo")
    session.write("packages/foo/.llamagateignore", text.encode("utf-8", "surrogateescape"))
    shutil.make_archive(str(session.project / "foo"), "zip", session.project / "packages/foo")
    failed = failure(session, "import", "packages/foo" if form == "folder" else "foo.zip")
    assert ".llamagateignore" in failed.message
    assert place in failed.message


def test_the_policy_leaves_out_of_local_folders_alone(session: Session) -> None:
    session.package("foo", files={"mine.local.md": "m", "lib/x.local.md": "m", "lib/y.md": "y"})
    session.extensions("foo", text="policy: {ignore: ['*.local.md']}\n")
    session.llamagate("apply")
    assert installed(session) == ["lib/y.md", "manifest.yaml"]
    session.write("packages/foo/other.local.md", "?")
    assert session.actions() == []
    session.extensions("foo")
    assert session.actions() == ["update foo"]
    shutil.make_archive(str(session.project / "foo"), "zip", session.project / "packages/foo")
    session.desired("policy: {ignore: ['*.local.md']}\nextensions: {foo: ./foo.zip}\n")
    session.llamagate("apply")
    assert "mine.local.md" in installed(session)


def test_a_pattern_of_the_policy_that_is_none_is_named(session: Session) -> None:
    session.extensions("foo", text="policy: {ignore: ['*.md', '!a.md']}\n")
    assert failure(session, "plan").places == ["llamagate.yaml:2:27 policy.ignore[1]"]


def test_a_file_that_it_names_does_not_end_a_hold(session: Session) -> None:
    session.package("foo", files=CONTENT)
    session.extensions("foo", text="policy: {ignore: ['*.local.md']}\n")
    session.llamagate("apply")
    session.llamagate("remove", "foo")
    for path in ("packages/foo/a.log", "packages/foo/.idea/x", "packages/foo/build/x", "packages/foo/my.local.md"):
        session.write(path, "other")
    session.llamagate("watch", "--once")
    assert not session.installed("foo").exists()
