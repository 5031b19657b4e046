"""Real registries on loopback: Debian's ``docker-registry``, open, behind a password, or behind a server of tokens.

    with registry(tmp_path) as found:
        push_to(f"{found.host}/team/foo")

Tests skip where the program is not installed; ``skopeo`` is another's client.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.sources.http_server import Exchange, HttpServer, body

PROGRAM: Final = shutil.which("docker-registry")
USER, PASSWORD = "ada", "p4ssw0rd"
IDENTITY: Final = "an-identity-token"
_SERVICE: Final = "tests"
_START_SECONDS: Final = 20


def basic(user: str = USER, password: str = PASSWORD) -> str:
    """As a file of credentials has it."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Registry:
    """``host`` is how references name it, ``data`` where its blobs are, ``log`` what it was asked."""

    host: str
    data: Path
    log: Path
    tokens: TokenServer | None = None
    process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """From now on nobody answers there."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def requests(self) -> list[str]:
        """``GET /v2/…`` of each request, in order."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line.split('"')[1].rpartition(" ")[0] for line in lines if '" "' in line and " /v2/" in line]

    def blob(self, digest: str) -> Path:
        """The file of a blob or manifest."""
        hexadecimal = digest.removeprefix("sha256:")
        root = self.data / "docker/registry/v2/blobs/sha256"
        return root / hexadecimal[:2] / hexadecimal / "data"


@dataclass
class TokenServer:
    """Gives tokens, signed with a key of its own, to who shows the password or the identity token."""

    folder: Path
    seconds: int = 300
    anonymous: bool = False
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens")])
        now = datetime.now(UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = self.folder / "tokens.pem"
        self.certificate.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def answer(self, exchange: Exchange) -> None:
        form = exchange.request.method == "POST"
        query = _body(exchange) if form else urlsplit(exchange.request.path).query
        asked = parse_qs(query)
        self.asked.append(asked)
        self.shown.append(exchange.request.headers.get("authorization", ""))
        is_known = self.shown[-1] == f"Basic {basic()}" or asked.get("refresh_token") == [IDENTITY]
        if not (is_known or (self.anonymous and not self.shown[-1] and not form)):
            return body(b'{"errors": []}', status=401)(exchange)
        token = self._token(asked.get("scope", []))
        return body(json.dumps({"access_token" if form else "token": token}).encode())(exchange)

    def _token(self, scopes: list[str]) -> str:
        now = int(time.time())
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        certificate = base64.b64encode(self._certificate.public_bytes(Encoding.DER)).decode()
        head = _encoded({"typ": "JWT", "alg": "ES256", "x5c": [certificate]})
        times = {"iat": now - 60, "nbf": now - 60, "exp": now + self.seconds}
        said = _encoded({"iss": "tests", "sub": USER, "aud": _SERVICE, "jti": "1", "access": access, **times})
        r, s = decode_dss_signature(self._key.sign(f"{head}.{said}".encode(), ec.ECDSA(hashes.SHA256())))
        signature = base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).rstrip(b"=").decode()
        return f"{head}.{said}.{signature}"


def _encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _body(exchange: Exchange) -> str:
    length = int(exchange.request.headers["content-length"])
    data = exchange.request.body
    while len(data) < length:
        data += exchange.connection.recv(2**16)
    return data.decode()


@contextmanager
def registry(folder: Path, auth: str = "none", **tokens: Any) -> Iterator[Registry]:
    """A registry that keeps its data below ``folder``. ``auth``: none, basic or token."""
    if PROGRAM is None:
        pytest.skip("docker-registry is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    host = f"127.0.0.1:{port}"
    server = TokenServer(folder, **tokens) if auth == "token" else None
    with HttpServer({"/token": server.answer} if server else {}) as realm:
        settings: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": False}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": host},
        }
        if server is not None:
            settings["auth"] = {
                "token": {
                    "realm": realm.url("/token"),
                    "service": _SERVICE,
                    "issuer": "tests",
                    "rootcertbundle": str(server.certificate),
                }
            }
        elif auth == "basic":
            settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(_passwords(folder))}}
        (folder / "config.yml").write_text(yaml.safe_dump(settings))
        log = folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [PROGRAM, "serve", str(folder / "config.yml")], stdout=out, stderr=out, env={"PATH": "/usr/bin:/bin"}
            )
            try:
                _wait_for(port, process, log)
                yield Registry(host, folder / "data", log, server, process)
            finally:
                process.kill()
                process.wait()


def _passwords(folder: Path) -> Path:
    program = shutil.which("htpasswd")
    if program is None:
        pytest.skip("htpasswd is not installed")
    made = subprocess.run([program, "-Bbn", USER, PASSWORD], capture_output=True, check=True)
    path = folder / "htpasswd"
    path.write_bytes(made.stdout)
    return path


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"the registry did not start: {log.read_text()}")


def skopeo(*arguments: str) -> str:
    """Run skopeo against registries without TLS, and return what it prints."""
    program = shutil.which("skopeo")
    if program is None:
        pytest.skip("skopeo is not installed")
    ran = subprocess.run([program, "--insecure-policy", *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
