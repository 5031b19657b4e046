"""Catalogs: building one, choosing from it, and what its publisher takes back."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.failures import warned
from tests.cli.parcels import zipped
from tests.cli.shell import Session, snapshot
from tests.sources.http_server import HttpServer
from tests.sources.routes import sha256


@pytest.fixture
def shop(session: Session) -> Path:
    """The catalog's folder, with foo in two versions, as zips, and bar as a folder."""
    folder = session.base / "shop"
    folder.mkdir()
    for version in ("1.0.0", "1.2.0"):
        publish(session, folder, "foo", version)
    session.package("bar", version="0.3.0")
    shutil.copytree(session.project / "packages" / "bar", folder / "bar")
    return folder


@pytest.fixture
def server(shop: Path) -> Iterator[HttpServer]:
    with HttpServer(folder=shop) as serving:
        yield serving


def publish(session: Session, folder: Path, item: str, version: str) -> Path:
    session.package(item, version=version)
    return zipped(session, item, str(folder / f"{item}-{version}.zip"))


def index(folder: Path) -> Any:
    return json.loads((folder / "index.json").read_bytes())


def desire(session: Session, place: object, *, version: str = "", item: str = "foo") -> None:
    more = f", version: '{version}'" if version else ""
    session.desired(f"extensions:\n  {item}: {{source: {{catalog: '{place}'}}{more}}}\n")


def yank(folder: Path, item: str, version: str) -> None:
    document = index(folder)
    document["items"][item]["versions"][version]["yanked"] = True
    (folder / "index.json").write_text(json.dumps(document))


def test_build_lists_every_version(session: Session, shop: Path) -> None:
    built = session.llamagate("catalog", "build", shop)
    assert built.out == (
        f"packed {shop}/bar-0.3.0.zip\n  + bar 0.3.0\n  + foo 1.0.0\n  + foo 1.2.0\n"
        f"{shop}/index.json lists 3 versions of 2 items.\n"
    )
    document = index(shop)
    assert list(document) == ["apiVersion", "rules", "items"]
    assert {item: [*entry["versions"]] for item, entry in document["items"].items()} == {
        "bar": ["0.3.0"],
        "foo": ["1.0.0", "1.2.0"],
    }
    release = document["items"]["foo"]["versions"]["1.2.0"]
    assert release["url"] == "foo-1.2.0.zip"
    assert release["sha256"] == sha256(shop / "foo-1.2.0.zip")
    assert release["size"] == (shop / "foo-1.2.0.zip").stat().st_size
    assert release["yanked"] is False
    assert list(release) == ["url", "sha256", "tree", "exec", "size", "yanked", "released"]


