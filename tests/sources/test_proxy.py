"""Proxies are used where the file chooses one, and never unasked; own authorities are trusted alike by http and git."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.errors import InputError, LlamagateError, RefusedError, UnreachableError
from reconciler.model.source import SourceRules
from reconciler.sources.web.authorities import Authorities, authorities_of
from reconciler.sources.web.connection import Network
from reconciler.sources.web.proxy import DIRECT, Proxies, proxies_of, unused_variable
from reconciler.sources.web.transfer import Bounds, read_document
from reconciler.sources.web.url import HttpUrl
from tests.cli.shell import Session
from tests.sources.certificates import Authority
from tests.sources.conftest import Serving
from tests.sources.git_servers import Origin as Repository
from tests.sources.git_servers import git_over_http
from tests.sources.http_server import redirect
from tests.sources.proxy_server import ProxyServer
from tests.support.packages import pack

LOGIN = f"Basic {b64encode(b'ann:p@ss').decode()}"

Proxying = Callable[..., ProxyServer]


@pytest.fixture
def proxying() -> Iterator[Proxying]:
    with ExitStack() as servers:
        yield lambda *args, **kwargs: servers.enter_context(ProxyServer(*args, **kwargs))


def bounds(proxy: str, **authorities: str) -> Bounds:
    proxies = proxies_of(SourceRules(proxy=proxy), {})
    return Bounds(size=2**20, seconds=20, network=Network(proxies=proxies, authorities=Authorities(**authorities)))


def failure(url: str, how: Bounds) -> LlamagateError:
    with pytest.raises(LlamagateError) as caught:
        read_document(url, bounds=how)
    return caught.value


def of(proxies: Proxies, url: str) -> str:
    return str(proxies.of(HttpUrl.from_text(f"{url}/").origin))


def test_by_default_and_by_none_there_is_none() -> None:
    variables = {"HTTPS_PROXY": "http://proxy:3128"}
    assert proxies_of(SourceRules(), variables) == DIRECT
    assert proxies_of(SourceRules(proxy="none"), variables) == DIRECT
    assert unused_variable(SourceRules(), variables) == "HTTPS_PROXY"
    assert unused_variable(SourceRules(), {}) == ""
    for said in (SourceRules(proxy="none"), SourceRules(proxy="env"), SourceRules(proxy_variable="X")):
        assert unused_variable(said, variables) == ""


def test_env_takes_the_usual_variables() -> None:
    variables = {"https_proxy": "secure:1", "HTTPS_PROXY": "other:1", "ALL_PROXY": "http://all:2", "NO_PROXY": ""}
    proxies = proxies_of(SourceRules(proxy="env"), variables)
    assert of(proxies, "https://example.org") == "http://secure:1"
    assert of(proxies, "http://example.org") == "http://all:2"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "a.localhost"])
def test_this_machine_is_never_reached_through_one(host: str) -> None:
    assert of(proxies_of(SourceRules(proxy="http://proxy:1"), {}), f"http://{host}") == "None"


@pytest.mark.parametrize(
    ("listed", "url", "direct"),
    [
        ("example.org", "https://example.org", True),
        ("example.org", "https://a.example.org", True),
        (".example.org", "https://a.example.org", True),
        ("*.example.org", "https://a.example.org", True),
        ("example.org", "https://anexample.org", False),
        ("EXAMPLE.org", "https://example.org", True),
        ("other, example.org:8443", "https://example.org:8443", True),
        ("example.org:8443", "https://example.org", False),
        ("*", "https://example.org", True),
        ("example.org.", "https://example.org", True),
        ("[fd00::1]:443", "https://[fd00::1]", True),
        ("[fd00::1]:80", "https://[fd00::1]", False),
        ("example.org:" + "9" * 5000, "https://example.org", False),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.1.2.3", "https://10.1.2.3", True),
        (",. ", "https://example.org", False),
    ],
)
def test_no_proxy(listed: str, url: str, direct: bool) -> None:
    proxies = proxies_of(SourceRules(proxy="env"), {"ALL_PROXY": "http://proxy:1", "NO_PROXY": listed})
    assert (of(proxies, url) == "None") is direct


@pytest.mark.parametrize(
    "text",
    [
        "https://proxy:1",
        "socks5://proxy:1",
        "http://",
        "http://a b",
        "http://proxy:x",
        "http://proxy/x",
        "http://proxy?x",
        "http://p#proxy",
    ],
)
def test_what_is_no_proxy_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(InputError, match="CORP holds") as caught:
        proxies_of(SourceRules(proxy_variable="CORP"), {"CORP": text.replace("proxy", "ann:hidden@proxy")})
    assert "hidden" not in caught.value.message


def test_credentials_come_from_a_variable() -> None:
    proxy = proxies_of(SourceRules(proxy_variable="CORP"), {"CORP": "http://ann:p%40ss@proxy:1"}).by_scheme["https"]
    assert proxy.headers == {"Proxy-Authorization": LOGIN}
    assert "ss" not in repr(proxy) + str(proxy)
    with pytest.raises(InputError, match="CORP is not set"):
        proxies_of(SourceRules(proxy_variable="CORP"), {})


def test_plain_http_goes_through_it_without_looking_up_the_name(serving: Serving, proxying: Proxying) -> None:
    server = serving({"/x?a=b": b"data"})
    proxy = proxying({"packages.test": server.port})
    assert read_document("http://packages.test/x?a=b", bounds=bounds(proxy.url)) == b"data"
    assert proxy.asked == ["GET http://packages.test/x?a=b HTTP/1.1"]


def test_https_is_a_tunnel_in_which_the_certificate_is_checked(
    serving: Serving, proxying: Proxying, authority: Authority
) -> None:
    server = serving({"/x": b"data"}, tls=authority.server("packages.test"))
    proxy = proxying({"packages.test": server.port, "wrong.test": server.port})
    how = bounds(proxy.url, file=str(authority.file))
    assert read_document("https://packages.test/x", bounds=how) == b"data"
    assert [line.rpartition(" ")[0] for line in proxy.asked] == ["CONNECT packages.test:443"]
    assert "is for another host" in failure("https://wrong.test/x", how).message
    assert type(failure("https://packages.test/x", bounds(proxy.url))) is RefusedError


def test_a_proxy_that_wants_credentials(serving: Serving, proxying: Proxying, authority: Authority) -> None:
    server = serving({"/x": b"data"}, tls=authority.server("packages.test"))
    proxy = proxying({"packages.test": server.port}, wants=LOGIN)
    without = failure("https://packages.test/x", bounds(proxy.url))
    assert "it answered 407 (credentials are needed)" in without.message
    assert "{env: NAME}" in without.advice
    shown = proxies_of(SourceRules(proxy_variable="P"), {"P": proxy.url.replace("//", "//ann:p%40ss@")})
    network = Network(proxies=shown, authorities=Authorities(file=str(authority.file)))
    assert read_document("https://packages.test/x", bounds=Bounds(size=99, seconds=20, network=network)) == b"data"
    assert server.requests[-1].headers.get("proxy-authorization") is None


def test_a_proxy_that_is_not_there_or_does_not_connect(proxying: Proxying, free_port: int) -> None:
    gone = failure("https://packages.test/x", bounds(f"http://127.0.0.1:{free_port}"))
    assert f"no connection to http://127.0.0.1:{free_port}: " in gone.message
    proxy = proxying({})
    assert type(failure("https://packages.test/x", bounds(proxy.url))) is UnreachableError
    assert len(proxy.asked) == 3, "a 502 may pass"


OTHER_FORMS = ["2852039166", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "169.254.43518", "169.254.169.254."]


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/x", "http://10.0.0.1/x", "http://[::1]/x", *(f"http://{one}/x" for one in OTHER_FORMS)],
)
def test_row_81_literal_addresses_are_judged_through_a_proxy_too(
    serving: Serving, proxying: Proxying, target: str
) -> None:
    proxy = proxying({"packages.test": serving({"/x": redirect(target)}).port})
    assert type(failure("http://packages.test/x", bounds(proxy.url))) is RefusedError
    assert len(proxy.asked) == 1


def test_certificates_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    assert authorities_of({"SSL_CERT_FILE": "", "GIT_SSL_CAPATH": str(tmp_path)}) == Authorities("", str(tmp_path))
    with pytest.raises(InputError, match="SSL_CERT_FILE names /nowhere for the certificates"):
        authorities_of({"SSL_CERT_FILE": "/nowhere"})


# Through the command line


def desired(session: Session, source: str, proxy: str | None) -> None:
    policy = f"policy: {{sources: {{proxy: {proxy}}}}}\n" if proxy else ""
    session.desired(f"{policy}extensions:\n  foo: {{source: {source}}}\n")


def test_git_goes_through_it(session: Session, proxying: Proxying, authority: Authority) -> None:
    repository = Repository(session.base / "served" / "packages")
    session.package("foo")
    repository.commit({"foo/manifest.yaml": (session.project / "packages/foo/manifest.yaml").read_text()})
    certificate = session.base / "server.pem"
    authority.write("packages.test", certificate)
    with git_over_http(session.base / "served", certificate=certificate) as served:
        proxy = proxying({"packages.test": served.port}, wants=LOGIN)
        session.variables |= {"CORP": proxy.url.replace("//", "//ann:p%40ss@"), "SSL_CERT_FILE": str(authority.file)}
        desired(session, "{git: 'https://packages.test/packages/.git', path: foo}", "{env: CORP}")
        session.llamagate("apply")
        session.variables["CORP"] = proxy.url
        assert "the proxy wants credentials" in session.llamagate("lock", "--upgrade", exits=1).err
    assert set(proxy.asked) == {"CONNECT packages.test:443 HTTP/1.1"}
    assert session.installed("foo").is_dir()


def test_what_a_proxy_decides_is_said_once(session: Session, serving: Serving, proxying: Proxying) -> None:
    for item in ("foo", "bar"):
        session.package(item)
        pack(session.project / "packages" / item, session.base / f"{item}.zip")
    server = serving(folder=session.base)
    proxy = proxying({"packages.test": server.port})
    rows = "".join(f"  {item}: http://packages.test/{item}.zip\n" for item in ("foo", "bar"))
    session.desired(f"policy: {{sources: {{proxy: '{proxy.url}'}}}}\nextensions:\n{rows}")
    said = session.llamagate("apply", "--json").json
    assert [warning["code"] for warning in said["warnings"]] == ["proxy-decides"]
    assert session.actions() == []


def test_a_variable_that_is_not_used_is_mentioned(session: Session, free_port: int) -> None:
    session.variables["HTTPS_PROXY"] = "http://proxy.test:1"
    desired(session, f"https://127.0.0.1:{free_port}/foo.zip", None)
    said = session.llamagate("apply", exits=1)
    assert "HTTPS_PROXY is set, and not used; 'proxy: env' below policy.sources uses it" in said.err
    desired(session, f"https://127.0.0.1:{free_port}/foo.zip", "none")
    assert "HTTPS_PROXY" not in session.llamagate("apply", exits=1).err


@pytest.mark.parametrize("proxy", ["ftp://x", "http://ann:hidden@proxy", "{variable: X}", "no", "{env: 'a b'}"])
def test_a_proxy_that_is_none(session: Session, proxy: str) -> None:
    desired(session, "./packages/foo", proxy)
    session.llamagate("plan", exits=1)
