"""What every kind of source does alike: one drill, run over each of them by the command line and real servers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.shell import Session, snapshot
from tests.sources.routes import HERE, KINDS, PINNED, CatalogRoute, Route, route_of


@pytest.fixture
def route(session: Session, request: pytest.FixtureRequest) -> Iterator[Route]:
    with route_of(request.param, session) as found:
        session.package("foo", files={"bin/run.sh": "#!/bin/sh\n", "docs/läs mig.txt": "hej\n"})
        found.publish("foo")
        session.desired(f"extensions:\n  foo: {{source: {found.source('foo')}}}\n")
        yield found


every_kind = pytest.mark.parametrize("route", KINDS, indirect=True)
pinned_kinds = pytest.mark.parametrize("route", PINNED, indirect=True)


def installed(session: Session) -> dict[str, str | bytes]:
    folder = session.installed("foo")
    found = snapshot(folder).items()
    return {str(Path(path).relative_to(folder)): content for path, (_, content) in found if content}


def test_the_same_package_has_one_tree_digest(session: Session) -> None:
    session.package("foo", files={"docs/läs mig.txt": "hej\n"})
    trees = set()
    for kind in HERE:
        shutil.rmtree(session.base / "served", ignore_errors=True)
        with route_of(kind, session) as route:
            route.publish("foo")
            session.desired(f"extensions:\n  foo: {{source: {route.source('foo')}}}\n")
            session.llamagate("apply")
            trees.add(session.locked()["tree"])
    assert len(trees) == 1
    assert session.record()["generation"] == 1, "where it comes from changes nothing that is installed"


@every_kind
def test_it_installs_what_was_published(session: Session, route: Route) -> None:
    session.llamagate("apply")
    assert installed(session) == {
        path: (route.folder("foo") / path).read_bytes() for path in ("manifest.yaml", "bin/run.sh", "docs/läs mig.txt")
    }


@every_kind
def test_it_is_imported_from_where_it_is(session: Session, route: Route) -> None:
    """Of a catalog an item must be named: that is what 'add' is for."""
    if isinstance(route, CatalogRoute):
        assert session.llamagate("import", f"{route.server.url('/catalog')}", exits=1).err
        return
    words = route.import_words("foo")
    (session.project / "llamagate.yaml").unlink()
    session.llamagate("import", *words)
    assert installed(session)["manifest.yaml"] == (route.folder("foo") / "manifest.yaml").read_bytes()
    session.llamagate("import", "--save", *words)
    session.llamagate("apply", "--locked", "--offline")
    assert session.actions() == []
    assert session.llamagate("verify").code == 0
    if route.is_pinned:
        assert set(session.locked()) >= {"pin", "tree"}
    shutil.rmtree(session.home)
    session.llamagate("apply", "--locked")


@every_kind
def test_what_is_installed_is_not_asked_for_again(session: Session, route: Route) -> None:
    session.llamagate("apply")
    asked = route.asked
    assert session.actions() == []
    session.llamagate("apply", "--locked", "--offline")
    assert route.asked == asked


@every_kind
def test_a_plan_fetches_for_the_apply(session: Session, route: Route) -> None:
    assert session.actions() == ["install foo"]
    session.llamagate("lock")
    asked = route.asked
    session.llamagate("apply")
    assert route.asked == asked


@every_kind
def test_what_is_missing_is_named_and_nothing_is_changed(session: Session, route: Route) -> None:
    session.desired(f"extensions:\n  gone: {{source: {route.source('gone')}}}\n")
    before = session.everything()
    failed = session.llamagate("apply", exits=1)
    assert failed.err.startswith("llamagate: llamagate.yaml:3:3: extensions.gone: ")
    after = {path: what for path, what in session.everything().items() if "/cache/git" not in path}
    assert after.keys() - before.keys() <= {str(session.home), str(session.ours), str(session.ours / "cache")}


@pytest.mark.parametrize(
    "route", ["dir", "zip", "tar", "http", "git", "oci"], indirect=True
)  # a catalog lists what a package says
def test_a_package_of_another_id_is_refused(session: Session, route: Route) -> None:
    session.package("bar", files={"manifest.yaml": (route.folder("foo") / "manifest.yaml").read_text()})
    route.publish("bar")
    session.desired(f"extensions:\n  bar: {{source: {route.source('bar')}}}\n")
    failed = session.llamagate("apply", exits=1)
    assert "extensions.bar: the key is 'bar', but the package in " in failed.err
    assert "has the id 'foo'; write 'foo'" in failed.err


@every_kind
def test_a_version_out_of_the_range_is_refused(session: Session, route: Route) -> None:
    session.desired(f"extensions:\n  foo: {{source: {route.source('foo')}, version: ^2}}\n")
    failed = session.llamagate("apply", exits=1)
    assert "extensions.foo: " in failed.err
    assert "in the range '^2'" in failed.err
    assert not session.installed("foo").exists()


@every_kind
def test_a_range_that_was_widened_makes_no_lock_stale(session: Session, route: Route) -> None:
    session.desired(f"extensions:\n  foo: {{source: {route.source('foo')}, version: ^1}}\n")
    session.llamagate("apply")
    session.desired(f"extensions:\n  foo: {{source: {route.source('foo')}, version: '>=1 <3'}}\n")
    session.llamagate("lock", "--check")
    assert session.actions("--locked") == []


@every_kind
def test_an_item_that_is_not_locked_is_stale(session: Session, route: Route) -> None:
    asked = route.asked
    failed = session.llamagate("plan", "--locked", exits=4)
    assert failed.err.startswith("llamagate: llamagate.lock.yaml is out of date: foo: not in the lock yet")
    session.llamagate("lock", "--check", exits=4)
    assert route.asked == asked


@every_kind
def test_another_machine_installs_the_same_by_the_lock(session: Session, route: Route) -> None:
    session.llamagate("apply")
    first = installed(session)
    shutil.rmtree(session.home)
    session.llamagate("apply", "--locked")
    assert installed(session) == first


@pinned_kinds
def test_without_anyone_to_ask_nothing_new_is_fetched(session: Session, route: Route) -> None:
    session.llamagate("lock")
    shutil.rmtree(session.home)
    asked = route.asked
    failed = session.llamagate("apply", "--offline", exits=1)
    assert "--offline forbids to" in failed.err
    assert route.asked == asked


@pinned_kinds
def test_the_cache_is_enough_without_anyone_to_ask(session: Session, route: Route) -> None:
    session.llamagate("plan")
    session.llamagate("lock")
    asked = route.asked
    session.llamagate("apply", "--offline")
    assert route.asked == asked


@pinned_kinds
def test_what_was_replaced_at_its_place_is_refused(session: Session, route: Route) -> None:
    """A changed zip, a moved tag, a changed index: with another version of the same number on a new machine."""
    session.llamagate("lock")
    lock = (session.project / "llamagate.lock.yaml").read_bytes()
    session.package("foo", files={"manifest.yaml": (route.folder("foo") / "manifest.yaml").read_text() + "# evil\n"})
    route.publish("foo")
    shutil.rmtree(session.home)
    failed = session.llamagate("apply", exits=5)
    assert "'llamagate lock --upgrade" in failed.err
    assert not session.installed("foo").exists()
    assert (session.project / "llamagate.lock.yaml").read_bytes() == lock


@pinned_kinds
def test_what_was_replaced_is_refused_also_where_only_the_cache_lost_it(session: Session, route: Route) -> None:
    session.llamagate("apply")
    session.package("foo", files={"manifest.yaml": (route.folder("foo") / "manifest.yaml").read_text() + "# evil\n"})
    route.publish("foo")
    shutil.rmtree(session.ours / "cache")
    session.installed("foo", "manifest.yaml").unlink()
    failed = session.llamagate("apply", exits=5)
    assert "'llamagate lock --upgrade" in failed.err
    assert not session.installed("foo", "manifest.yaml").exists()


@pinned_kinds
def test_a_lock_with_another_tree_is_refused(session: Session, route: Route) -> None:
    session.llamagate("lock")
    tree = "sha256:" + "0" * 64
    session.edit("llamagate.lock.yaml", session.locked()["tree"], tree)
    shutil.rmtree(session.home)
    failed = session.llamagate("apply", exits=5)
    assert "lock --upgrade foo' accepts it as it is" in failed.err
    assert session.locked()["tree"] == tree


@pinned_kinds
def test_a_lock_with_the_tree_of_another_package_is_refused(session: Session, route: Route) -> None:
    """What lies in the cache by that tree is no less checked than what is fetched."""
    session.llamagate("lock")
    session.package("bar")
    session.write("other.yaml", "apiVersion: llamagate/v1\nextensions: {bar: ./packages/bar}\n")
    session.llamagate("apply", "-f", "other.yaml")
    (other,) = yaml.safe_load((session.project / "other.lock.yaml").read_text())["items"]
    session.edit("llamagate.lock.yaml", session.locked()["tree"], other["tree"])
    failed = session.llamagate("plan", exits=1)
    assert "extensions.foo: the key is 'foo', but the package in " in failed.err
    assert "has the id 'bar'" in failed.err


@pinned_kinds
def test_what_was_replaced_is_taken_when_someone_says_so(session: Session, route: Route) -> None:
    session.llamagate("apply")
    session.package("foo", files={"manifest.yaml": (route.folder("foo") / "manifest.yaml").read_text() + "# good\n"})
    route.publish("foo")
    assert session.actions() == []
    session.llamagate("lock", "--upgrade", "foo")
    assert session.actions() == ["update foo"]
    session.llamagate("apply")
    assert installed(session)["manifest.yaml"] == (route.folder("foo") / "manifest.yaml").read_bytes()


@pinned_kinds
def test_a_poisoned_cache_is_noticed(session: Session, route: Route) -> None:
    session.llamagate("lock")
    shutil.rmtree(session.home)
    session.llamagate("plan")
    (cached,) = (session.ours / "cache").glob("*.zip")
    data = bytearray(cached.read_bytes())
    data[len(data) // 2] ^= 1
    cached.write_bytes(data)
    failed = session.llamagate("apply", "--offline", exits=5)
    assert f"{cached} is damaged, or was changed: it is not the package that the lock pins" in failed.err
    session.llamagate("apply")
    assert (session.installed("foo") / "manifest.yaml").exists()


@pinned_kinds
@pytest.mark.parametrize("how", ["folder", "pipe", "link"])
def test_what_is_no_file_in_the_cache_is_replaced(session: Session, route: Route, how: str) -> None:
    session.llamagate("lock")
    session.llamagate("plan")
    (cached,) = (session.ours / "cache").glob("*.zip")
    cached.unlink()
    if how == "folder":
        (cached / "below").mkdir(parents=True)
    elif how == "pipe":
        os.mkfifo(cached)
    else:
        cached.symlink_to("/nowhere")
    session.llamagate("apply")
    assert cached.is_file()
    assert not cached.is_symlink()


@pinned_kinds
def test_what_the_cache_lost_is_fetched_where_it_is_needed(session: Session, route: Route) -> None:
    session.llamagate("apply")
    for cached in (session.ours / "cache").glob("*.zip"):
        cached.unlink()
    session.installed("foo", "manifest.yaml").unlink()
    session.llamagate("apply")
    assert session.installed("foo", "manifest.yaml").exists()
