"""One package, published by each of the seven kinds of source, by real servers on loopback."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cli.shell import Session
from tests.sources.git_servers import GitOverHttp, Origin, git_over_http
from tests.sources.http_server import HttpServer
from tests.sources.registries import PROGRAM, Registry, registry
from tests.support.packages import pack


class Route(ABC):
    """A way by which ``packages/ITEM`` of the session reaches people."""

    is_pinned = True

    def __init__(self, session: Session) -> None:
        self.session = session

    @abstractmethod
    def source(self, item: str) -> str:
        """The item's source, as the desired state writes it."""

    @abstractmethod
    def publish(self, item: str, version: str = "1.0.0") -> None:
        """Give out what is in ``packages/ITEM`` now, in place of what was given out as this version."""

    @abstractmethod
    def import_words(self, item: str) -> tuple[str, ...]:
        """What 'import' is given for it."""

    @property
    @abstractmethod
    def asked(self) -> int:
        """How often anyone was asked for anything."""

    def folder(self, item: str) -> Path:
        return self.session.project / "packages" / item


class DirRoute(Route):
    is_pinned = False

    def source(self, item: str) -> str:
        return f"./published/{item}"

    def import_words(self, item: str) -> tuple[str, ...]:
        return (self.source(item),)

    def publish(self, item: str, version: str = "1.0.0") -> None:
        place = self.session.project / "published" / item
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder(item), place)

    @property
    def asked(self) -> int:
        return 0


class ZipRoute(Route):
    is_pinned = False

    def source(self, item: str) -> str:
        return f"published/{item}.zip"

    def import_words(self, item: str) -> tuple[str, ...]:
        return (self.source(item),)

    def publish(self, item: str, version: str = "1.0.0") -> None:
        place = self.session.project / "published" / f"{item}.zip"
        place.parent.mkdir(exist_ok=True)
        pack(self.folder(item), place)

    @property
    def asked(self) -> int:
        return 0


class TarRoute(Route):
    is_pinned = False

    def source(self, item: str) -> str:
        return f"published/{item}.tar.gz"

    def import_words(self, item: str) -> tuple[str, ...]:
        return (self.source(item),)

    def publish(self, item: str, version: str = "1.0.0") -> None:
        place = self.session.project / "published" / f"{item}.tar.gz"
        place.parent.mkdir(exist_ok=True)
        place.unlink(missing_ok=True)
        with tarfile.open(place, "w:gz") as out:
            out.add(self.folder(item), item)

    @property
    def asked(self) -> int:
        return 0


class HttpRoute(Route):
    def __init__(self, session: Session, server: HttpServer) -> None:
        super().__init__(session)
        self.server = server

    def source(self, item: str) -> str:
        return f"{{http: '{self.server.url(f'/{item}.zip')}'}}"

    def import_words(self, item: str) -> tuple[str, ...]:
        return (self.server.url(f"/{item}.zip"),)

    def publish(self, item: str, version: str = "1.0.0") -> None:
        place = self.session.base / f"{item}.zip"
        pack(self.folder(item), place)
        self.server.routes[f"/{item}.zip"] = place.read_bytes()

    @property
    def asked(self) -> int:
        return len(self.server.requests)


class GitRoute(Route):
    def __init__(self, session: Session, origin: Origin, serving: GitOverHttp) -> None:
        super().__init__(session)
        self.origin, self.serving = origin, serving

    def source(self, item: str) -> str:
        return f"{{git: '{self.serving.url('packages')}', path: {item}, ref: {item}/v1.0.0}}"

    def import_words(self, item: str) -> tuple[str, ...]:
        return (self.serving.url("packages"), "--path", item)

    def publish(self, item: str, version: str = "1.0.0") -> None:
        shutil.rmtree(self.origin.path / item, ignore_errors=True)
        shutil.copytree(self.folder(item), self.origin.path / item)
        self.origin.commit(message=f"{item} {version}")
        self.origin.tag(f"{item}/v{version}")

    @property
    def asked(self) -> int:
        return len(self.serving.requests)


class CatalogRoute(Route):
    def __init__(self, session: Session, server: HttpServer) -> None:
        super().__init__(session)
        self.server = server

    def source(self, item: str) -> str:
        return f"{{catalog: '{self.server.url('/catalog')}'}}"

    def import_words(self, item: str) -> tuple[str, ...]:
        return ()

    def publish(self, item: str, version: str = "1.0.0") -> None:
        """As a publisher who does not keep to the rule that versions stay as they were."""
        folder = self.session.base / "served" / "catalog"
        folder.mkdir(parents=True, exist_ok=True)
        pack(self.folder(item), folder / f"{item}-{version}.zip")
        index = folder / "index.json"
        if index.exists():
            listed = json.loads(index.read_bytes())
            listed["items"].get(item, {"versions": {}})["versions"].pop(version, None)
            index.write_text(json.dumps(listed))
        self.session.llamagate("catalog", "build", folder)

    @property
    def asked(self) -> int:
        return len(self.server.requests)


class OciRoute(Route):
    def __init__(self, session: Session, server: Registry) -> None:
        super().__init__(session)
        self.server = server

    def source(self, item: str) -> str:
        return f"{{oci: '{self.server.host}/packages/{item}', ref: 1.0.0}}"

    def import_words(self, item: str) -> tuple[str, ...]:
        return (f"oci://{self.server.host}/packages/{item}",)

    def publish(self, item: str, version: str = "1.0.0") -> None:
        place = f"{self.server.host}/packages/{item}:{version}"
        self.session.llamagate("push", self.folder(item), place, "--replace")

    @property
    def asked(self) -> int:
        return len(self.server.requests)


KINDS: Final = ("dir", "zip", "tar", "http", "git", "catalog", "oci")
HERE: Final = tuple(kind for kind in KINDS if kind != "oci" or PROGRAM)
"""Those whose servers this machine has."""
LOCAL: Final[Mapping[str, type[Route]]] = {"dir": DirRoute, "zip": ZipRoute, "tar": TarRoute}
PINNED: Final = ("http", "git", "catalog", "oci")


@contextmanager
def route_of(kind: str, session: Session) -> Iterator[Route]:
    """The route of this kind, with its server."""
    if kind in LOCAL:
        yield LOCAL[kind](session)
    elif kind == "oci":
        with registry(session.base / "registry") as server:
            yield OciRoute(session, server)
    elif kind == "git":
        origin = Origin(session.base / "served" / "packages")
        with git_over_http(session.base / "served") as serving:
            yield GitRoute(session, origin, serving)
    else:
        with HttpServer(folder=session.base / "served") as server:
            yield HttpRoute(session, server) if kind == "http" else CatalogRoute(session, server)


def sha256(path: Path) -> str:
    """Of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
