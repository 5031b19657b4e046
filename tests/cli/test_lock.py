"""``lock``, ``outdated`` and ``cache gc``: which pins move, which do not, and what is no longer needed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.failures import failure
from tests.cli.shell import Session
from tests.sources.git_servers import GitOverHttp, Origin, git_over_http
from tests.support.packages import pack

FOO = "apiVersion: llamagate/v1\nextensions: {foo: ../../packages/foo}\n"


@pytest.fixture
def shop(session: Session) -> Path:
    """A catalog of foo and bar, 1.0.0 each."""
    folder = session.base / "shop"
    folder.mkdir()
    for item in ("foo", "bar"):
        publish(session, folder, item, "1.0.0")
    return folder


@pytest.fixture
def repository(session: Session) -> Iterator[tuple[Origin, GitOverHttp]]:
    origin = Origin(session.base / "served" / "packages")
    with git_over_http(session.base / "served") as serving:
        yield origin, serving


def publish(session: Session, folder: Path, item: str, version: str) -> None:
    session.package(item, version=version)
    pack(session.project / "packages" / item, folder / f"{item}-{version}.zip")
    session.llamagate("catalog", "build", folder)


def desire(session: Session, shop: Path, **versions: str) -> None:
    lines = "".join(f"  {i}: {{source: {{catalog: '{shop}'}}, version: '{v}'}}\n" for i, v in versions.items())
    session.desired(f"extensions:\n{lines}")


def locked(session: Session) -> dict[str, str]:
    entries = yaml.safe_load((session.project / "llamagate.lock.yaml").read_text())["items"]
    return {entry["id"]: entry["version"] for entry in entries}


def test_a_newer_version_moves_no_pin_by_itself(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1")
    session.llamagate("apply")
    publish(session, shop, "foo", "1.1.0")
    assert session.llamagate("lock", "--json").json["changed"] is False
    assert session.actions() == []


def test_upgrade_moves_all_pins(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1", bar="^1")
    session.llamagate("lock")
    for item in ("foo", "bar"):
        publish(session, shop, item, "1.1.0")
    done = session.llamagate("lock", "--upgrade", "--json").json
    assert (done["changed"], [line.partition(":")[0] for line in done["stale"]]) == (True, ["bar", "foo"])
    assert locked(session) == {"foo": "1.1.0", "bar": "1.1.0"}


def test_upgrade_of_one_touches_no_other(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1", bar="^1")
    session.llamagate("lock")
    for item in ("foo", "bar"):
        publish(session, shop, item, "1.1.0")
    session.llamagate("lock", "--upgrade", "foo")
    assert locked(session) == {"foo": "1.1.0", "bar": "1.0.0"}


def test_a_new_item_is_locked_without_touching_others(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1")
    session.llamagate("lock")
    publish(session, shop, "foo", "1.1.0")
    desire(session, shop, foo="^1", bar="^1")
    session.llamagate("apply")
    assert locked(session) == {"foo": "1.0.0", "bar": "1.0.0"}


def test_a_narrowed_range_moves_the_pin(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1")
    session.llamagate("lock")
    publish(session, shop, "foo", "1.1.0")
    desire(session, shop, foo="^1.1")
    failed = failure(session, "apply", "--locked", exits=4)
    assert failed.code == "lock-stale"
    assert "'^1.1'" in failed.message
    session.llamagate("apply")
    assert locked(session) == {"foo": "1.1.0"}


def _without(shop: Path, item: str, version: str) -> None:
    document = json.loads((shop / "index.json").read_bytes())
    del document["items"][item]["versions"][version]
    (shop / "index.json").write_text(json.dumps(document))


def test_row_139_an_index_that_lost_a_version_moves_no_pin_down(session: Session, shop: Path) -> None:
    publish(session, shop, "foo", "1.1.0")
    desire(session, shop, foo="^1", bar="^1")
    session.llamagate("lock")
    _without(shop, "foo", "1.1.0")
    before = (session.project / "llamagate.lock.yaml").read_bytes()
    failed = failure(session, "lock", "--upgrade", exits=5)
    assert failed.places == ["llamagate.yaml:3:3 extensions.foo"]
    assert "1.1.0" in failed.message
    assert "1.0.0" in failed.message
    assert (session.project / "llamagate.lock.yaml").read_bytes() == before
    [_, foo] = session.llamagate("outdated", "--json").json["items"]
    assert (foo["locked"], foo["wanted"], foo["outdated"]) == ("1.1.0", "1.1.0", False)
    assert "--allow-downgrade" in "".join(foo["notes"])
    session.llamagate("apply")
    assert session.registered()["foo"]["version"] == "1.1.0"
    session.llamagate("lock", "--upgrade", "bar")
    session.llamagate("lock", "--upgrade", "--allow-downgrade")
    assert locked(session)["foo"] == "1.0.0"


def test_a_pin_goes_down_where_the_range_asks_for_it(session: Session, shop: Path) -> None:
    publish(session, shop, "foo", "1.1.0")
    desire(session, shop, foo="^1")
    session.llamagate("lock")
    desire(session, shop, foo="1.0.0")
    session.llamagate("lock", "--upgrade")
    assert locked(session) == {"foo": "1.0.0"}


def test_check_writes_nothing(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1")
    session.llamagate("lock", "--check", exits=4)
    assert not (session.project / "llamagate.lock.yaml").exists()
    session.llamagate("lock")
    checked = session.llamagate("lock", "--check", "--json").json
    assert checked == {"lock": "llamagate.lock.yaml", "changed": False, "stale": []}


def test_what_stays_locked_is_not_needed_for_another_item(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1")
    session.llamagate("lock")
    shutil.rmtree(shop)
    shutil.rmtree(session.home)
    session.package("local")
    session.desired(f"extensions:\n  foo: {{source: {{catalog: '{shop}'}}}}\n  local: ./packages/local\n")
    stale = session.llamagate("lock", "--json").json["stale"]
    assert [line.partition(":")[0] for line in stale] == ["local"]
    assert locked(session) == {"foo": "1.0.0", "local": "1.0.0"}


def test_check_takes_files_and_the_locks_beside_them(session: Session) -> None:
    session.package("foo")
    for host in ("a", "b"):
        session.write(f"hosts/{host}/llamagate.yaml", FOO)
        session.llamagate("-f", f"hosts/{host}/llamagate.yaml", "lock")
    files = [f"hosts/{host}/llamagate{ending}.yaml" for host in ("a", "b") for ending in ("", ".lock")]
    said = session.llamagate("lock", "--check", *files, "--json").json
    assert said == {"locks": ["hosts/a/llamagate.lock.yaml", "hosts/b/llamagate.lock.yaml"], "changed": False}
    session.package("foo", version="1.1.0")
    session.llamagate("-f", "hosts/b/llamagate.yaml", "lock")
    assert failure(session, "lock", "--check", *files[2:], *files[:2], exits=4).code == "lock-stale"
    session.llamagate("lock", "--check", *files[2:])
    session.write("hosts/b/llamagate.yaml", FOO.replace("foo", "bar"))
    assert len(failure(session, "lock", "--check", *files, exits=4).places) == 2


def test_the_file_of_a_lock_may_end_in_yml(session: Session) -> None:
    session.package("foo")
    (session.project / "hosts" / "a").mkdir(parents=True)
    session.write("hosts/a/x.yml", FOO)
    session.llamagate("-f", "hosts/a/x.yml", "lock")
    session.llamagate("lock", "--check", "hosts/a/x.lock.yaml")
    assert failure(session, "lock", "--check", "hosts/a/y.lock.yaml").code == "not-found"


def test_check_sees_local_sources_too(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("lock")
    session.package("foo", version="1.1.0")
    failed = failure(session, "lock", "--check", exits=4)
    assert failed.code == "lock-stale"
    assert re.search(r" foo: .*1\.0\.0.*1\.1\.0", failed.message)


@pytest.mark.parametrize(
    ("arguments", "exits", "named"),
    [
        (["lock", "--upgrade", "fooo"], 1, "'foo'?"),
        (["lock", "--upgrade", "local"], 1, "./packages/local"),
        (["lock", "foo"], 64, "--upgrade"),
        (["lock", "--upgrade", "--check"], 64, "--check"),
        (["lock", "--check", "--lock-file", "x", "a.yaml", "b.yaml"], 64, "--lock-file"),
    ],
    ids=["unknown", "local", "no flag", "both", "a lock of two files"],
)
def test_what_lock_does_not_take(session: Session, shop: Path, arguments: list[str], exits: int, named: str) -> None:
    session.package("local")
    session.desired(f"extensions:\n  foo: {{source: {{catalog: '{shop}'}}}}\n  local: ./packages/local\n")
    assert named in failure(session, *arguments, exits=exits).message


def test_outdated_lists_what_is_newer(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1", bar="^1")
    session.llamagate("lock")
    assert not any(item["outdated"] for item in session.llamagate("outdated", "--json").json["items"])
    session.llamagate("outdated", "--detailed-exitcode")
    publish(session, shop, "foo", "1.1.0")
    publish(session, shop, "foo", "2.0.0")
    session.llamagate("outdated", "--detailed-exitcode", exits=2)
    found = {item["id"]: item for item in session.llamagate("outdated", "--json").json["items"]}
    assert found["foo"] == {
        "kind": "extension",
        "id": "foo",
        "source": {"catalog": str(shop)},
        "range": "^1",
        "locked": "1.0.0",
        "wanted": "1.1.0",
        "latest": "2.0.0",
        "outdated": True,
        "notes": [],
    }
    assert found["bar"]["outdated"] is False


def test_outdated_says_what_else_changed(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1", bar="^1")
    session.llamagate("lock")
    document = json.loads((shop / "index.json").read_bytes())
    document["items"]["foo"]["versions"]["1.0.0"]["yanked"] = True
    (shop / "index.json").write_text(json.dumps(document))
    publish(session, shop, "foo", "1.0.1")
    [notes] = [item["notes"] for item in session.llamagate("outdated", "--json").json["items"] if item["notes"]]
    assert len(notes) == 1
    assert "1.0.0" in notes[0]
    assert not notes[0].startswith("foo:"), "the table names the item before it"


def standing(session: Session) -> tuple[str, str, str, bool]:
    (found,) = session.llamagate("outdated", "--json").json["items"]
    return found["locked"], found["wanted"], found["latest"], found["outdated"]


def test_outdated_of_refs_and_tags(session: Session, repository: tuple[Origin, GitOverHttp]) -> None:
    origin, serving = repository
    commit = origin.package("foo", version="1.0.0")
    origin.tag("v1.0.0")
    git = f"git: '{serving.url('packages')}', path: foo"
    session.desired(f"extensions:\n  foo: {{source: {{{git}, ref: main}}}}\n")
    session.llamagate("lock")
    assert standing(session) == (commit[:10], commit[:10], "1.0.0", False)
    session.llamagate("outdated", "--detailed-exitcode")
    newest = origin.package("foo", version="2.0.0")
    origin.tag("v2.0.0")
    assert standing(session) == (commit[:10], newest[:10], "2.0.0", True)
    session.llamagate("lock", "--upgrade")
    origin.package("foo", version="3.0.0-dev")
    session.llamagate("lock", "--upgrade")
    assert standing(session)[2:] == ("2.0.0", False), "the branch is ahead of every tag"
    session.desired(f"extensions:\n  foo: {{source: {{{git}, ref: v1.0.0}}}}\n")
    session.llamagate("lock")
    assert standing(session) == (commit[:10], commit[:10], "2.0.0", True)
    assert "WANTED\n" not in session.llamagate("outdated").out.partition("\n")[2], "no upgrade brings what is newer"


def test_outdated_of_another_source_than_the_locked_one(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1")
    session.llamagate("lock")
    moved = shop.rename(session.base / "moved")
    desire(session, moved, foo="^1")
    (found,) = session.llamagate("outdated", "--json").json["items"]
    assert (found["locked"], found["wanted"], found["notes"]) == (None, "1.0.0", ["not in the lock yet"])


def test_outdated_where_someone_cannot_be_asked(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1")
    session.llamagate("lock")
    shutil.rmtree(shop)
    failed = failure(session, "outdated")
    assert f"llamagate.yaml:3:3: extensions.foo: {shop}/index.json " in failed.message


def cache(session: Session) -> set[str]:
    return {path.name for path in (session.ours / "cache").glob("*.zip")}


def test_gc_keeps_what_locks_and_generations_need(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1", bar="^1")
    session.llamagate("apply")
    publish(session, shop, "foo", "1.1.0")
    session.llamagate("lock", "--upgrade")
    session.llamagate("plan")
    assert len(cache(session)) == 3
    assert session.llamagate("cache", "gc", "--json").json["dropped"] == []
    assert len(cache(session)) == 3


def test_gc_drops_what_nothing_needs(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1", bar="^1")
    session.llamagate("plan")
    desire(session, shop, foo="^1")
    session.llamagate("apply")
    (unneeded,) = {name for name in cache(session) if name.removesuffix(".zip") not in str(session.record())}
    size = (session.ours / "cache" / unneeded).stat().st_size
    dry = session.llamagate("cache", "gc", "--dry-run", "--json").json
    assert dry == {"dry_run": True, "freed": size, "dropped": [{"path": unneeded, "size": size}]}
    assert unneeded in cache(session)
    assert session.llamagate("cache", "gc", "--json").json == {**dry, "dry_run": False}
    assert unneeded not in cache(session)
    assert session.llamagate("cache", "gc", "--json").json["dropped"] == []


def test_gc_looks_after_repositories(session: Session, repository: tuple[Origin, GitOverHttp]) -> None:
    origin, serving = repository
    origin.package("foo")
    session.desired(f"extensions:\n  foo: {{source: {{git: '{serving.url('packages')}', path: foo}}}}\n")
    session.llamagate("apply")
    session.llamagate("cache", "gc")
    copies = session.ours / "cache" / "git"
    assert len([*copies.glob("*.git")]) == 1
    session.extensions("foo")
    session.llamagate("apply")
    session.llamagate("cache", "gc")
    assert [*copies.glob("*.git")] == []
    assert session.actions() == []


def test_gc_keeps_the_copy_of_a_repository_at_a_relative_path(session: Session) -> None:
    Origin(session.base / "served" / "packages").package("foo")
    source = "{git: ../served/packages, path: foo}"
    session.desired(f"extensions:\n  foo: {{source: {source}}}\npolicy: {{sources: {{local_git: true}}}}\n")
    session.llamagate("apply")
    assert session.llamagate("cache", "gc", "--json").json["dropped"] == []


def test_gc_needs_to_read_the_locks(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1")
    session.llamagate("apply")
    (session.project / "llamagate.lock.yaml").write_text("broken: [")
    before = cache(session)
    failed = session.llamagate("cache", "gc", exits=1)
    assert "llamagate.lock.yaml:2:1: not valid YAML" in failed.err
    assert cache(session) == before


def test_gc_keeps_what_the_lock_of_an_owner_elsewhere_needs(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1")
    session.llamagate("apply")
    publish(session, shop, "foo", "1.1.0")
    session.llamagate("lock", "--upgrade")
    session.llamagate("cache", "gc", "-f", session.base / "other.yaml")
    assert len(cache(session)) == 2, "what is installed, and what is only locked"


def test_items_of_catalogs_are_described_for_a_new_file(session: Session, shop: Path) -> None:
    desire(session, shop, foo="^1")
    session.llamagate("apply")
    (session.project / "llamagate.yaml").unlink()
    (session.project / "llamagate.lock.yaml").unlink()
    session.llamagate("init", "--from-installed")
    written: Any = yaml.safe_load((session.project / "llamagate.yaml").read_text())
    assert written["extensions"]["foo"] == {"source": {"catalog": str(shop)}, "enabled": True, "version": "1.0.0"}
    publish(session, shop, "foo", "1.1.0")
    assert session.actions() == []


def test_a_lock_with_the_line_ends_of_windows_is_left_as_it_is(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("lock")
    lock = session.project / "llamagate.lock.yaml"
    lock.write_bytes(lock.read_bytes().replace(b"\n", b"\r\n"))
    before = lock.read_bytes()
    assert session.llamagate("apply").err == ""
    assert session.llamagate("apply").err == ""
    assert lock.read_bytes() == before
    session.extensions("foo", "bar")
    session.llamagate("apply")
    assert lock.read_bytes().count(b"\r\n") == lock.read_bytes().count(b"\n") > before.count(b"\n")
