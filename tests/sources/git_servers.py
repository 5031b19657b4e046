"""Real git repositories for tests, and real servers for them on loopback.

``Origin`` is a repository that a test fills; ids are the same on every machine. ``git_over_http`` serves all the
repositories of a folder by git's own ``http-backend``, and misbehaves on request; ``git_daemon`` serves them by
``git://``.
"""

from __future__ import annotations

import gzip
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.support.packages import MANIFEST

_ENVIRONMENT: Final = {
    "PATH": os.environ["PATH"],
    "LC_ALL": "C",
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{who}_{what}": who.lower() for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
_PACK: Final = b"PACK\0\0\0\2"
_FIRST_SECOND: Final = 1_700_000_000


def git(*arguments: str, folder: Path, given: bytes = b"", second: int = _FIRST_SECOND) -> str:
    """Run git in ``folder`` with settings of no one, and return what it prints, without the last line feed."""
    dates = {f"GIT_{who}_DATE": f"{second} +0000" for who in ("AUTHOR", "COMMITTER")}
    ran = subprocess.run(
        ["git", *arguments], cwd=folder, env=_ENVIRONMENT | dates, input=given, capture_output=True, check=True
    )
    return ran.stdout.decode("utf-8", "surrogateescape").rstrip("\n")


class Origin:
    """A repository with a work tree at ``path``, which a test fills with commits."""

    def __init__(self, path: Path, *, object_format: str = "sha1") -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", f"--object-format={object_format}")
        self._second = _FIRST_SECOND

    def git(self, *arguments: str, given: bytes = b"") -> str:
        """Run git in the repository."""
        return git(*arguments, folder=self.path, given=given)

    def commit(self, files: Mapping[str, str | bytes | None] | None = None, message: str = "change") -> str:
        """Write ``files`` (``None`` removes one; what starts with ``#!`` is executable), commit, return the id."""
        for name, content in (files or {}).items():
            self._write(self.path / name, content)
        self.git("add", "--all", "--force")
        return self._committed(message)

    def package(self, folder: str, *, version: str = "1.0.0") -> str:
        """Commit an extension that the gateway can load, with the id that is the last part of ``folder``."""
        name = folder.rpartition("/")[2]
        return self.commit({f"{folder}/manifest.yaml": MANIFEST.format(id=name, version=version)})

    def commit_tree(self, tree: str) -> str:
        """Commit a tree, which may be forged; the branch leads to it."""
        commit = self.git("commit-tree", "-m", "tree", tree)
        self.git("update-ref", "HEAD", commit)
        return commit

    def blob(self, content: bytes) -> str:
        """The id of a new blob."""
        return self.git("hash-object", "-w", "--stdin", given=content)

    def tree(self, *entries: tuple[str, str, str]) -> str:
        """The id of a new tree of (mode, name, id), in this order, whatever they are."""
        lines = [
            f"{mode} {name}\0".encode("utf-8", "surrogateescape") + bytes.fromhex(oid) for mode, name, oid in entries
        ]
        return self.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", given=b"".join(lines))

    def tag(self, name: str, commit: str = "HEAD", *, annotated: bool = False) -> str:
        """Put a tag on a commit, or move it there; the answer is the commit."""
        self.git("tag", "--force", *(["--annotate", "--message", name] if annotated else []), name, commit)
        return self.git("rev-parse", f"{commit}^{{commit}}")

    def _write(self, path: Path, content: str | bytes | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
            return
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(data)
        path.chmod(0o755 if data.startswith(b"#!") else 0o644)

    def _committed(self, message: str) -> str:
        self._second += 1
        git("commit", "--quiet", "--allow-empty", "--message", message, folder=self.path, second=self._second)
        return self.git("rev-parse", "HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the server got it."""

    method: str
    target: str
    headers: Mapping[str, str]
    """By their names in lower case."""


Misbehaviour = Callable[[BaseHTTPRequestHandler], bool]
"""May answer a request in the server's place, and says whether it did."""


@dataclass(slots=True)
class GitOverHttp:
    """A running server. ``before`` is asked first, with each request."""

    root: Path
    scheme: str
    port: int
    requests: list[Request] = field(default_factory=list)
    fetches: int = 0
    """How many packs were given out."""
    before: Misbehaviour = lambda _: False
    old: bool = False
    """The protocol of git before 2018, which gives out only what refs name."""
    dumb: bool = False
    """A server of files, which knows nothing of git."""

    def url(self, name: str) -> str:
        """The url of the repository in the folder ``name`` below the root."""
        return f"{self.scheme}://127.0.0.1:{self.port}/{name}/.git"


@contextmanager
def git_over_http(root: Path, *, certificate: Path | None = None) -> Iterator[GitOverHttp]:
    """Serve the repositories below ``root`` by http; by https with a ``certificate`` (a file with its key)."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    serving = GitOverHttp(root=root, scheme="https" if certificate else "http", port=server.server_address[1])
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serving = serving
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield serving
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answering(status: int, body: str = "", *, kind: str = "text/plain", **headers: str) -> Misbehaviour:
    """Every request gets this answer. In names of ``headers`` stands ``_`` for ``-``."""

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        handler.send_response_only(status)
        facts = {"Content-Type": kind, "Content-Length": str(len(body.encode())), "Connection": "close"}
        for name, value in {**facts, **{name.replace("_", "-"): value for name, value in headers.items()}}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body.encode())
        return True

    return answer


def demanding(authorization: str) -> Misbehaviour:
    """Requests without this ``Authorization`` are asked for a password."""
    refusal = answering(401, "no", WWW_Authenticate='Basic realm="git"')
    return lambda handler: handler.headers.get("Authorization") != authorization and refusal(handler)


class Hanging:
    """Requests whose path ends with ``where`` are never answered; ``reached`` says that one came, ``ends`` ends it."""

    def __init__(self, where: str = "") -> None:
        self.where = where
        self.reached = threading.Event()
        self.ends = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> bool:
        if not handler.path.endswith(self.where):
            return False
        self.reached.set()
        self.ends.wait()
        return True


class _Server(ThreadingHTTPServer):
    serving: GitOverHttp

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news: git is killed in some tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        body = self._chunked() if "chunked" in self.headers.get("Transfer-Encoding", "") else self._counted()
        self._serve(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""

    def _counted(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def _chunked(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _serve(self, body: bytes) -> None:
        serving = self.server.serving
        headers = {name.lower(): value for name, value in self.headers.items()}
        serving.requests.append(Request(method=self.command, target=self.path, headers=headers))
        if serving.before(self):
            return
        ran = subprocess.run(
            ["git", "http-backend"], env=self._variables(body), input=body, capture_output=True, check=False
        )
        serving.fetches += _PACK in ran.stdout
        head, _, content = ran.stdout.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response_only(int(lines.pop("Status", "200 OK").split(" ")[0]))
        for name, value in {**lines, "Content-Length": str(len(content)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _variables(self, body: bytes) -> dict[str, str]:
        serving, parts = self.server.serving, urlsplit(self.path)
        variables = {
            **_ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(serving.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": parts.path,
            "QUERY_STRING": "" if serving.dumb else parts.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
        }
        protocol = self.headers.get("Git-Protocol")
        return variables | ({"GIT_PROTOCOL": protocol} if protocol and not serving.old else {})


@contextmanager
def git_daemon(root: Path) -> Iterator[str]:
    """Serve the repositories below ``root`` by git's own daemon; what is given out is the url of the root."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    options = ("--listen=127.0.0.1", f"--port={port}", f"--base-path={root}", "--export-all", "--reuseaddr")
    command = ["git", "daemon", *options, str(root)]
    with subprocess.Popen(command, env=_ENVIRONMENT, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            _wait_for(port)
            yield f"git://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, 15)


def _wait_for(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
