"""Documents of web servers that have not changed are not sent again."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import InputError, LlamagateError
from reconciler.model.home import Home
from reconciler.sources.web.again import place_of, read_again
from reconciler.sources.web.transfer import Bounds
from tests.cli.shell import Session
from tests.sources.conftest import Serving
from tests.sources.http_server import Behaviour, Exchange, HttpServer, body, redirect

BOUNDS = Bounds(size=2**20, seconds=30, private_hosts=frozenset(["127.0.0.1"]))
DATA = b"an index " * 100


def tagged(data: bytes, tag: str = '"v1"') -> Behaviour:
    """As servers do it: 304 to who has this already."""

    def behave(exchange: Exchange) -> None:
        is_known = exchange.request.headers.get("if-none-match") == tag
        (body(b"", status=304, ETag=tag) if is_known else body(data, ETag=tag))(exchange)

    return behave


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.cache.mkdir(parents=True)
    return made


def asked(server: HttpServer) -> list[str]:
    return [request.headers.get("if-none-match", "") for request in server.requests]


def test_it_is_sent_once(serving: Serving, home: Home) -> None:
    server = serving({"/x": tagged(DATA)})
    for _ in range(3):
        assert read_again(server.url("/x"), home, bounds=BOUNDS) == DATA
    assert asked(server) == ["", '"v1"', '"v1"']
    server.routes["/x"] = tagged(b"new", '"v2"')
    for _ in range(2):
        assert read_again(server.url("/x"), home, bounds=BOUNDS) == b"new"
    assert asked(server)[3:] == ['"v1"', '"v2"']


def test_also_from_where_it_is_redirected_to(serving: Serving, home: Home) -> None:
    other = serving({"/y": tagged(DATA)})
    server = serving({"/x": redirect(other.url("/y"))})
    for _ in range(2):
        assert read_again(server.url("/x"), home, bounds=BOUNDS) == DATA
    assert asked(other) == ["", '"v1"']


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: data.replace(b"v1", b"v1\\r\\nX: y"),
        lambda data: b"\xff\n",
        lambda data: b"[" * 8000 + b"\n",
    ],
    ids=["cut", "empty", "another tag", "no text", "deep"],
)
def test_a_damaged_copy_costs_a_transfer(serving: Serving, home: Home, damage: object) -> None:
    server = serving({"/x": tagged(DATA)})
    read_again(server.url("/x"), home, bounds=BOUNDS)
    place = place_of(home, server.url("/x"))
    place.write_bytes(damage(place.read_bytes()))  # type: ignore[operator]
    assert read_again(server.url("/x"), home, bounds=BOUNDS) == DATA
    assert asked(server) == ["", ""]


def test_a_copy_of_another_address_does_not_count(serving: Serving, home: Home) -> None:
    server = serving({"/x": tagged(DATA), "/y": tagged(b"other")})
    for path in ("/x", "/y"):
        read_again(server.url(path), home, bounds=BOUNDS)
    place_of(home, server.url("/x")).replace(place_of(home, server.url("/y")))
    assert read_again(server.url("/y"), home, bounds=BOUNDS) == b"other"


def test_who_asked_for_all_is_not_told_that_nothing_changed(serving: Serving, home: Home) -> None:
    server = serving({"/x": 304})
    with pytest.raises(InputError, match="it answered 304"):
        read_again(server.url("/x"), home, bounds=BOUNDS)


@pytest.mark.parametrize("tag", ["v1", '"a b"', '"a\x7f"', '"' + "x" * 300 + '"', "*"])
def test_what_is_no_tag_is_not_kept(serving: Serving, home: Home, tag: str) -> None:
    server = serving({"/x": body(DATA, ETag=tag)})
    for _ in range(2):
        read_again(server.url("/x"), home, bounds=BOUNDS)
    assert asked(server) == ["", ""]


def test_no_home_is_made_for_it(serving: Serving, tmp_path: Path) -> None:
    server = serving({"/x": tagged(DATA)})
    assert read_again(server.url("/x"), Home(tmp_path / "none"), bounds=BOUNDS) == DATA
    assert not (tmp_path / "none").exists()


def test_a_cache_that_cannot_be_written(serving: Serving, home: Home) -> None:
    server = serving({"/x": tagged(DATA)})
    place_of(home, server.url("/x")).mkdir()
    for _ in range(2):
        assert read_again(server.url("/x"), home, bounds=BOUNDS) == DATA


def test_errors_are_those_of_a_download(serving: Serving, home: Home) -> None:
    server = serving({"/x": 404})
    with pytest.raises(LlamagateError, match=r"/x was not downloaded: it answered 404"):
        read_again(server.url("/x"), home, bounds=BOUNDS)


def test_a_catalog_that_has_not_changed_is_not_sent_again(serving: Serving, session: Session) -> None:
    catalog = session.base / "served"
    catalog.mkdir()
    server = serving(folder=catalog)

    def publish(version: str) -> None:
        session.package("notes", version=version)
        (session.project / "packages" / "notes").rename(catalog / f"notes-{version}")
        session.llamagate("catalog", "build", catalog)
        server.routes["/index.json"] = tagged((catalog / "index.json").read_bytes(), f'"{version}"')

    publish("1.0.0")
    session.desired(f"extensions:\n  notes: {{source: {{catalog: '{server.url('/')}'}}, version: ^1}}\n")
    session.llamagate("apply")
    for _ in range(2):
        assert session.llamagate("outdated", "--json").json["items"][0]["outdated"] is False
    index = [request for request in server.requests if request.path == "/index.json"]
    assert [request.headers.get("if-none-match") for request in index][-1] == '"1.0.0"'
    publish("1.1.0")
    session.llamagate("upgrade")
    assert session.locked()["version"] == "1.1.0"
    assert session.llamagate("verify").code == 0
    assert len(list((session.ours / "cache").glob("*.web"))) == 1
    freed = session.llamagate("cache", "gc", "--json").json["dropped"]
    assert any(one["path"].endswith(".web") for one in freed)
    assert not list((session.ours / "cache").glob("*.web"))


def test_an_index_that_is_refused_is_not_kept(serving: Serving, session: Session) -> None:
    """Who held the server for a while gave a bad index the tag of the good one: the server then says "not changed"."""
    catalog = session.base / "served"
    catalog.mkdir()
    server = serving(folder=catalog)
    session.package("notes")
    (session.project / "packages" / "notes").rename(catalog / "notes")
    session.llamagate("catalog", "build", catalog)
    session.desired(f"extensions: {{notes: {{source: {{catalog: '{server.url('/')}'}}}}}}\n")
    good = (catalog / "index.json").read_bytes()
    server.routes["/index.json"] = tagged(b"{}")
    session.llamagate("lock", "--upgrade", exits=1)
    server.routes["/index.json"] = tagged(good)
    session.llamagate("lock", "--upgrade")
