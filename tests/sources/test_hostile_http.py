"""Rows 80 to 91 of the bad inputs: what a web server must not do to us."""

from __future__ import annotations

import gzip
import sys
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from reconciler.errors import ExitCode, InputError, LlamagateError, RefusedError, UnreachableError
from reconciler.model.digest import digest_bytes
from reconciler.sources.web.credentials import Credentials
from reconciler.sources.web.transfer import Bounds, download
from reconciler.sources.web.url import parsed_url
from tests.sources.certificates import Authority
from tests.sources.conftest import OTHER, PRIVATE, PUBLIC, Clock, Serving, resolved_by
from tests.sources.http_server import Behaviour, Route, body, chunked, drip, endless, hang, head, raw, redirect

BOUNDS = Bounds(size=2**20, seconds=60)
SHORT = Bounds(size=2**20, seconds=0.25)
ARCHIVE = b"an archive, as far as this room knows" * 10


def fetched(url: str, **how: Any) -> bytes:
    out = BytesIO()
    digest = download(url, out, **{"bounds": BOUNDS, **how})
    assert digest == digest_bytes(out.getvalue())
    return out.getvalue()


def refusal(url: str, kind: type[LlamagateError], **how: Any) -> str:
    """The message, without what every one starts with."""
    with pytest.raises(kind) as caught:
        fetched(url, **how)
    start = f"{parsed_url(url)} was not downloaded: "
    assert caught.value.message.startswith(start)
    return caught.value.message.removeprefix(start)


def test_row_80_from_https_to_http(serving: Serving, trusted: Authority) -> None:
    plain = serving({"/x.zip": ARCHIVE})
    secure = serving({"/x.zip": redirect(plain.url("/x.zip"))}, tls=trusted.server("127.0.0.1"))
    message = refusal(secure.url("/x.zip"), RefusedError)
    assert message == f"it redirects from https to plain http, to {plain.url('/x.zip')}"
    assert not plain.requests


@pytest.mark.parametrize(
    ("to", "found"),
    [
        pytest.param("http://127.0.0.1/x", "", id="row-81 loopback"),
        pytest.param("http://127.9.9.9/x", "", id="row-81 loopback, elsewhere"),
        pytest.param("http://10.0.0.5/x", "", id="row-81 private"),
        pytest.param("http://172.16.0.1/x", "", id="row-81 private, 172"),
        pytest.param("http://192.168.1.1/x", "", id="row-81 private, 192"),
        pytest.param("http://100.64.0.1/x", "", id="row-81 carrier's"),
        pytest.param("http://169.254.169.254/latest/meta-data/", "", id="row-81 metadata"),
        pytest.param("http://168.63.129.16/machine", "", id="row-81 Azure's"),
        pytest.param("http://0.0.0.0/x", "", id="row-81 unspecified"),
        pytest.param("http://224.0.0.1/x", "", id="row-81 multicast"),
        pytest.param("http://255.255.255.255/x", "", id="row-81 broadcast"),
        pytest.param("http://[::1]/x", "", id="row-81 IPv6 loopback"),
        pytest.param("http://[::]/x", "", id="row-81 IPv6 unspecified"),
        pytest.param("http://[fe80::1]/x", "", id="row-81 IPv6 link-local"),
        pytest.param("http://[fd00:ec2::254]/x", "", id="row-81 IPv6 unique local"),
        pytest.param("http://[fec0::1]/x", "", id="row-81 IPv6 site-local"),
        pytest.param("http://[::ffff:127.0.0.1]/x", "", id="row-81 IPv4 in IPv6"),
        pytest.param("http://[64:ff9b::7f00:1]/x", "", id="row-81 NAT64"),
        pytest.param("http://[2002:7f00:1::]/x", "", id="row-81 6to4"),
        pytest.param("http://private.test/x", f" ({PRIVATE})", id="row-81 private by name"),
        pytest.param("http://localhost.test/x", " (127.0.0.1)", id="row-81 loopback by name"),
        pytest.param("http://2130706433/x", " (127.0.0.1)", id="row-81 loopback as one number"),
        pytest.param("http://mixed.test/x", f" ({PUBLIC}, {PRIVATE})", id="row-81 half private by name"),
        pytest.param("//private.test/x", f" ({PRIVATE})", id="row-81 without a scheme"),
    ],
)
def test_row_81_from_public_into_a_network(serving: Serving, internet: None, to: str, found: str) -> None:
    server = serving({"/x.zip": redirect(to)}, host=PUBLIC, name="public.test")
    host = parsed_url(f"http:{to[to.index('//') :]}").origin.host
    message = refusal(server.url("/x.zip"), RefusedError)
    assert message == f"the host {host} does not lead to public addresses only{found}"


