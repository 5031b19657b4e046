"""The package store: what it opens again, and that all is fetched before anything is staged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.model.home import Home
from reconciler.model.listener import no_progress
from reconciler.model.source import Source, SourceKind
from reconciler.reconcile.commit import commit
from reconciler.reconcile.propose import propose
from reconciler.resolve.resolve import resolve_path
from reconciler.resolve.resolved import Resolved
from reconciler.resolve.store import PackageStore
from tests.cli.shell import Session
from tests.sources.http_server import HttpServer
from tests.support.packages import MANIFEST, pack
from tests.unchanged.world import World


def store(tmp_path: Path) -> PackageStore:
    return PackageStore(home=Home(tmp_path / "home"), limits=Limits())


def package(tmp_path: Path) -> Path:
    folder = tmp_path / "foo"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(MANIFEST.format(id="foo", version="1.0.0"))
    return folder


def resolved(tmp_path: Path) -> Resolved:
    return resolve_path(package(tmp_path), store(tmp_path), name="foo")


def test_what_was_read_stays_open(tmp_path: Path) -> None:
    one = store(tmp_path)
    found = resolve_path(package(tmp_path), one, name="foo")
    assert one.is_open(found)
    assert one.open(found) is one.find(found.tree, name="foo")


def test_what_was_let_go_of_is_read_again(tmp_path: Path) -> None:
    one = store(tmp_path)
    found = resolve_path(package(tmp_path), one, name="foo")
    one.close(found)
    assert not one.is_open(found)
    assert one.open(found).package.tree == found.tree


def test_a_change_lets_go_of_the_packages_that_it_has_staged(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name in ("folder", "flow"):
        (world.package(name) / "more.txt").write_text("more")
    proposal = propose(world.environment(), world.options)
    read = [found for found in proposal.parts.resolved.values() if proposal.state.store.is_open(found)]
    assert [found.key.id for found in read] == ["folder", "flow"]
    commit(proposal, no_progress)
    assert not any(map(proposal.state.store.is_open, read))


def test_another_store_reads_the_source_again(tmp_path: Path) -> None:
    found, other = resolved(tmp_path), store(tmp_path)
    assert not other.is_open(found)
    assert other.open(found).package.tree == found.tree


def test_a_source_that_changed_since_is_not_taken(tmp_path: Path) -> None:
    found = resolved(tmp_path)
    (tmp_path / "foo" / "more.txt").write_text("more")
    with pytest.raises(InputError, match="foo changed while it was read; run the command again"):
        store(tmp_path).open(found)


def test_a_pinned_package_is_never_fetched_by_opening_it(tmp_path: Path) -> None:
    found = resolved(tmp_path)
    url = Source(SourceKind.HTTP, "http://127.0.0.1:1/foo.zip")
    pinned = Resolved(key=found.key, source=url, stamp="", manifest=found.manifest, tree=found.tree, name=str(url))
    with pytest.raises(InputError, match="is not in the cache any more") as refused:
        store(tmp_path).open(pinned)
    assert refused.value.advice == "'llamagate apply' fetches it"


@pytest.fixture
def server(session: Session) -> Iterator[HttpServer]:
    session.package("foo")
    with HttpServer(folder=session.base / "served") as serving:
        (session.base / "served").mkdir()
        pack(session.project / "packages" / "foo", session.base / "served" / "foo.zip")
        session.desired(f"extensions:\n  foo: {{source: '{serving.url('/foo.zip')}'}}\n")
        session.llamagate("apply")
        shutil.rmtree(session.ours / "cache")
        yield serving


def heal(session: Session) -> None:
    shutil.rmtree(session.installed("foo"))


def configure(session: Session) -> None:
    session.edit("llamagate.yaml", "'}", "', config: {interval: 9}}")


LOST = pytest.mark.parametrize("change", [heal, configure], ids=["heal", "configure"])


@LOST
def test_what_the_cache_has_lost_is_fetched_again_where_it_is_needed(
    session: Session, server: HttpServer, change: Callable[[Session], None]
) -> None:
    session.llamagate("apply")
    assert server.count("/foo.zip") == 1, "nothing to do, so the package is not needed"
    change(session)
    session.llamagate("apply")
    assert server.count("/foo.zip") == 2
    assert session.installed("foo", "manifest.yaml").exists()
    assert len([*(session.ours / "cache").glob("*.zip")]) == 1


@LOST
def test_where_it_cannot_be_fetched_nothing_is_staged(
    session: Session, server: HttpServer, change: Callable[[Session], None]
) -> None:
    change(session)
    server.routes["/foo.zip"] = 503
    before = session.everything()
    failed = session.llamagate("apply", exits=1)
    assert "/foo.zip was not downloaded" in failed.err
    assert {path for path in session.everything() if path not in before} <= {str(session.ours / "cache")}
