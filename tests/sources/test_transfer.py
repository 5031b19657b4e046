"""What a download does with whatever a web server answers, and with several addresses."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from reconciler.errors import ExitCode, InputError, LlamagateError, StorageError, UnreachableError
from reconciler.model.desired import Limits
from reconciler.model.digest import digest_bytes
from reconciler.model.home import Home
from reconciler.model.listener import IN_BYTES
from reconciler.model.source import SourceRules
from reconciler.sources.context import SourceContext
from reconciler.sources.web.artifact import Download, downloaded
from reconciler.sources.web.credentials import Credentials
from reconciler.sources.web.transfer import Bounds, download, download_first, read_document
from reconciler.sources.web.url import parsed_url
from tests.conftest import PROJECT
from tests.sources.certificates import Authority
from tests.sources.conftest import PUBLIC, Clock, Serving, resolved_by
from tests.sources.http_server import Behaviour, body, chunked, endless, head, in_turn, raw, redirect, reset

BOUNDS = Bounds(size=2**20, seconds=60)
ARCHIVE = b"an archive, as far as this room knows" * 5000


def failure(url: str, bounds: Bounds = BOUNDS) -> LlamagateError:
    with pytest.raises(LlamagateError) as caught:
        read_document(url, bounds=bounds)
    return caught.value


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(body(ARCHIVE), id="with a length"),
        pytest.param(raw(head() + ARCHIVE), id="until the end"),
        pytest.param(raw(b"HTTP/1.0 200 OK\r\n\r\n" + ARCHIVE), id="HTTP/1.0"),
        pytest.param(chunked(ARCHIVE[:7], ARCHIVE[7:]), id="in chunks"),
        pytest.param(chunked(ARCHIVE, end=b"0\r\nX-Digest: y\r\n\r\n"), id="with a trailer"),
        pytest.param(body(ARCHIVE, Content_Encoding="identity"), id="said to be as it is"),
        pytest.param(body(ARCHIVE, Content_Type="text/html"), id="of whatever type"),
        pytest.param(raw(b"HTTP/1.1 100 Continue\r\n\r\n" + head() + ARCHIVE), id="after an answer before the answer"),
    ],
)
def test_an_archive_comes_as_it_is(serving: Serving, behaviour: Behaviour) -> None:
    out, seen = BytesIO(), list[int]()
    url = serving({"/x.zip": behaviour}).url("/x.zip?version=1")
    _, digest = download_first([url], out, bounds=BOUNDS, arrived=lambda size, _: seen.append(size))
    assert out.getvalue() == ARCHIVE
    assert digest == digest_bytes(ARCHIVE)
    assert seen == sorted(seen)
    assert seen[-1] == len(ARCHIVE)


def test_what_is_asked(serving: Serving) -> None:
    server = serving({"/x.zip": b"x"})
    read_document(server.url("/x.zip"), bounds=BOUNDS)
    (request,) = server.requests
    assert request.method == "GET"
    agent = request.headers["user-agent"]
    assert agent.startswith("llamagate/")
    expected = {"host": f"127.0.0.1:{server.port}", "accept-encoding": "identity", "connection": "close"}
    assert request.headers == {**expected, "user-agent": agent}


def test_other_letters_are_encoded(serving: Serving) -> None:
    server = serving({"/%C3%A4%7C.zip": redirect("/ö x.zip".encode().decode("latin-1")), "/%C3%B6%20x.zip": b"x"})
    assert read_document(server.url("/ä|.zip"), bounds=BOUNDS) == b"x"


PASSING = [408, 425, 429, 500, 502, 503, 504, 507]
FINAL = [201, 202, 203, 206, 300, 304, 305, 400, 404, 405, 410, 418, 451]


@pytest.mark.parametrize("status", [*PASSING, *FINAL])
def test_a_status_is_passing_or_final(serving: Serving, status: int) -> None:
    url = serving({"/x.zip": body(b"text", status=status)}).url("/x.zip")
    error = failure(url)
    assert isinstance(error, UnreachableError if status in PASSING else InputError)
    assert error.message.startswith(f"{url} was not downloaded: it answered {status} (")
    assert error.exit_code is ExitCode.ERROR


@pytest.mark.parametrize("status", [204, 205, 304])
def test_an_answer_without_a_body(serving: Serving, status: int) -> None:
    assert f"it answered {status} (" in failure(serving({"/": raw(head(status))}).url()).message


@pytest.mark.parametrize("status", [401, 403, 407])
def test_missing_credentials(serving: Serving, status: int) -> None:
    error = failure(serving({"/x.zip": status}).url("/x.zip"))
    assert isinstance(error, InputError)
    assert error.advice == "say in 'auth' where the credentials are"


def test_wrong_credentials(serving: Serving) -> None:
    url = serving({"/x.zip": 401}).url("/x.zip")
    secret = Credentials(origin=parsed_url(url).origin, label="TOKEN", header="Authorization", value="Bearer geheim")
    with pytest.raises(InputError) as caught:
        read_document(url, bounds=BOUNDS, credentials=secret)
    assert caught.value.message == f"{url} was not downloaded: it answered 401 (Unauthorized)"
    assert caught.value.advice == "look at the credentials in TOKEN"


@pytest.mark.parametrize(
    ("behaviour", "kind", "reason"),
    [
        pytest.param(b"", InputError, "its answer is empty", id="empty"),
        pytest.param(chunked(), InputError, "its answer is empty", id="empty chunks"),
        pytest.param(raw(b"HTTP/1.1 999 \r\n\r\n"), InputError, "it answered 999", id="unknown status"),
        pytest.param(raw(b""), UnreachableError, "it closed the connection without an answer", id="no answer"),
        pytest.param(reset(), UnreachableError, "the connection broke: Connection reset by peer", id="reset"),
        pytest.param(
            reset(head(Content_Length=9) + b"x"),
            UnreachableError,
            "the connection broke: Connection reset by peer",
            id="reset in the body",
        ),
        pytest.param(raw(b"SSH-2.0\r\n"), InputError, "the answer is not HTTP", id="another protocol"),
        pytest.param(raw(b"PK\3\4"), InputError, "the answer is not HTTP", id="HTTP/0.9"),
        pytest.param(raw(b"HTTP/2 200 OK\r\n\r\n"), InputError, "the answer is not HTTP", id="HTTP/2"),
        pytest.param(raw(head(302)), InputError, "it redirects without saying where to", id="nowhere"),
        pytest.param(
            redirect("http://[::1/x"), InputError, "it redirects to http://[::1/x: it is malformed", id="malformed"
        ),
        pytest.param(
            redirect("http://a b/x"),
            InputError,
            "it redirects to http://a b/x: "
            "it names no valid host and port (names in other letters are written as 'xn--…')",
            id="no host",
        ),
    ],
)
def test_what_is_no_answer(
    serving: Serving, behaviour: Behaviour | bytes, kind: type[LlamagateError], reason: str
) -> None:
    url = serving({"/x.zip": behaviour}).url("/x.zip")
    error = failure(url)
    assert (type(error), error.message) == (kind, f"{url} was not downloaded: {reason}")


def test_nobody_listens(free_port: int) -> None:
    error = failure(f"http://127.0.0.1:{free_port}/x.zip")
    assert isinstance(error, UnreachableError)
    assert error.message.endswith("was not downloaded: no connection to 127.0.0.1: Connection refused")


def test_an_unknown_name() -> None:
    def unknown(_name: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with resolved_by(unknown):
        error = failure("http://nowhere.test/x.zip")
    assert isinstance(error, UnreachableError)
    assert error.message.endswith("the host nowhere.test was not found: Name or service not known")


def test_a_name_without_an_address() -> None:
    with resolved_by(lambda _name: []):
        error = failure("http://nowhere.test/x.zip")
    assert error.message.endswith("the host nowhere.test has no address")


def test_a_resolver_that_does_not_answer_ends_with_the_deadline() -> None:
    answered = threading.Event()

    def slow(_name: str) -> list[str]:
        answered.wait(60)
        return ["127.0.0.1"]

    with resolved_by(slow):
        error = failure("http://slow.test/x.zip", Bounds(size=9, seconds=0.2))
    answered.set()
    assert isinstance(error, UnreachableError)
    assert error.message == "http://slow.test/x.zip was not downloaded: it did not end within 0.2 s"


def test_the_next_address_where_the_first_does_not_answer(serving: Serving, internet: None) -> None:
    server = serving({"/x.zip": b"x"}, host=PUBLIC, name="two.test")
    both = ["127.0.0.3", PUBLIC]
    with resolved_by(lambda _name: both):
        assert read_document(server.url("/x.zip"), bounds=BOUNDS) == b"x"


def test_ipv6(serving: Serving) -> None:
    try:
        server = serving({"/x.zip": redirect("/y.zip"), "/y.zip": b"x"}, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert read_document(server.url("/x.zip"), bounds=BOUNDS) == b"x"
    assert server.requests[0].headers["host"] == f"[::1]:{server.port}"


@contextmanager
def no_tls(start: bytes, again: bytes = b"") -> Iterator[str]:
    """The url of a server that sends what it likes to each client, until the end."""
    ended = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(start)
            while not ended.wait(0.02):
                connection.sendall(again)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/x.zip"
        ended.set()
        thread.join()


def test_http_on_a_port_for_https() -> None:
    with no_tls(head(400)) as url:
        error = failure(url)
    assert isinstance(error, InputError)
    assert error.message.startswith(f"{url} was not downloaded: 127.0.0.1 does not speak TLS as it should: ")


@pytest.mark.parametrize(
    "start", [pytest.param(b"", id="silent"), pytest.param(b"\x16\x03\x03\x40\x00", id="drip by drip")]
)
def test_row_85_an_agreement_on_tls_ends_with_the_deadline(start: bytes) -> None:
    begin = time.monotonic()
    with no_tls(start, again=b"x" if start else b"") as url:
        error = failure(url, Bounds(size=9, seconds=0.4))
    assert time.monotonic() - begin < 20, "the time that one step may take, whatever the deadline"
    assert isinstance(error, UnreachableError)
    assert error.message == f"{url} was not downloaded: 127.0.0.1 did not answer in time"


def test_over_tls(serving: Serving, trusted: Authority, clock: Clock) -> None:
    tls = trusted.server("127.0.0.1")
    server = serving({"/x.zip": redirect("/y.zip"), "/y.zip": ARCHIVE, "/cut": raw(head(Content_Length=9))}, tls=tls)
    server.routes["/slow"] = clock.late(head())
    server.routes["/endless"] = endless(head(), b"x" * 2**16)
    assert read_document(server.url("/x.zip"), bounds=BOUNDS) == ARCHIVE
    assert failure(server.url("/cut")).message.endswith(": its answer was cut off")
    assert failure(server.url("/slow")).message.endswith(": it did not end within 60 s")
    assert failure(server.url("/endless")).message.endswith(": it has more than 1 MiB")


def test_proxies_and_netrc_of_the_user_are_not_asked(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, proxy = serving({"/x.zip": b"x"}), serving()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.origin)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password geheim\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_document(server.url("/x.zip"), bounds=BOUNDS) == b"x"
    assert not proxy.requests
    assert "authorization" not in server.requests[0].headers


def test_mirrors_are_asked_in_order(serving: Serving) -> None:
    server = serving({"/a": 404, "/b": raw(head(Content_Length=9) + b"half"), "/c": b"whole", "/d": b"later"})
    out, seen = BytesIO(), list[tuple[int, int]]()
    urls = [server.url(path) for path in ("/a", "/b", "/c", "/d")]
    found = download_first(urls, out, bounds=BOUNDS, arrived=lambda *now: seen.append(now))
    assert found == (urls[2], digest_bytes(b"whole"))
    assert out.getvalue() == b"whole"
    assert seen == [(4, 9), (5, 5)]
    assert server.count("/d") == 0


def test_whoever_waits_is_shown_how_much_is_there(serving: Serving, tmp_path: Path) -> None:
    shown: list[tuple[str, int, int]] = []
    server = serving({"/large.zip": b"x" * (3 * 2**20 + 1), "/small.zip": b"x", "/unknown.zip": chunked(b"x" * 2**20)})
    context = SourceContext(
        home=Home(tmp_path),
        base=tmp_path,
        variables={},
        rules=SourceRules(),
        limits=Limits(),
        progress=lambda *now: shown.append(now),
    )
    for name in ("small.zip", "unknown.zip", "large.zip"):
        url = server.url(f"/{name}")
        with pytest.raises(InputError, match="neither a zip"), downloaded(Download(urls=[url], name=url), context):
            pass
    assert {what for what, _, _ in shown} == {f"fetching large.zip{IN_BYTES}"}
    assert shown[-1][1:] == (3 * 2**20 + 1, 3 * 2**20 + 1)
    assert [done for _, done, _ in shown] == sorted(done for _, done, _ in shown)


def test_every_mirror_is_named_with_its_reason(serving: Serving) -> None:
    server = serving({"/a": 404, "/b": 503})
    a, b, c = server.url("/a"), server.url("/b"), "https://me:geheim@example.org/x?y=geheim"
    with pytest.raises(UnreachableError) as caught:
        download_first([a, b, c], BytesIO(), bounds=BOUNDS)
    reasons = [
        f"{a} was not downloaded: it answered 404 (Not Found)",
        f"{b} was not downloaded: it answered 503 (Service Unavailable)",
        "https://example.org/x?…: it holds a user or a password",
    ]
    assert caught.value.message == "; ".join(reasons)
    assert [fault.message for fault in caught.value.faults] == reasons


def test_where_no_mirror_can_be_hoped_for_nothing_is(serving: Serving) -> None:
    server = serving({"/a": 404})
    with pytest.raises(InputError):
        download_first([server.url("/a"), server.url("/b")], BytesIO(), bounds=BOUNDS)


def test_each_mirror_has_a_deadline_of_its_own(serving: Serving, clock: Clock) -> None:
    server = serving({"/a": clock.late(head()), "/b": b"x"})
    urls = [server.url("/a"), server.url("/b")]
    assert download_first(urls, BytesIO(), bounds=BOUNDS)[0] == urls[1]


def test_a_mirror_is_shown_credentials_only_at_their_origin(serving: Serving) -> None:
    home, mirror = serving({"/a": 503, "/b": b"x"}), serving({"/a": 503})
    secret = Credentials(
        origin=parsed_url(home.origin).origin, label="TOKEN", header="Authorization", value="Bearer geheim"
    )
    urls = [home.url("/a"), mirror.url("/a"), home.url("/b")]
    assert download_first(urls, BytesIO(), bounds=BOUNDS, credentials=secret)[0] == urls[2]
    assert [request.headers.get("authorization") for request in home.requests] == ["Bearer geheim"] * 2
    assert "authorization" not in mirror.requests[0].headers


def test_trying_again_is_enough(serving: Serving) -> None:
    server = serving({"/x.zip": in_turn(*[503] * 3, *[reset()] * 3, b"x")})
    for _ in range(2):
        assert isinstance(failure(server.url("/x.zip")), UnreachableError)
    assert read_document(server.url("/x.zip"), bounds=BOUNDS) == b"x"


class FullDisk(BytesIO):
    def write(self, _data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_no_reason_to_ask_a_mirror(serving: Serving) -> None:
    server = serving({"/a": ARCHIVE, "/b": ARCHIVE})
    with pytest.raises(StorageError) as caught:
        download_first([server.url("/a"), server.url("/b")], FullDisk(), bounds=BOUNDS)
    reason = "it could not be stored: No space left on device"
    assert caught.value.message == f"{server.url('/a')} was not downloaded: {reason}"
    assert server.count("/b") == 0


def test_it_is_there_when_it_is_done(serving: Serving, tmp_path: Path) -> None:
    """Not in a buffer that is written later, when nobody looks for a full disk any more."""
    with (tmp_path / "x").open("wb") as out:
        download(serving({"/x.zip": b"x"}).url("/x.zip"), out, bounds=BOUNDS)
        assert (tmp_path / "x").read_bytes() == b"x"


def test_many_at_once(serving: Serving) -> None:
    server = serving({f"/{number}": b"%d" % number for number in range(40)})
    found: dict[int, bytes] = {}

    def fetch(number: int) -> None:
        found[number] = read_document(server.url(f"/{number}"), bounds=BOUNDS)

    threads = [threading.Thread(target=fetch, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: b"%d" % number for number in range(40)}


_CHILD = """
import sys, tempfile
from reconciler.sources.web.transfer import Bounds, download_first
with tempfile.TemporaryFile(dir=sys.argv[2]) as out:
    download_first(
        sys.argv[1:2], out, bounds=Bounds(size=2**30, seconds=60), arrived=lambda *now: print(*now, flush=True)
    )
"""


def test_a_killed_download_leaves_nothing(serving: Serving, tmp_path: Path) -> None:
    url = serving({"/x.zip": endless(head(), b"x" * 2**10)}).url("/x.zip")
    command = [sys.executable, "-c", _CHILD, url, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) as child:
        assert cast(BinaryIO, child.stdout).readline().strip()
        child.send_signal(signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_download_closes_its_connection(serving: Serving) -> None:
    """The server of this test would not end before."""

    def interrupt(_size: int, _total: int) -> None:
        raise KeyboardInterrupt

    url = serving({"/x.zip": endless(head(), b"x" * 2**16)}).url("/x.zip")
    with pytest.raises(KeyboardInterrupt):
        download_first([url], BytesIO(), bounds=BOUNDS, arrived=interrupt)
