"""A law: whatever a server sends, within a while it is an archive or an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import LlamagateError
from reconciler.model.digest import digest_bytes
from reconciler.sources.web.transfer import Bounds, download
from tests.sources.http_server import HttpServer, raw
from tests.support.laws import examples

PIECES = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 302 Found\r\n",
    b"HTTP/1.1 100 Continue\r\n",
    b"HTTP/1.0 200\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Connection: keep-alive\r\n",
    b"Location: /x.zip?1\r\n",
    b"Location: //[\r\n",
    b"Location: http://127.0.0.1:99999/\r\n",
    b"Location: \xff\xfe\r\n",
    b" folded\r\n",
    b": no name\r\n",
    b"no colon\r\n",
    b"\r\n",
    b"\n",
    b"\0",
    b"5\r\nabcde\r\n",
    b"5\r\nabc",
    b"0\r\n\r\n",
    b"-1\r\n",
    b"fffffffffffffffffffff\r\n",
    b"0x5;a=b\r\n",
    b"abcde",
]
ANSWERS = st.tuples(
    st.sampled_from([PIECES[0], PIECES[0], PIECES[1], b""]),
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=9), max_size=12),
).map(lambda parts: parts[0] + b"".join(parts[1]))


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    with HttpServer() as server:
        yield server


@given(data=ANSWERS)
@examples(3)
def test_law_an_archive_or_an_error_of_ours(server: HttpServer, data: bytes) -> None:
    server.routes["/x.zip"] = raw(data)
    out, failures = BytesIO(), list[str]()
    try:
        digest = download(server.url("/x.zip"), out, bounds=Bounds(size=2**10, seconds=60))
    except LlamagateError as error:
        failures.append(error.message)
    for message in failures:
        assert message.startswith(f"{server.url('/x.zip')} was not downloaded: ")
        assert message.isprintable()
    assert failures or (out.getvalue() and digest == digest_bytes(out.getvalue()))
