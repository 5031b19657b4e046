"""What a real registry does not do on request: other origins, odd answers, pages, redirects."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError, RefusedError, UnreachableError
from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest, digest_bytes
from reconciler.sources.oci.client import Client
from reconciler.sources.oci.manifests import ACCEPT, INDEX, MANIFEST, PACKAGE, ZIP, described, read_manifest, written
from reconciler.sources.oci.referrers import referrers
from reconciler.sources.web.credentials import Credentials
from reconciler.sources.web.transfer import Bounds
from tests.sources.certificates import Authority
from tests.sources.http_server import Behaviour, Exchange, HttpServer, body, hang, in_turn, redirect
from tests.sources.oci.clients import client_of

NAME = "team/foo"
V2 = f"/v2/{NAME}"
LAYER = b"PK of a package"
BLOB = described(LAYER, ZIP)
TLS_HANDSHAKE = b"\x16"
"""The first byte of a client that speaks TLS."""
TYPE = "application/vnd.example.signature"


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as serving:
        yield serving


@pytest.fixture
def other() -> Iterator[HttpServer]:
    with HttpServer() as serving:
        yield serving


def client(server: HttpServer, *, login: str = "YWRhOng=") -> Client:
    made = client_of(server.origin.removeprefix("http://"), NAME, login=login)
    bounds = Bounds(size=2**20, seconds=10, private_hosts=frozenset(["127.0.0.1"]))
    return replace(made, bounds=bounds)


def showing(server: HttpServer) -> Client:
    """One that has a token already."""
    made = client(server)
    made.access._shown = Credentials(
        origin=made.repository.origin, label="the token", header="Authorization", value="Bearer s3cret"
    )
    return made


def challenge(realm: str) -> Behaviour:
    return body(b"", status=401, WWW_Authenticate=f'Bearer realm="{realm}",service="s"')


def only_with(authorization: str, then: Behaviour, otherwise: Behaviour) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        shown = exchange.request.headers.get("authorization", "")
        return (then if shown == authorization else otherwise)(exchange)

    return behave


def as_json(document: Any, media_type: str = MANIFEST) -> Behaviour:
    return body(json.dumps(document).encode(), Content_Type=media_type)


def secrets(server: HttpServer) -> list[str]:
    return [value for request in server.requests if (value := request.headers.get("authorization"))]


# Manifests and tags


def test_a_manifest_is_asked_for_with_what_is_understood(server: HttpServer) -> None:
    manifest = written(BLOB, PACKAGE, title="foo")
    server.routes[f"{V2}/manifests/1.0.0"] = body(manifest, Content_Type=MANIFEST)
    found = client(server).manifest("1.0.0")
    assert found is not None
    assert (found.digest, found.artifact_type, found.layers[0].digest) == (
        digest_bytes(manifest),
        PACKAGE,
        BLOB.digest,
    )
    assert server.requests[0].headers["accept"] == ACCEPT


def test_a_manifest_has_the_digest_that_is_asked_for(server: HttpServer) -> None:
    digest = digest_bytes(b"something else")
    server.routes[f"{V2}/manifests/{digest}"] = body(written(BLOB, PACKAGE, title="foo"))
    with pytest.raises(RefusedError, match="has the digest"):
        client(server).manifest(digest)


@pytest.mark.parametrize("ref", ["../../other/manifests/1.0.0", "a/b", "1.0.0?x", "", "sha512:" + "a" * 128])
def test_what_is_no_tag_is_not_asked_for(server: HttpServer, ref: str) -> None:
    with pytest.raises(InputError):
        client(server).manifest(ref)
    assert server.requests == []


@pytest.mark.parametrize(
    "document",
    [b"[]", b"{", b'{"layers": {}}', b'{"layers": [{"digest": "x"}]}', b'{"layers": [{"digest": "x", "size": -1}]}'],
)
def test_what_is_no_manifest(server: HttpServer, document: bytes) -> None:
    server.routes[f"{V2}/manifests/1.0.0"] = body(document)
    with pytest.raises(InputError):
        client(server).manifest("1.0.0")


def test_all_pages_of_tags_are_read(server: HttpServer) -> None:
    first, second = as_json({"tags": ["1.0.0", 7, "1.1.0"]}), as_json({"tags": ["1.2.0_b"]})
    server.routes[f"{V2}/tags/list?n=1000"] = lambda exchange: body(
        b'{"tags": ["1.0.0", 7, "1.1.0"]}', Link=f'<{V2}/tags/list?n=1000&last=1.1.0>; rel="next"'
    )(exchange)
    server.routes[f"{V2}/tags/list?n=1000&last=1.1.0"] = second
    assert client(server).tags() == ("1.0.0", "1.1.0", "1.2.0_b")
    server.routes[f"{V2}/tags/list?n=1000"] = first
    assert client(server).tags() == ("1.0.0", "1.1.0")


def test_pages_without_end_are_an_error(server: HttpServer) -> None:
    server.routes[f"{V2}/tags/list"] = body(b'{"tags": ["1.0.0"]}', Link=f"<{V2}/tags/list?n=1000>; rel=next")
    with pytest.raises(InputError, match="too many tags"):
        client(server).tags()


def test_pages_that_come_slowly_have_one_deadline(server: HttpServer) -> None:
    """Each of them is in time, and the registry decides how many there are."""
    page = body(b'{"tags": ["1.0.0"]}', Link=f"<{V2}/tags/list?n=1000>; rel=next")

    def slowly(exchange: Exchange) -> None:
        time.sleep(0.2)
        page(exchange)

    server.routes[f"{V2}/tags/list"] = slowly
    with pytest.raises(UnreachableError):
        replace(client(server), bounds=Bounds(size=2**20, seconds=1)).tags()
    assert len(server.requests) <= 6


def test_large_pages_of_tags_end(server: HttpServer) -> None:
    tags = [f"{number:0128d}" for number in range(25_000)]
    server.routes[f"{V2}/tags/list"] = body(
        json.dumps({"tags": tags}).encode(), Link=f"<{V2}/tags/list?n=1000>; rel=next"
    )
    with pytest.raises(InputError):
        client(server).tags()
    assert len(server.requests) < 10


@pytest.mark.parametrize("where", ["manifests", "blobs"])
def test_signatures_that_come_slowly_have_one_deadline(server: HttpServer, where: str) -> None:
    blobs = {digest_bytes(str(number).encode()): str(number).encode() for number in range(30)}
    found = [attached_to(SUBJECT.digest, layer=digest) for digest in blobs]
    lists(server, ASKED, *found)
    server.routes |= {f"{V2}/blobs/{digest}": data for digest, data in blobs.items()}
    slow = map(digest_bytes, found) if where == "manifests" else blobs
    for digest in slow:
        server.routes[f"{V2}/{where}/{digest}"] = late(server.routes[f"{V2}/{where}/{digest}"])
    with pytest.raises(UnreachableError):
        referrers(replace(client(server), bounds=Bounds(size=2**20, seconds=1)), SUBJECT.digest, TYPE)
    assert len(server.requests) <= 12, "the list, and five of thirty"


def late(route: Any) -> Behaviour:
    then = route if callable(route) else body(route)

    def behave(exchange: Exchange) -> None:
        time.sleep(0.2)
        then(exchange)

    return behave


@pytest.mark.parametrize("data", [b'{"tags": "x"}', b"[]", b"<html>"])
def test_what_is_no_list_of_tags(server: HttpServer, data: bytes) -> None:
    server.routes[f"{V2}/tags/list"] = body(data)
    with pytest.raises(InputError):
        client(server).tags()


def test_no_tags_yet(server: HttpServer) -> None:
    server.routes[f"{V2}/tags/list"] = body(b'{"name": "team/foo", "tags": null}')
    assert client(server).tags() == ()
    del server.routes[f"{V2}/tags/list"]
    assert client(server).tags() is None


# Other origins


def test_a_blob_elsewhere_is_taken_without_the_token(server: HttpServer, other: HttpServer) -> None:
    server.routes[f"{V2}/blobs/{BLOB.digest}"] = redirect(other.url("/store"), status=307)
    other.routes["/store"] = LAYER
    out = BytesIO()
    assert showing(server).fetch(BLOB, out, lambda *_: None) == BLOB.digest
    assert out.getvalue() == LAYER
    assert secrets(server) == ["Bearer s3cret"]
    assert secrets(other) == []


def test_a_store_elsewhere_does_not_learn_who_asks(server: HttpServer, other: HttpServer) -> None:
    """Its challenge is none of the registry: it would be shown the password."""
    server.routes[f"{V2}/blobs/{BLOB.digest}"] = redirect(other.url("/store"))
    other.routes |= {"/store": challenge(other.url("/token")), "/token": b'{"token": "t"}'}
    with pytest.raises(InputError):
        client(server).fetch(BLOB, BytesIO(), lambda *_: None)
    assert other.count("/token") == 0
    assert secrets(other) == []


def test_a_blob_is_not_taken_from_a_private_place(server: HttpServer, other: HttpServer) -> None:
    server.routes[f"{V2}/blobs/{BLOB.digest}"] = redirect(other.url("/store"))
    strict = replace(client(server), bounds=Bounds(size=2**20, seconds=10))
    with pytest.raises(RefusedError):
        strict.fetch(BLOB, BytesIO(), lambda *_: None)
    assert other.requests == []


@pytest.mark.parametrize("path", [f"{V2}/tags/list?n=1000", f"{V2}/blobs/uploads/"])
def test_the_token_follows_no_address_to_another_origin(server: HttpServer, other: HttpServer, path: str) -> None:
    """Of the next page, and of an upload."""
    asking = showing(server)
    server.routes[path] = (
        body(b'{"tags": ["a"]}', Link=f'<{other.url("/next")}>; rel="next"')
        if "tags" in path
        else body(b"", status=202, Location=other.url("/upload"))
    )
    with pytest.raises(RefusedError, match="another place"):
        asking.tags() if "tags" in path else asking.upload(BLOB, LAYER)
    assert other.requests == []


def test_an_upload_is_not_sent_on(server: HttpServer, other: HttpServer) -> None:
    server.routes[f"{V2}/manifests/1.0.0"] = redirect(other.url("/elsewhere"), status=307)
    with pytest.raises(InputError):
        showing(server).put("1.0.0", b"{}", MANIFEST)
    assert other.requests == []


@pytest.mark.parametrize(
    "realm",
    ["http://registry.example.org/token", "ftp://127.0.0.1/token", "http://169.254.169.254/token", "not an address"],
)
def test_a_realm_that_is_not_safe_is_not_asked(server: HttpServer, realm: str) -> None:
    server.routes[f"{V2}/tags/list"] = challenge(realm)
    strict = replace(client(server), bounds=Bounds(size=2**20, seconds=10))
    with pytest.raises(LlamagateError):
        strict.tags()
    assert secrets(server) == []


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """A port, and the first byte of each connection to it, which is closed at once."""
    heard: list[bytes] = []

    def listen() -> None:
        with suppress(OSError):
            while True:
                caller, _ = listener.accept()
                with caller:
                    heard.append(caller.recv(1))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield listener.getsockname()[1], heard
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.usefixtures("internet")
def test_a_registry_elsewhere_is_spoken_to_by_https(trusted: Authority) -> None:
    """With the same authorities as every download; its realm, too."""
    with HttpServer(tls=trusted.server("localhost.test"), name="localhost.test") as server:
        found = only_with("Bearer t", body(b'{"tags": ["1.0.0"]}'), challenge(server.url("/token")))
        server.routes |= {f"{V2}/tags/list": found, "/token": b'{"token": "t"}'}
        assert client_of(f"localhost.test:{server.port}", NAME, login="YWRhOng=").tags() == ("1.0.0",)
    with listening() as (port, heard), pytest.raises(LlamagateError):
        client_of(f"localhost.test:{port}", NAME).tags()
    assert set(heard) == {TLS_HANDSHAKE}


@pytest.mark.usefixtures("internet")
def test_a_public_registry_names_no_private_realm(other: HttpServer) -> None:
    with HttpServer(host="127.0.0.2", name="public.test") as server:
        server.routes[f"{V2}/tags/list"] = challenge(other.url("/token"))
        asking = client_of(f"127.0.0.2:{server.port}", NAME, login="YWRhOng=")
        with pytest.raises(RefusedError):
            asking.tags()
        assert other.requests == []


def test_user_and_password_go_to_the_realm_alone(server: HttpServer, other: HttpServer) -> None:
    server.routes[f"{V2}/tags/list"] = only_with(
        "Bearer t", body(b'{"tags": ["1.0.0"]}'), challenge(other.url("/token?account=x"))
    )
    other.routes["/token"] = b'{"token": "t"}'
    assert client(server).tags() == ("1.0.0",)
    assert secrets(server) == ["Bearer t"]
    assert secrets(other) == ["Basic YWRhOng="]
    assert other.requests[0].path == "/token?account=x&service=s&scope=repository%3Ateam%2Ffoo%3Apull%2Cpush"


@pytest.mark.parametrize("answer", [b"{}", b"[]", b"<html>", b'{"token": "a\\nb"}', b'{"token": 7}'])
def test_a_realm_that_gives_no_token(server: HttpServer, answer: bytes) -> None:
    server.routes |= {f"{V2}/tags/list": challenge(server.url("/token")), "/token": answer}
    with pytest.raises(InputError, match="no token"):
        client(server).tags()


def test_a_token_that_is_refused_is_not_asked_for_without_end(server: HttpServer) -> None:
    server.routes |= {f"{V2}/tags/list": challenge(server.url("/token")), "/token": b'{"token": "t"}'}
    with pytest.raises(InputError, match="does not give"):
        client(server).tags()
    assert (server.count(f"{V2}/tags/list"), server.count("/token")) == (2, 1)


def test_a_wrong_password_is_tried_once(server: HttpServer) -> None:
    """For all items of a repository: many tries may lock somebody out."""
    asked = body(b"", status=401, WWW_Authenticate='Basic realm="x"')
    server.routes[f"{V2}/tags/list"] = asked
    asking = client(server)
    for _ in range(3):
        with pytest.raises(InputError) as failed:
            asking.tags()
        assert failed.value.code is ErrorCode.CREDENTIALS
    assert len(secrets(server)) == 1


def test_a_realm_that_fails_for_the_moment_is_asked_again(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.sources.retry.PAUSES", [0, 0])
    found = only_with("Bearer t", body(b'{"tags": []}'), challenge(server.url("/token")))
    server.routes |= {f"{V2}/tags/list": found, "/token": in_turn(503, body(b'{"token": "t"}'))}
    assert client(server).tags() == ()


def test_a_registry_that_hangs(server: HttpServer) -> None:
    server.routes[f"{V2}/tags/list"] = hang()
    with pytest.raises(UnreachableError):
        replace(client(server), bounds=Bounds(size=2**20, seconds=0.5)).tags()


def test_what_a_registry_says_of_a_refusal(server: HttpServer) -> None:
    told = b'{"errors": [{"code": "DENIED", "message": "quota \\u001b[8m exceeded"}]}'
    server.routes[f"{V2}/manifests/1.0.0"] = body(told, status=403)
    with pytest.raises(InputError) as failed:
        showing(server).put("1.0.0", b"{}", MANIFEST)
    assert "it answered 403: DENIED quota \\x1b[8m exceeded" in failed.value.message
    assert failed.value.code is ErrorCode.CREDENTIALS
    for said in (b"<html>", b'{"errors": "x"}', b""):
        server.routes[f"{V2}/manifests/1.0.0"] = body(said, status=400)
        with pytest.raises(InputError, match=r"it answered 400$"):
            showing(server).put("1.0.0", b"{}", MANIFEST)


def test_a_passing_failure_is_tried_again(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.sources.retry.PAUSES", [0, 0])
    server.routes[f"{V2}/tags/list"] = in_turn(503, body(b'{"tags": ["1.0.0"]}'))
    assert client(server).tags() == ("1.0.0",)
    server.routes[f"{V2}/tags/list"] = 503
    with pytest.raises(UnreachableError):
        client(server).tags()


# What belongs to a manifest

SUBJECT = read_manifest(written(BLOB, PACKAGE, title="foo"), name="foo", sent_as=MANIFEST)


def attached_to(digest: str, kind: str = TYPE, layer: str = "") -> bytes:
    subject: JsonObject = {"mediaType": MANIFEST, "digest": digest, "size": 1}
    signed = described(b"signed", "text/plain")
    return written(replace(signed, digest=Digest(layer)) if layer else signed, kind, title="x", subject=subject)


def listing(*manifests: bytes) -> Behaviour:
    entries = [described(one, MANIFEST, TYPE).to_document() for one in manifests]
    return as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, INDEX)


def lists(server: HttpServer, where: str, *manifests: bytes) -> None:
    server.routes[f"{V2}/{where}"] = listing(*manifests)
    for one in manifests:
        server.routes[f"{V2}/manifests/{digest_bytes(one)}"] = body(one, Content_Type=MANIFEST)
    server.routes[f"{V2}/blobs/{digest_bytes(b'signed')}"] = b"signed"


FALLBACK = f"manifests/{SUBJECT.digest.replace(':', '-')}"
ASKED = f"referrers/{SUBJECT.digest}"


@pytest.mark.parametrize("where", [ASKED, FALLBACK])
def test_what_is_attached_is_found(server: HttpServer, where: str) -> None:
    lists(server, where, attached_to(SUBJECT.digest))
    (found,) = referrers(client(server), SUBJECT.digest, TYPE).attached
    assert found.data == b"signed"


@pytest.mark.parametrize(
    "manifest",
    [
        attached_to("sha256:" + "0" * 64),
        attached_to(SUBJECT.digest, "application/vnd.example.other"),
        written(described(b"signed", "text/plain"), TYPE, title="without a subject"),
        attached_to(SUBJECT.digest, layer="../../other/blobs/x"),
    ],
    ids=["of another subject", "of another type", "of no subject", "with a path for a digest"],
)
def test_what_is_only_listed_does_not_belong(server: HttpServer, manifest: bytes) -> None:
    lists(server, ASKED, manifest)
    assert referrers(client(server), SUBJECT.digest, TYPE).attached == ()


def test_a_registry_that_answers_with_the_image_itself(server: HttpServer) -> None:
    """Some give the image for any address below its name, and for its tag."""
    image = body(SUBJECT.data, Content_Type=MANIFEST)
    server.routes |= {f"{V2}/{ASKED}": image, f"{V2}/{FALLBACK}": image}
    found = referrers(client(server), SUBJECT.digest, TYPE)
    assert (found.attached, found.missing) == ((), ())
    lists(server, FALLBACK, attached_to(SUBJECT.digest))
    assert len(referrers(client(server), SUBJECT.digest, TYPE).attached) == 1


@pytest.mark.parametrize("answer", [400, 404, 405, 501, body(b"<html>", Content_Type="text/html")])
def test_a_registry_that_does_not_know_the_question(server: HttpServer, answer: Any) -> None:
    server.routes[f"{V2}/{ASKED}"] = answer
    lists(server, FALLBACK, attached_to(SUBJECT.digest))
    assert len(referrers(client(server), SUBJECT.digest, TYPE).attached) == 1


@pytest.mark.parametrize("path", ["manifests/1.0.0", "blobs"])
def test_no_digest_of_a_manifest_leads_elsewhere(server: HttpServer, path: str) -> None:
    odd = replace(BLOB, digest=Digest("../../other/manifests/1.0.0"))
    asking = client(server)
    with pytest.raises(InputError):
        asking.fetch(odd, BytesIO(), lambda *_: None) if path == "blobs" else asking.blob(odd, 100)
    assert server.requests == []


def test_entries_that_are_of_no_use_are_passed_over(server: HttpServer) -> None:
    one = attached_to(SUBJECT.digest)
    lists(server, ASKED, one)
    entries = [
        {"mediaType": MANIFEST, "digest": "sha512:" + "a" * 128, "size": 1, "artifactType": TYPE},
        {"mediaType": MANIFEST, "digest": "latest", "size": 1, "artifactType": TYPE},
        described(one, MANIFEST, TYPE).to_document(),
    ]
    server.routes[f"{V2}/{ASKED}"] = as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, INDEX)
    assert len(referrers(client(server), SUBJECT.digest, TYPE).attached) == 1


def test_a_mirror_that_has_left_them_behind(server: HttpServer) -> None:
    one = attached_to(SUBJECT.digest)
    server.routes[f"{V2}/{FALLBACK}"] = listing(one)
    found = referrers(client(server), SUBJECT.digest, TYPE)
    assert (found.attached, found.missing) == ((), (digest_bytes(one),))


def test_a_changed_signature_is_refused(server: HttpServer) -> None:
    lists(server, ASKED, attached_to(SUBJECT.digest))
    server.routes[f"{V2}/blobs/{digest_bytes(b'signed')}"] = b"signeD"
    with pytest.raises(RefusedError):
        referrers(client(server), SUBJECT.digest, TYPE)