@pytest.mark.parametrize(
    "to",
    [
        pytest.param("file:///etc/passwd", id="row-81 file"),
        pytest.param("ftp://public.test/x.zip", id="row-81 ftp"),
        pytest.param("data:application/zip;base64,UEs=", id="row-81 data"),
        pytest.param("gopher://public.test/x", id="row-81 gopher"),
    ],
)
def test_row_81_to_another_scheme(serving: Serving, to: str) -> None:
    server = serving({"/x.zip": redirect(to)})
    message = refusal(server.url("/x.zip"), RefusedError)
    assert message == f"it redirects to {to}, which is neither http nor https"


def test_row_81_back_from_public_to_the_loopback_of_the_file(serving: Serving, internet: None) -> None:
    public = serving(host=PUBLIC, name="public.test")
    local = serving({"/x.zip": redirect(public.url("/y.zip")), "/secret": ARCHIVE})
    public.routes["/y.zip"] = redirect(local.url("/secret"))
    message = refusal(local.url("/x.zip"), RefusedError)
    place = "does not lead to public addresses only"
    assert message == f"redirected to {public.url('/y.zip')}: the host 127.0.0.1 {place}"
    assert local.count("/secret") == 0


def test_row_81_a_loopback_url_of_the_file_is_fine(serving: Serving, internet: None) -> None:
    public = serving({"/z.zip": ARCHIVE}, host=PUBLIC, name="public.test")
    server = serving({"/x.zip": redirect("/y.zip", status=307), "/y.zip": redirect(public.url("/z.zip"))})
    assert fetched(server.url("/x.zip")) == ARCHIVE


def test_row_81_another_port_of_loopback_is_another_server(serving: Serving) -> None:
    other = serving({"/x.zip": ARCHIVE})
    server = serving({"/x.zip": redirect(other.url("/x.zip"))})
    message = refusal(server.url("/x.zip"), RefusedError)
    assert message == "the host 127.0.0.1 does not lead to public addresses only"
    assert not other.requests


def test_row_81_an_allowed_host_may_be_private(serving: Serving, internet: None) -> None:
    private = serving({"/x.zip": ARCHIVE}, host=PRIVATE, name="private.test")
    public = serving({"/x.zip": redirect(private.url("/x.zip"))}, host=PUBLIC, name="public.test")
    bounds = Bounds(size=2**20, seconds=60, private_hosts=frozenset(["private.test"]))
    assert fetched(public.url("/x.zip"), bounds=bounds) == ARCHIVE


@pytest.mark.parametrize(
    ("routes", "reason"),
    [
        pytest.param({"/x.zip": redirect("/x.zip")}, "it redirects in a circle", id="row-82 onto itself"),
        pytest.param(
            {"/x.zip": redirect("/y"), "/y": redirect("x.zip")}, "{}/y: it redirects in a circle", id="row-82 circle"
        ),
        pytest.param(
            {"/x.zip": redirect("/1"), **{f"/{n}": redirect(f"/{n + 1}") for n in range(1, 99)}},
            "{}/5: it redirects more than 5 times",
            id="row-82 without end",
        ),
    ],
)
def test_row_82_a_loop(serving: Serving, routes: dict[str, Route], reason: str) -> None:
    server = serving(routes)
    message = refusal(server.url("/x.zip"), InputError)
    assert message.removeprefix("redirected to ") == reason.format(server.origin)


def test_row_82_five_redirects_are_followed(serving: Serving) -> None:
    hops: dict[str, Route] = {f"/{n}": redirect(f"/{n + 1}") for n in range(5)}
    assert fetched(serving({**hops, "/5": ARCHIVE}).url("/0")) == ARCHIVE


def secret_for(url: str, header: str = "Authorization") -> Credentials:
    return Credentials(origin=parsed_url(url).origin, label="TOKEN", header=header, value="Bearer geheim")