def test_build_is_the_same_twice(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    before = snapshot(shop)
    again = session.llamagate("catalog", "build", shop)
    assert again.out == f"{shop}/index.json lists 3 versions of 2 items.\n"
    assert snapshot(shop) == before


def test_build_keeps_what_was_said_of_a_version(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    document = index(shop)
    document["items"]["foo"]["versions"]["1.0.0"] |= {"yanked": True, "released": "2020-01-02"}
    (shop / "index.json").write_text(json.dumps(document))
    publish(session, shop, "foo", "1.3.0")
    built = session.llamagate("catalog", "build", shop, "--json").json
    assert built["added"] == ["foo 1.3.0"]
    kept = index(shop)["items"]["foo"]["versions"]["1.0.0"]
    assert (kept["yanked"], kept["released"]) == (True, "2020-01-02")


def test_build_says_what_is_gone(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    (shop / "foo-1.0.0.zip").unlink()
    assert "  - foo 1.0.0: its file is gone\n" in session.llamagate("catalog", "build", shop).out
    assert [*index(shop)["items"]["foo"]["versions"]] == ["1.2.0"]


def test_a_published_version_stays_as_it_was(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    session.write(str(shop / "bar" / "more.txt"), "more")
    before = snapshot(shop)
    failed = session.llamagate("catalog", "build", shop, exits=5)
    assert failed.err.splitlines()[0].endswith("are both bar 0.3.0, with different content")
    (shop / "bar-0.3.0.zip").unlink()
    failed = session.llamagate("catalog", "build", shop, exits=5)
    message = (
        f"{shop}/bar differs from what {shop}/index.json lists as bar 0.3.0, and others may have that in their locks"
    )
    assert message in failed.err
    assert snapshot(shop) == {path: what for path, what in before.items() if not path.endswith("bar-0.3.0.zip")}


def test_packages_that_are_none_are_all_named(session: Session, shop: Path) -> None:
    (shop / "broken.zip").write_bytes(b"PK")
    session.write(str(shop / "odd" / "manifest.yaml"), "name: odd\n")
    failed = session.llamagate("catalog", "build", shop, exits=1)
    assert "broken.zip" in failed.err
    assert "odd/manifest.yaml" in failed.err
    assert not (shop / "index.json").exists()


@pytest.mark.parametrize(
    ("name", "shown", "problem"),
    [
        ("a?b.zip", "'a?b.zip'", "the name holds a character that Windows forbids"),
        ("a\\b.zip", r"'a\\b.zip'", "the name holds a backslash"),
        ("a\nb.zip", r"'a\nb.zip'", "the name holds a control or invisible character"),
        ("a\udcffb.zip", r"'a\udcffb.zip'", "the name holds a control or invisible character"),
    ],
    ids=["question mark", "backslash", "line feed", "no UTF-8"],
)
def test_a_name_that_no_index_may_list(session: Session, shop: Path, name: str, shown: str, problem: str) -> None:
    (shop / "foo-1.0.0.zip").rename(shop / name)
    failed = session.llamagate("catalog", "build", shop, exits=1)
    assert f"{shop}: {shown} cannot be listed: {problem}" in failed.err
    assert not (shop / "index.json").exists()


def test_a_version_that_leads_out_of_the_folder(session: Session, shop: Path) -> None:
    session.edit(shop / "bar" / "manifest.yaml", "0.3.0", "0.3.0/../../escaped")
    (shop / "bar-0.3.0").mkdir()
    failed = session.llamagate("catalog", "build", shop, exits=1)
    assert f"{shop}: 'bar-0.3.0/../../escaped.zip' cannot be listed: the version contains a '/'" in failed.err
    assert not (session.base / "escaped.zip").exists()


@pytest.mark.parametrize("name", ["a b.zip", "läs/mig#1.zip", "a%20b.zip"])
def test_an_unusual_name_is_listed_as_a_url(session: Session, shop: Path, server: HttpServer, name: str) -> None:
    (shop / name).parent.mkdir(exist_ok=True)
    (shop / "foo-1.2.0.zip").rename(shop / name)
    for place in (str(shop), server.url()):
        session.llamagate("catalog", "build", shop)
        shutil.rmtree(session.home, ignore_errors=True)
        desire(session, place)
        session.llamagate("apply")
        assert session.registered()["foo"]["version"] == "1.2.0"


def test_a_folder_that_is_none(session: Session) -> None:
    failed = session.llamagate("catalog", "build", session.base / "nowhere", exits=1)
    assert "cannot be listed: No such file or directory" in failed.err


@pytest.mark.parametrize("place", ["folder", "relative", "url", "url/", "url/index.json"])
def test_the_newest_that_fits_is_chosen(session: Session, shop: Path, server: HttpServer, place: str) -> None:
    session.llamagate("catalog", "build", shop)
    places = {"folder": str(shop), "relative": "../shop"}
    desire(session, places.get(place, server.url() + place.removeprefix("url").lstrip("/")), version="^1.0")
    session.llamagate("apply")
    assert session.registered()["foo"]["version"] == "1.2.0"
    entry = session.locked()
    name = "foo-1.2.0.zip"
    assert entry["pin"] == {"url": server.url(f"/{name}") if place.startswith("url") else name}
    assert entry["archive"] == f"sha256:{sha256(shop / name)}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda foo: foo["versions"].update({"1.10.0": foo["versions"].pop("1.2.0")}),
            "version 1.10.0, and it has 1.2.0",
        ),
        (lambda foo: foo.update(kind="agentic-module"), "kind agentic-module, and it has extension"),
        (lambda foo: foo["versions"]["1.2.0"].update(size=10**9), "size 1000000000, and it has"),
    ],
    ids=["version", "kind", "size"],
)
def test_row_139_an_index_that_says_something_else_than_the_archive(
    session: Session, shop: Path, change: Callable[[Any], object], said: str
) -> None:
    session.llamagate("catalog", "build", shop)
    document = index(shop)
    change(document["items"]["foo"])
    (shop / "index.json").write_text(json.dumps(document))
    desire(session, shop, version="^1")
    assert said in session.llamagate("apply", exits=5).err
    assert not session.installed("foo").exists()


def test_an_index_with_one_id_in_two_spellings(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    document = index(shop)
    document["items"]["FOO"] = document["items"]["foo"]
    (shop / "index.json").write_text(json.dumps(document))
    desire(session, shop)
    assert "items.FOO" in session.llamagate("apply", exits=1).err


def test_a_catalog_of_older_rules_of_content_is_renewed(session: Session, shop: Path) -> None:
    session.package("foo", version="1.2.0", files={"a.md~": "old"})
    zipped(session, "foo", str(shop / "foo-1.2.0.zip"))
    session.llamagate("catalog", "build", shop)
    renewed = (shop / "index.json").read_bytes()
    document = index(shop)
    document["items"]["foo"]["versions"]["1.2.0"]["tree"] = f"sha256:{'0' * 64}"
    (shop / "index.json").write_text(json.dumps(document))
    session.llamagate("catalog", "build", shop)
    assert (shop / "index.json").read_bytes() == renewed


def test_a_link_out_of_the_catalog(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    (shop / "foo-1.2.0.zip").rename(session.base / "elsewhere.zip")
    (shop / "foo-1.2.0.zip").symlink_to(session.base / "elsewhere.zip")
    desire(session, shop)
    assert "a link leads out" in session.llamagate("apply", exits=5).err


def test_a_yanked_version_is_not_chosen(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    yank(shop, "foo", "1.2.0")
    desire(session, shop)
    session.llamagate("apply")
    assert session.registered()["foo"]["version"] == "1.0.0"
    yank(shop, "foo", "1.0.0")
    session.llamagate("lock", "--upgrade", exits=1)


def test_a_locked_yanked_version_still_installs_with_a_warning(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    desire(session, shop)
    session.llamagate("lock")
    yank(shop, "foo", "1.2.0")
    shutil.rmtree(session.home)
    applied = session.llamagate("apply", "--json").json
    assert warned(applied) == ["foo yanked"]
    assert session.registered()["foo"]["version"] == "1.2.0"


def test_a_version_that_is_not_listed_any_more_installs_with_a_warning(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    desire(session, shop)
    session.llamagate("lock")
    document = index(shop)
    del document["items"]["foo"]["versions"]["1.2.0"]
    (shop / "index.json").write_text(json.dumps(document))
    shutil.rmtree(session.home)
    applied = session.llamagate("apply", "--json").json
    assert warned(applied) == ["foo unlisted"]


def test_an_index_that_says_other_than_the_archive_is_refused(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    shutil.copy(shop / "foo-1.0.0.zip", shop / "foo-1.2.0.zip")
    desire(session, shop)
    failed = session.llamagate("apply", exits=5)
    assert "the archive has the digest sha256:" in failed.err
    assert "but the index says sha256:" in failed.err
    assert "find out who changed it; its publisher has to fix the catalog" in failed.err


@pytest.mark.parametrize("fields", [("sha256",), ("sha256", "tree"), ("tree",)], ids=" ".join)
def test_an_index_that_was_changed_is_refused(session: Session, shop: Path, fields: tuple[str, ...]) -> None:
    """Of one archive it may list another tree, by other rules of what is content: the lock has both, and decides."""
    session.llamagate("catalog", "build", shop)
    desire(session, shop)
    session.llamagate("lock")
    document = index(shop)
    wrong = {"sha256": "0" * 64, "tree": f"sha256:{'0' * 64}"}
    document["items"]["foo"]["versions"]["1.2.0"] |= {field: wrong[field] for field in fields}
    (shop / "index.json").write_text(json.dumps(document))
    shutil.rmtree(session.home)
    failed = session.llamagate("apply", exits=5 if "sha256" in fields else 0)
    assert (
        "sha256" not in fields
        or f"{shop} now lists other content as version 1.2.0 of foo than the lock pins" in failed.err
    )


def test_an_index_that_says_another_tree_is_refused(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    document = index(shop)
    document["items"]["foo"]["versions"]["1.2.0"]["tree"] = f"sha256:{'0' * 64}"
    (shop / "index.json").write_text(json.dumps(document))
    desire(session, shop)
    failed = session.llamagate("apply", exits=5)
    assert f"than the catalog lists (sha256:{'0' * 64})" in failed.err
    assert "find out who changed it; its publisher has to fix the catalog" in failed.err


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("../secret.zip", "the path leaves the package ('..')"),
        ("/etc/passwd", "the path is absolute"),
        ("%2e%2e/secret.zip", "the path leaves the package ('..')"),
        ("https://evil.example/x.zip", "is not a place in a catalog"),
        ("a.zip?x", "is not a place in a catalog"),
    ],
)
def test_an_index_that_leads_out_of_its_folder(session: Session, shop: Path, url: str, problem: str) -> None:
    session.llamagate("catalog", "build", shop)
    document = index(shop)
    document["items"]["foo"]["versions"]["1.2.0"]["url"] = url
    (shop / "index.json").write_text(json.dumps(document))
    desire(session, shop)
    assert problem in session.llamagate("apply", exits=1).err


def test_a_lock_that_leads_out_of_the_catalog_is_refused(session: Session, shop: Path, server: HttpServer) -> None:
    session.llamagate("catalog", "build", shop)
    desire(session, server.url("/"))
    session.llamagate("lock")
    session.edit("llamagate.lock.yaml", server.url("/foo"), "https://evil.example/foo")
    shutil.rmtree(session.home)
    failed = session.llamagate("apply", exits=5)
    assert "the lock pins https://evil.example/foo-1.2.0.zip, which is not in the catalog" in failed.err


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"apiVersion": "llamagate/v2", "items": {}}', '{"apiVersion": "llamagate/v1"}']
)
def test_an_index_that_is_none(session: Session, shop: Path, text: str) -> None:
    (shop / "index.json").write_text(text)
    desire(session, shop)
    failed = session.llamagate("apply", exits=1)
    assert f"{shop}/index.json" in failed.err


@pytest.mark.parametrize("name", ["index.json", "foo-1.2.0.zip"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(session: Session, shop: Path, name: str) -> None:
    session.llamagate("catalog", "build", shop)
    (shop / name).unlink()
    os.mkfifo(shop / name)
    desire(session, shop)
    failed = session.llamagate("apply", exits=1)
    assert f"{shop / name}" in failed.err
    assert "not a regular file" in failed.err


def test_no_more_of_an_index_is_read_than_it_may_have(session: Session, shop: Path) -> None:
    with (shop / "index.json").open("wb") as file:
        file.truncate(2**40)
    desire(session, shop)
    assert f"{shop}/index.json: larger than 16 MiB" in session.llamagate("apply", exits=1).err
    assert f"{shop}/index.json: larger than 16 MiB" in session.llamagate("catalog", "build", shop, exits=1).err


def test_a_lock_that_lost_the_digest_of_the_archive_still_holds_the_content(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    desire(session, shop)
    session.llamagate("lock")
    path = session.project / "llamagate.lock.yaml"
    whole = path.read_bytes()
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "archive" not in line))
    shutil.rmtree(session.home)
    session.llamagate("apply")
    assert path.read_bytes() == whole


def test_the_index_is_read_once_for_all_items(session: Session, shop: Path, server: HttpServer) -> None:
    session.llamagate("catalog", "build", shop)
    lines = "".join(f"  {item}: {{source: {{catalog: '{server.url()}'}}}}\n" for item in ("foo", "bar"))
    session.desired(f"extensions:\n{lines}")
    session.llamagate("apply")
    assert server.count("/index.json") == 1


def test_items_of_one_catalog_may_have_other_credentials(session: Session, shop: Path, server: HttpServer) -> None:
    session.llamagate("catalog", "build", shop)
    session.variables |= {"FIRST": "Bearer first", "SECOND": "Bearer second"}
    source = f"{{catalog: '{server.url()}', auth: {{header_env: %s}}}}"
    session.desired(f"extensions:\n  foo: {{source: {source % 'FIRST'}}}\n  bar: {{source: {source % 'SECOND'}}}\n")
    session.llamagate("apply")
    shown = [(request.path, request.headers.get("authorization")) for request in server.requests]
    assert sorted(shown) == [
        ("/bar-0.3.0.zip", "Bearer second"),
        ("/foo-1.2.0.zip", "Bearer first"),
        ("/index.json", "Bearer first"),
        ("/index.json", "Bearer second"),
    ]


def test_an_item_that_the_catalog_does_not_have(session: Session, shop: Path) -> None:
    session.llamagate("catalog", "build", shop)
    desire(session, shop, item="baz")
    assert f"extensions.baz: {shop} has no version of baz" in session.llamagate("apply", exits=1).err
