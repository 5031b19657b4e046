"""``llamagate export``: the package behind an item, as an archive that is whole or not there, and always the same."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cli.failures import failure, warned
from tests.cli.parcels import formed, trees, zipped
from tests.cli.shell import Session, snapshot
from tests.support.packages import FORMS, MODULE

TMPFS_KIB = 64

NO_MANIFEST: Final = "there is no manifest.yaml, extension.yaml or agenticmodule.yaml at its top level"


@pytest.fixture
def foo(session: Session) -> Session:
    """One extension with a script, imported."""
    formed(session, "gateway")
    session.llamagate("import", "packages/foo")
    return session


def another(session: Session, name: str = "another") -> Session:
    """A second session beside the first, with nothing in it."""
    (session.base / name).mkdir()
    return Session(session.base / name)


def export(session: Session, *words: str, out: str = "out.zip") -> Path:
    session.llamagate("export", *words, "--out", out)
    return session.project / out


# What is in it


@pytest.mark.parametrize("form", FORMS)
def test_an_import_of_an_export_is_the_same_package(session: Session, form: str) -> None:
    formed(session, form)
    session.llamagate("import", "packages/foo")
    archive = export(session, "foo")
    other = another(session)
    other.llamagate("import", archive)
    assert trees(other) == trees(session)
    kind = "agentic-modules" if "module" in form else "extensions"
    installed = [one.home / kind / "installed" / "foo" for one in (session, other)]
    first, second = ({Path(k).relative_to(f): v for k, v in snapshot(f).items()} for f in installed)
    assert first == second


def test_a_configured_item_is_exported_as_it_came(session: Session) -> None:
    """Neither what this installation configures nor a secret goes out with it."""
    formed(session, "gateway")
    session.variables["VALUE"] = "s3cret"
    session.desired("extensions: {foo: {source: ./packages/foo, config: {interval: 9, token: {env: VALUE}}}}\n")
    session.llamagate("apply")
    del session.variables["VALUE"]
    archive = export(session, "foo")
    with zipfile.ZipFile(archive) as opened:
        assert opened.read("manifest.yaml") == (session.project / "packages/foo/manifest.yaml").read_bytes()
    assert b"s3cret" not in archive.read_bytes()
    other = another(session)
    other.llamagate("import", archive)
    assert trees(other) == trees(session)


def test_edits_and_local_files_do_not_go_out(foo: Session) -> None:
    first = export(foo, "foo").read_bytes()
    foo.installed("foo", "manifest.yaml").write_text("name: foo\n")
    foo.installed("foo", "notes.txt").write_text("mine\n")
    assert export(foo, "foo").read_bytes() == first


def test_checksums_list_every_other_file_once(foo: Session) -> None:
    with zipfile.ZipFile(export(foo, "foo")) as archive:
        names = archive.namelist()
        lines = archive.read("checksums.txt").decode().splitlines()
        assert archive.testzip() is None
        found = {path: hashlib.sha256(archive.read(path)).hexdigest() for path in names if path != "checksums.txt"}
    assert names == sorted(names, key=str.encode)
    assert len(set(names)) == len(names)
    assert lines == [f"{found[path]}  {path}" for path in found]
    assert set(found) == {"manifest.yaml", "bin/run.sh", "docs/läs mig.txt"}


def test_the_list_fits_what_sha256sum_reads(foo: Session) -> None:
    with zipfile.ZipFile(export(foo, "foo")) as archive:
        archive.extractall(foo.base / "unpacked")
    done = subprocess.run(["sha256sum", "-c", "--strict", "checksums.txt"], cwd=foo.base / "unpacked", check=False)
    assert done.returncode == 0


def test_a_list_that_the_package_had_is_renewed(session: Session) -> None:
    formed(session, "gateway")
    digest = hashlib.sha256((session.project / "packages/foo/manifest.yaml").read_bytes()).hexdigest()
    for path in ("bin", "docs"):
        shutil.rmtree(session.project / "packages/foo" / path)
    session.write("packages/foo/checksums.txt", f"{digest}  manifest.yaml\n")
    session.llamagate("import", "packages/foo")
    with zipfile.ZipFile(export(session, "foo")) as archive:
        assert archive.namelist() == ["checksums.txt", "manifest.yaml"]


def test_modes_are_kept_and_nothing_else_of_them(foo: Session) -> None:
    with zipfile.ZipFile(export(foo, "foo")) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes.pop("bin/run.sh") == 0o100755
    assert set(modes.values()) == {0o100644}


def test_bytes_are_the_same_wherever_and_whenever(foo: Session) -> None:
    first = export(foo, "foo").read_bytes()
    other = another(foo)
    shutil.copytree(foo.project / "packages", other.project / "packages")
    for path in (other.project / "packages").rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        if path.is_file():
            path.chmod(path.stat().st_mode | 0o060)
    other.llamagate("import", zipped(other, "foo", top="foo-1/"))
    assert export(other, "foo", out="elsewhere.zip").read_bytes() == first == export(foo, "foo").read_bytes()


def test_an_export_of_an_import_of_an_export_is_the_same_file(foo: Session) -> None:
    first = export(foo, "foo")
    other = another(foo)
    other.llamagate("import", first)
    assert export(other, "foo").read_bytes() == first.read_bytes()


# Which item


def test_words_of_the_reference_in_its_documented_order(foo: Session) -> None:
    for words in (["extension", "foo"], ["ext", "foo"], ["foo"]):
        for arguments in ([*words, "--out", "out.zip"], ["--out", "out.zip", *words]):
            [one] = foo.llamagate("export", *arguments, "--json").json["exported"]
            assert (one["path"], one["kind"], one["id"], one["version"]) == ("out.zip", "extension", "foo", "1.0.0")


def test_json_tells_what_was_written(foo: Session) -> None:
    assert foo.llamagate("export", "foo", "--out", "out.zip", "--json").json == {
        "exported": [
            {
                "kind": "extension",
                "id": "foo",
                "version": "1.0.0",
                "tree": trees(foo)["foo"],
                "path": "out.zip",
            }
        ],
        "warnings": [],
    }


def test_export_of_a_non_existent_item(foo: Session) -> None:
    before = foo.everything()
    assert "'foo'?" in failure(foo, "export", "fooo", "--out", "out.zip").message
    assert "extension 'foo'" in failure(foo, "export", "module", "foo", "--out", "out.zip").message
    assert failure(foo, "export", "zzz", "--out", "out.zip").code == "not-found"
    assert foo.everything() == before


def named(session: Session, item: str, name: str) -> None:
    """Import an extension whose id and name differ."""
    session.package(item, files={"extension.yaml": f"id: {item}\nname: {name}\nversion: 1.0.0\n"})
    session.edit(f"packages/{item}/manifest.yaml", f"name: {item}", f"name: {name}")
    session.llamagate("import", f"packages/{item}")


def test_a_name_is_found_where_no_id_is(session: Session) -> None:
    named(session, "one", "pretty")
    [one] = session.llamagate("export", "pretty", "--out", "out.zip", "--json").json["exported"]
    assert one["id"] == "one"


def test_an_id_wins_over_a_name(session: Session) -> None:
    named(session, "one", "two")
    named(session, "two", "other")
    [one] = session.llamagate("export", "two", "--out", "out.zip", "--json").json["exported"]
    assert one["id"] == "two"


def test_an_ambiguous_name_is_refused_with_the_candidates(session: Session) -> None:
    named(session, "one", "pretty")
    named(session, "two", "pretty")
    assert "extension one, extension two" in failure(session, "export", "pretty", "--out", "out.zip").message
    assert not (session.project / "out.zip").exists()


def place(session: Session, item: str) -> None:
    """Install an extension as another tool does."""
    shutil.copytree(formed(session, "gateway", item), session.installed(item))


def test_what_something_else_installed_is_exported_as_it_lies_there(session: Session) -> None:
    place(session, "foo")
    session.installed("foo", "checksums.txt").write_text("stale\n")
    archive = export(session, "foo")
    other = another(session)
    other.llamagate("import", archive)
    assert other.installed("foo", "bin/run.sh").stat().st_mode & 0o777 == 0o755
    assert not session.ours.exists()


def test_what_is_no_package_is_not_exported(session: Session) -> None:
    session.installed("junk").mkdir(parents=True)
    said = session.llamagate("export", "junk", "--out", "out.zip", exits=1)
    assert said.err == f"llamagate: {session.installed('junk')}: {NO_MANIFEST}\n"
    assert not (session.project / "out.zip").exists()


def test_an_entry_without_a_folder(foo: Session) -> None:
    foo.registry.write_text(foo.registry.read_text().replace('"foo"', '"bar"'))
    assert "'llamagate sync'" in failure(foo, "export", "bar", "--out", "out.zip").message


def test_a_hostile_id_in_the_registry_leads_nowhere(foo: Session) -> None:
    (foo.base / "precious").mkdir()
    (foo.base / "precious/manifest.yaml").write_text((foo.project / "packages/foo/manifest.yaml").read_text())
    foo.registry.write_text(foo.registry.read_text().replace('"foo"', '"../../../precious"'))
    foo.llamagate("export", "../../../precious", "--out", "out.zip", exits=1)
    assert not (foo.project / "out.zip").exists()


def test_the_cache_serves_where_the_source_is_gone_and_the_source_where_the_cache_is(foo: Session) -> None:
    first = export(foo, "foo").read_bytes()
    (foo.project / "packages").rename(foo.base / "aside")
    assert export(foo, "foo").read_bytes() == first
    (foo.base / "aside").rename(foo.project / "packages")
    [cached] = (foo.ours / "cache").iterdir()
    cached.write_bytes(b"damaged")
    assert export(foo, "foo").read_bytes() == first
    shutil.rmtree(foo.project / "packages")
    (foo.project / "out.zip").unlink()
    assert f"{foo.project}/packages/foo" in failure(foo, "export", "foo", "--out", "out.zip").message
    assert not (foo.project / "out.zip").exists()


# All of it


def test_everything_goes_into_a_folder(session: Session) -> None:
    for form, item in (("gateway", "one"), ("task", "two"), ("task-module", "three")):
        formed(session, form, item)
        session.llamagate("import", f"packages/{item}")
    place(session, "found")
    session.installed("junk").mkdir()
    said = session.llamagate("export", "--all", "--out", "all/of it", "--json")
    assert [one["path"] for one in said.json["exported"]] == [
        f"all/of it/{item}-1.0.0.zip" for item in ("three", "found", "one", "two")
    ]
    [warning] = said.json["warnings"]
    assert (warning["id"], warning["code"]) == ("junk", "left-out")
    other = another(session)
    for path in (session.project / "all/of it").iterdir():
        other.llamagate("import", path)
    assert {**trees(other), **trees(session)} == trees(other)
    assert set(trees(other)) == {"one", "two", "three", "found"}


def test_everything_of_nothing(session: Session) -> None:
    session.home.mkdir()
    assert session.llamagate("export", "--all", "--out", "all", "--json").json == {"exported": [], "warnings": []}


def test_a_version_that_is_a_path_does_not_lead_out_of_the_folder(session: Session) -> None:
    session.package("foo", version="1.0.0/../../../evil")
    session.package("long", version="1.0.0-" + "x" * 100)
    for item in ("foo", "long"):
        session.llamagate("import", f"packages/{item}")
    session.llamagate("export", "--all", "--out", "all")
    assert sorted(path.name for path in (session.project / "all").iterdir()) == [
        "foo-1.0.0_.._.._.._evil.zip",
        f"long-1.0.0-{'x' * 58}.zip",
    ]
    assert {path.name for path in session.base.iterdir()} == {"home", "project", "user"}


# Where it goes


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["foo"], "--out"),
        (["--all"], "--out"),
        (["--out", "x.zip"], "--all"),
        (["foo", "--all", "--out", "x"], "--all"),
        (["a", "b", "c", "--out", "x"], "[TYPE] ID"),
    ],
)
def test_words_that_make_no_sense(foo: Session, arguments: list[str], named: str) -> None:
    failed = failure(foo, "export", *arguments, exits=64)
    assert failed.code == "usage"
    assert named in failed.message


def test_an_existing_archive_is_replaced(foo: Session) -> None:
    foo.write("out.zip", "old")
    assert zipfile.is_zipfile(export(foo, "foo"))


@pytest.mark.parametrize("kind", ["folder", "fifo", "device"])
def test_what_is_no_regular_file_is_refused(foo: Session, kind: str) -> None:
    out = foo.project / "out.zip"
    if kind == "folder":
        out.mkdir()
    elif kind == "fifo":
        os.mkfifo(out)
    else:
        out = Path("/dev/full")
    before = snapshot(foo.project)
    assert str(out) in failure(foo, "export", "foo", "--out", out).message
    assert snapshot(foo.project) == before


@pytest.mark.parametrize("out", ["llamagate.yaml", "llamagate.lock.yaml"])
def test_inputs_are_not_written_over(foo: Session, out: str) -> None:
    foo.desired("extensions: {}\n")
    before = foo.everything()
    failed = failure(foo, "export", "foo", "--out", out, exits=64)
    assert failed.code == "usage"
    assert out in failed.message
    assert foo.everything() == before


def test_a_folder_that_is_missing_is_told(foo: Session) -> None:
    said = foo.llamagate("export", "foo", "--out", "no/such/out.zip", exits=1)
    assert re.fullmatch(r"llamagate: \S*no/such\S*: No such file or directory; \S+ was not written\n", said.err)


def test_a_file_in_the_place_of_the_folder_is_told(foo: Session) -> None:
    foo.write("all", "mine")
    assert "File exists" in failure(foo, "export", "--all", "--out", "all").message


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem with room for very little."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_KIB}k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small filesystem needs root")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.long
def test_what_is_just_within_the_limits_can_be_imported_again(session: Session) -> None:
    words = "many words that are much the same, and a number: "
    text = "".join(f"{words}{number}\n" for number in range(250_000))
    session.package("foo", files={f"{name}.txt": text for name in "abcd"})
    session.llamagate("import", "packages/foo")
    session.llamagate("export", "foo", "--out", "foo.zip")
    session.llamagate("remove", "foo")
    session.llamagate("import", "foo.zip")
    assert session.installed("foo", "d.txt").read_text() == text


def test_what_is_too_large_to_be_imported_again_is_said(session: Session) -> None:
    session.package("foo")
    for name in "abcd":
        session.write(f"packages/foo/{name}.bin", os.urandom(13 << 20))
    session.llamagate("import", "packages/foo")
    assert warned(session.llamagate("export", "foo", "--out", "foo.zip", "--json").json) == ["foo large-archive"]
    assert "at most" in failure(session, "validate", "foo.zip").message


def test_a_full_disk_keeps_the_old_archive_and_leaves_no_half_one(session: Session, small_disk: Path) -> None:
    session.package("foo", files={"data.bin": os.urandom(2048 * TMPFS_KIB).hex()})
    session.llamagate("import", "packages/foo")
    (small_disk / "out.zip").write_text("old")
    said = session.llamagate("export", "foo", "--out", small_disk / "out.zip", exits=1)
    assert "No space left on device" in said.err
    assert f"; {small_disk}/out.zip was not written\n" in said.err
    assert [(path.name, path.read_text()) for path in small_disk.iterdir()] == [("out.zip", "old")]
    session.llamagate("export", "foo", "--out", small_disk / "new.zip", exits=1)
    assert [path.name for path in small_disk.iterdir()] == ["out.zip"]


def test_a_damaged_cache_and_a_source_that_changes_leave_no_half_archive(foo: Session) -> None:
    [cached] = (foo.ours / "cache").iterdir()
    data = bytearray(cached.read_bytes())
    data[45] ^= 1
    cached.write_bytes(data)
    foo.edit("packages/foo/manifest.yaml", "A package", "Another package")
    foo.write("out.zip", "old")
    before = snapshot(foo.project)
    foo.llamagate("export", "foo", "--out", "out.zip", exits=1)
    assert snapshot(foo.project) == before


def test_a_reader_takes_no_lock_and_changes_no_home(foo: Session) -> None:
    before = snapshot(foo.home)
    export(foo, "foo")
    assert snapshot(foo.home) == before


def test_a_module_and_an_extension_of_one_id_are_told_apart(session: Session) -> None:
    place(session, "foo")
    session.write(
        str(session.home / "agentic-modules/installed/foo/agenticmodule.yaml"),
        MODULE.format(id="foo", version="1.0.0", extension="x"),
    )
    said = session.llamagate("export", "foo", "--out", "out.zip", exits=1)
    assert said.err.startswith("llamagate: 'foo' is ambiguous: agentic-module foo, extension foo\n")
    assert "agentic-module foo 1.0.0" in session.llamagate("export", "am", "foo", "--out", "out.zip").out
    session.llamagate("export", "--all", "--out", "all")
    assert sorted(path.name for path in (session.project / "all").iterdir()) == [
        "foo-1.0.0.agentic-module.zip",
        "foo-1.0.0.extension.zip",
    ]