@pytest.mark.parametrize("header", ["Authorization", "PRIVATE-TOKEN"])
def test_row_83_credentials_stay_with_their_origin(
    serving: Serving, internet: None, trusted: Authority, header: str
) -> None:
    tls = trusted.server("public.test", "other.test")
    home = serving(host=PUBLIC, name="public.test", tls=tls)
    other = serving({"/b": redirect(home.url("/c"))}, host=OTHER, name="other.test", tls=tls)
    home.routes |= {"/x.zip": redirect("/a"), "/a": redirect(other.url("/b")), "/c": ARCHIVE}
    assert fetched(home.url("/x.zip"), credentials=secret_for(home.origin, header)) == ARCHIVE
    shown = {request.path: request.headers.get(header.lower()) for request in home.requests + other.requests}
    assert shown == {"/x.zip": "Bearer geheim", "/a": "Bearer geheim", "/b": None, "/c": None}


def test_row_83_another_port_is_another_origin(serving: Serving) -> None:
    other = serving({"/x.zip": ARCHIVE})
    bounds = Bounds(size=2**20, seconds=60, private_hosts=frozenset(["127.0.0.1"]))
    server = serving({"/x.zip": redirect(other.url("/x.zip"))})
    assert fetched(server.url("/x.zip"), credentials=secret_for(server.origin), bounds=bounds) == ARCHIVE
    assert "authorization" not in other.requests[0].headers


def test_row_83_credentials_are_not_sent_in_the_open(serving: Serving, internet: None) -> None:
    server = serving({"/x.zip": ARCHIVE}, host=PUBLIC, name="public.test")
    message = refusal(server.url("/x.zip"), RefusedError, credentials=secret_for(server.origin))
    assert message == "TOKEN is not sent over plain http"
    assert not server.requests


TOO_LARGE = "it has more than 1 MiB"
FAR_MORE = "it sends far more than an answer of the size that is allowed takes"
NO_HTTP = "the answer is not HTTP"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        pytest.param(endless(head(), b"x" * 2**16), TOO_LARGE, id="row-84 without a length"),
        pytest.param(
            endless(head(Transfer_Encoding="chunked"), b"10000\r\n" + b"x" * 2**16 + b"\r\n"),
            TOO_LARGE,
            id="row-84 in chunks",
        ),
        pytest.param(hang(head(Content_Length=2**20 + 1)), TOO_LARGE, id="row-84 announced"),
        pytest.param(hang(head(Content_Length=10**30)), TOO_LARGE, id="row-84 announced beyond measure"),
        pytest.param(
            endless(head(Transfer_Encoding="chunked"), b"1;" + b"x" * 50_000 + b"\r\nx\r\n"),
            FAR_MORE,
            id="row-84 in the extensions of chunks",
        ),
        pytest.param(
            endless(head(Transfer_Encoding="chunked") + b"0\r\n", b"Trailer: " + b"x" * 50_000 + b"\r\n"),
            FAR_MORE,
            id="row-84 in trailers",
        ),
        pytest.param(
            endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
            FAR_MORE if sys.version_info < (3, 14) else NO_HTTP,  # which counts them itself, and stops at a hundred
            id="row-84 in answers before the answer",
        ),
        pytest.param(
            endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
            NO_HTTP,
            id="row-84 in headers",
        ),
        pytest.param(
            endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 2**16),
            NO_HTTP,
            id="row-84 in one header",
        ),
    ],
)
def test_row_84_without_end(serving: Serving, behaviour: Behaviour, reason: str) -> None:
    assert refusal(serving({"/x.zip": behaviour}).url("/x.zip"), InputError) == reason


def test_row_84_the_largest_that_is_allowed(serving: Serving) -> None:
    for behaviour in (body(b"x" * 2**20), chunked(*[b"x" * 2**10] * 2**10), chunked(*[b"x" * 32] * 2**15)):
        assert len(fetched(serving({"/x.zip": behaviour}).url("/x.zip"))) == 2**20


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(drip(head(Content_Length=1000)), id="row-85 body"),
        pytest.param(drip(head()), id="row-85 body without a length"),
        pytest.param(drip(head(Transfer_Encoding="chunked"), b"1\r\nx\r\n"), id="row-85 chunks"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX: "), id="row-85 header"),
        pytest.param(drip(b"", b"H"), id="row-85 status"),
        pytest.param(drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="row-85 answers before the answer"),
        pytest.param(hang(), id="row-85 no answer"),
        pytest.param(hang(head(Content_Length=5)), id="row-85 no body"),
    ],
)
def test_row_85_drip_by_drip(serving: Serving, behaviour: Behaviour) -> None:
    server = serving({"/x.zip": behaviour})
    assert refusal(server.url("/x.zip"), UnreachableError, bounds=SHORT) == "it did not end within 0.25 s"


