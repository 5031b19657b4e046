"""Which addresses can be downloaded from, and what of one may stand in a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import InputError
from reconciler.sources.web.url import HttpUrl, parsed_url, shown

HOST = "it names no valid host and port (names in other letters are written as 'xn--…')"
SPACE = "it holds a space or a control character; write %20 in place of a space"
USER = "it holds a user or a password"
SCHEME = "only http and https addresses are downloaded"


@pytest.mark.parametrize(
    ("text", "authority", "target"),
    [
        ("http://example.org", "example.org", "/"),
        ("HTTPS://Example.ORG:443/A.zip", "example.org", "/A.zip"),
        ("https://example.org:8443/a?b=c#d", "example.org:8443", "/a?b=c"),
        ("http://example.org?a", "example.org", "/?a"),
        ("http://my_host.local./a", "my_host.local.", "/a"),
        ("http://[::1]:80/a", "[::1]", "/a"),
        ("https://xn--bcher-kva.example/ü%20%zz", "xn--bcher-kva.example", "/%C3%BC%20%zz"),
        ("https://example.org/@scope/a@1.zip", "example.org", "/@scope/a@1.zip"),
        ("https://example.org/../a", "example.org", "/../a"),
    ],
)
def test_an_address(text: str, authority: str, target: str) -> None:
    url = parsed_url(text)
    assert (url.authority, url.target) == (authority, target)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", f": {SCHEME}", id="empty"),
        pytest.param("example.org/x.zip", f"example.org/x.zip: {SCHEME}", id="no scheme"),
        pytest.param("file:///x.zip", f"file:///x.zip: {SCHEME}", id="file"),
        pytest.param("ftp://example.org/x", f"ftp://example.org/x: {SCHEME}", id="ftp"),
        pytest.param("http:///x", f"http:///x: {HOST}", id="no host"),
        pytest.param("http://:80/x", f"http://:80/x: {HOST}", id="only a port"),
        pytest.param("http://a:0/x", f"http://a:0/x: {HOST}", id="port 0"),
        pytest.param("http://a:65536/", "http://a:65536/: it is malformed", id="port too high"),
        pytest.param("http://a:x/", "http://a:x/: it is malformed", id="no port"),
        pytest.param("http://[::1/", "http://[::1/: it is malformed", id="half a bracket"),
        pytest.param("http://[fe80::1%25eth0]/", f"http://[fe80::1%25eth0]/: {HOST}", id="with an interface"),
        pytest.param("http://[:::::]/", "http://[:::::]/: it is malformed", id="colons"),
        pytest.param("http://a..b/", f"http://a..b/: {HOST}", id="empty label"),
        pytest.param(f"http://{'a' * 64}/", f"http://{'a' * 64}/: {HOST}", id="long label"),
        pytest.param("http://a%2eb/", f"http://a%2eb/: {HOST}", id="encoded host"),
        pytest.param("http://bücher.example/", f"http://bücher.example/: {HOST}", id="other letters"),
        pytest.param("http://good.test\\.evil.test/", f"http://good.test\\.evil.test/: {HOST}", id="backslash"),
        pytest.param("http://a/x y", f"http://a/x y: {SPACE}", id="space"),
        pytest.param("http://a/x\r\nHost: b", f"http://a/x\\r\\nHost: b: {SPACE}", id="line break"),
        pytest.param("http://a/\x1b[31m", f"http://a/\\x1b[31m: {SPACE}", id="escape"),
        pytest.param("http://me@a/x", f"http://a/x: {USER}", id="user"),
        pytest.param("http://good.test\\@evil.test/", f"http://evil.test/: {USER}", id="backslash and user"),
        pytest.param("http://me:geheim\uff20a/x", "http://a/x: it is malformed", id="wide @"),
    ],
)
def test_no_address(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parsed_url(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://example.org/x.zip", "https://example.org/x.zip"),
        ("https://me:geheim@example.org/x.zip", "https://example.org/x.zip"),
        ("https://geheim@example.org", "https://example.org"),
        ("https://me:ge@heim@example.org/x", "https://example.org/x"),
        ("https://me:ge/heim@example.org/x", "https://example.org/x"),
        ("https://me:ge?heim@example.org/x", "https://example.org/x"),
        ("https://me:ge#heim@example.org/x", "https://example.org/x"),
        ("https:\\\\me:geheim@example.org\\x", "example.org\\x"),
        ("https://geheim\\@example.org/x", "https://example.org/x"),
        ("me:geheim@example.org:x", "example.org:x"),
        ("ssh://git:geheim@[::1]:22/x", "ssh://[::1]:22/x"),
        ("https://example.org/x?token=geheim&sig=geheim#geheim", "https://example.org/x?…"),
        ("https://example.org/x?", "https://example.org/x?…"),
        ("https://example.org/@scope/x@1.zip?a=b@c", "https://example.org/@scope/x@1.zip?…"),
        ("https://proxy.test/https://example.org/x", "https://proxy.test/https://example.org/x"),
        ("https://example.org/\u202egnp.x", "https://example.org/\\u202egnp.x"),
        ("https://example.org/" + "x" * 500, "https://example.org/" + "x" * 279 + "…"),
    ],
)
def test_what_is_shown(text: str, found: str) -> None:
    assert shown(text) == found
    assert "geheim" not in found


ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_what_is_printed_of_one() -> None:
    url = parsed_url("https://example.org/x?token=geheim")
    assert "geheim" not in f"{url!r} {url}"
    assert url.text == "https://example.org/x?token=geheim"


NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/?#"), max_size=20)


@given(user=NAME, password=ANYTHING, path=ANYTHING)
def test_law_no_password_is_ever_shown(user: str, password: str, path: str) -> None:
    secret = f"geheim{password.replace('@', '')}"
    text = f"https://{user}:{secret}@example.org/{path}"
    assert "geheim" not in shown(text)
    with pytest.raises(InputError) as caught:
        parsed_url(text)
    assert "geheim" not in caught.value.message


@given(path=ANYTHING, location=ANYTHING)
def test_law_what_is_an_address_remains_one(path: str, location: str) -> None:
    try:
        url = parsed_url(f"https://example.org/{path}")
        target = HttpUrl.from_text(url.absolute(location))
    except (InputError, ValueError):
        return
    for address in (url, target):
        assert HttpUrl.from_text(address.text) == address
        assert address.target.isascii()
        assert address.target.isprintable()
        assert " " not in address.target