def test_row_85_redirects_share_the_deadline(serving: Serving, clock: Clock) -> None:
    server = serving({"/x.zip": redirect("/y"), "/y": clock.late(head(302, Location="/z")[:-2])})
    message = refusal(server.url("/x.zip"), UnreachableError)
    assert message == f"redirected to {server.url('/y')}: it did not end within 60 s"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "x-gzip", "identity, gzip"])
def test_row_86_compressed_once_more(serving: Serving, encoding: str) -> None:
    bomb = gzip.compress(b"\0" * 2**20)
    server = serving({"/x.zip": body(bomb, Content_Encoding=encoding)})
    message = refusal(server.url("/x.zip"), InputError)
    assert message == "it sends its answer compressed, though it was asked not to"
    assert server.requests[0].headers["accept-encoding"] == "identity"


CUT = "its answer was cut off"
UNCLEAR = "it does not say clearly how long its answer is"
SURPLUS = "it sends more than it announces"


@pytest.mark.parametrize(
    ("kind", "behaviour", "reason"),
    [
        pytest.param(UnreachableError, raw(head(Content_Length=100) + ARCHIVE[:99]), CUT, id="row-87 short"),
        pytest.param(UnreachableError, raw(head(Content_Length=100)), CUT, id="row-87 nothing"),
        pytest.param(InputError, body(ARCHIVE, Content_Length=100), SURPLUS, id="row-87 more"),
        pytest.param(UnreachableError, chunked(ARCHIVE, end=b""), CUT, id="row-87 chunks cut off"),
        pytest.param(UnreachableError, chunked(ARCHIVE, end=b"ff\r\nxx"), CUT, id="row-87 a chunk cut off"),
        pytest.param(UnreachableError, chunked(ARCHIVE, end=b"zz\r\n"), CUT, id="row-87 chunk of no length"),
        pytest.param(UnreachableError, chunked(ARCHIVE, end=b"-5\r\nxx"), CUT, id="row-87 chunk below zero"),
        pytest.param(InputError, chunked(ARCHIVE, end=b"0\r\n\r\nmore"), SURPLUS, id="row-87 more than the chunks"),
        pytest.param(InputError, body(ARCHIVE, Content_Length="5, 6"), NO_HTTP, id="row-87 two lengths"),
        pytest.param(InputError, body(ARCHIVE, Content_Length="5, 5"), UNCLEAR, id="row-87 one length twice"),
        pytest.param(InputError, body(ARCHIVE, Content_Length="1e3"), UNCLEAR, id="row-87 no number"),
        pytest.param(InputError, body(ARCHIVE, Content_Length="-1"), UNCLEAR, id="row-87 below zero"),
        pytest.param(InputError, body(ARCHIVE, Transfer_Encoding="chunked"), UNCLEAR, id="row-87 length and chunks"),
        pytest.param(InputError, raw(head(Transfer_Encoding="gzip, chunked")), UNCLEAR, id="row-87 other transfer"),
    ],
)
def test_row_87_another_length(serving: Serving, kind: type[LlamagateError], behaviour: Behaviour, reason: str) -> None:
    assert refusal(serving({"/x.zip": behaviour}).url("/x.zip"), kind) == reason


def test_row_88_the_digest_is_that_of_what_was_written(serving: Serving) -> None:
    out = BytesIO(b"something longer than what comes, which an earlier try left")
    digest = download(serving({"/x.zip": b"short"}).url("/x.zip"), out, bounds=BOUNDS)
    assert (out.getvalue(), digest) == (b"short", digest_bytes(b"short"))


@pytest.mark.parametrize(
    ("name", "valid", "fault"),
    [
        pytest.param("other.test", timedelta(days=1), "it is for another host", id="row-89 another name"),
        pytest.param("127.0.0.2", timedelta(days=1), "it is for another host", id="row-89 another address"),
        pytest.param("127.0.0.1", -timedelta(days=1), "it has expired", id="row-89 expired"),
    ],
)
def test_row_89_a_bad_certificate(
    serving: Serving, trusted: Authority, name: str, valid: timedelta, fault: str
) -> None:
    server = serving({"/x.zip": ARCHIVE}, tls=trusted.server(name, valid=valid))
    message = refusal(server.url("/x.zip"), RefusedError)
    assert message == f"the certificate of 127.0.0.1 is not accepted: {fault}"
    assert not server.requests


def test_row_89_signed_by_itself(serving: Serving, authority: Authority) -> None:
    server = serving({"/x.zip": ARCHIVE}, tls=authority.itself())
    message = refusal(server.url("/x.zip"), RefusedError)
    assert message == "the certificate of 127.0.0.1 is not accepted: it is signed by itself"


def test_row_89_signed_by_nobody_we_know(serving: Serving, authority: Authority) -> None:
    server = serving({"/x.zip": ARCHIVE}, tls=authority.server("127.0.0.1"))
    with pytest.raises(RefusedError) as caught:
        fetched(server.url("/x.zip"))
    assert caught.value.message.endswith(
        "the certificate of 127.0.0.1 is not accepted: it is not signed by an authority that this machine trusts"
    )
    assert caught.value.advice == (
        "an authority of your own is trusted where SSL_CERT_FILE names the file with its certificate"
    )
    assert caught.value.exit_code is ExitCode.REFUSED


def test_row_89_a_good_one_is_for_the_name_not_the_address(
    serving: Serving, trusted: Authority, internet: None
) -> None:
    server = serving({"/x.zip": ARCHIVE}, host=PUBLIC, name="public.test", tls=trusted.server("public.test"))
    assert fetched(server.url("/x.zip")) == ARCHIVE
    assert server.requests[0].headers["host"] == f"public.test:{server.port}"


def test_row_90_a_user_in_the_url_of_the_file() -> None:
    with pytest.raises(InputError) as caught:
        fetched("https://user:geheim@example.org/x.zip?token=geheim")
    assert caught.value.message == "https://example.org/x.zip?…: it holds a user or a password"
    assert caught.value.advice == "take them out, and say in 'auth' where they are"


def test_row_90_a_user_in_a_redirect(serving: Serving) -> None:
    server = serving({"/x.zip": redirect("https://user:geheim@example.org/y.zip?sig=geheim")})
    message = refusal(server.url("/x.zip"), InputError)
    assert message == "it redirects to https://example.org/y.zip?…: it holds a user or a password"


def test_row_90_secrets_of_a_redirect_are_not_shown(serving: Serving) -> None:
    server = serving({"/x.zip": redirect("/y.zip?X-Signature=geheim#geheim")})
    message = refusal(server.url("/x.zip?token=geheim"), InputError)
    assert message == f"redirected to {server.url('/y.zip')}?…: it answered 404 (Not Found)"
    assert [request.path for request in server.requests] == ["/x.zip?token=geheim", "/y.zip?X-Signature=geheim"]


def test_row_91_public_and_private(serving: Serving, internet: None) -> None:
    server = serving({"/x.zip": ARCHIVE}, host=PUBLIC, name="mixed.test")
    with pytest.raises(RefusedError) as caught:
        fetched(server.url("/x.zip"))
    found = f"({PUBLIC}, {PRIVATE})"
    assert caught.value.message.endswith(f"the host mixed.test leads to public and private addresses {found}")
    assert caught.value.advice == "if that is meant, list mixed.test in policy.sources.private_hosts"
    allowed = Bounds(size=2**20, seconds=60, private_hosts=frozenset(["mixed.test"]))
    assert fetched(server.url("/x.zip"), bounds=allowed) == ARCHIVE


def test_row_91_what_was_judged_is_what_is_connected_to(serving: Serving, internet: None) -> None:
    """A name that leads into the private network when it is asked a second time."""
    answers = iter([[PUBLIC], [PRIVATE]])
    asked: list[str] = []

    def rebinding(name: str) -> list[str]:
        asked.append(name)
        return next(answers)

    server = serving({"/x.zip": redirect("/y.zip"), "/y.zip": ARCHIVE}, host=PUBLIC, name="public.test")
    with resolved_by(rebinding):
        assert fetched(server.url("/x.zip")) == ARCHIVE
    assert asked == ["public.test"]


@pytest.mark.parametrize("host", ["169.254.169.254", "[::]", "[fe80::1]", "224.0.0.1"])
def test_row_91_no_host_at_all(host: str) -> None:
    message = refusal(f"http://{host}/x.zip", RefusedError)
    assert message == f"the host {host.strip('[]')} leads to a reserved address"
