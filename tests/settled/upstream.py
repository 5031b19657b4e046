"""What the lock pins, and where it comes from: a git repository, a catalog and a web server, all of them real.

They are filled once, and every package is fetched once. A home begins with copies: it asks nobody for what it has.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from reconciler.commands.apply import apply
from reconciler.commands.catalog_build import build_catalog
from reconciler.model.desired import Limits
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Listener
from reconciler.reconcile.options import Options
from reconciler.sources.catalog.index import index_bytes
from tests.sources.git_servers import Origin
from tests.sources.http_server import HttpServer
from tests.support.packages import MANIFEST, pack, write_files

VERSIONS: Final = ("1.0.0", "1.1.0", "2.0.0")
"""The first is there from the beginning."""
IN_GIT: Final = ("tagged", "named")
PINNED: Final = (*IN_GIT, "offered", "web")
LOCAL_GIT: Final = {"local_git": True}
Entry = dict[str, Any]


class Upstream:
    """Below ``folder``: what a home begins with."""

    def __init__(self, folder: Path, server: HttpServer) -> None:
        self.folder, self.server = folder, server
        self.commits: dict[str, str] = {}
        self.indexes: dict[str, bytes] = {}
        self.home = Home(folder / "home")
        self.env = Environment(
            home=self.home.root, is_own_home=False, variables={}, now=datetime(2026, 1, 1, tzinfo=UTC), command="test"
        )
        self._fill_repository()
        self._fill_catalog()
        server.routes["/web.zip"] = pack(self._package("web", VERSIONS[0]), folder / "web.zip").read_bytes()
        self.show(folder, VERSIONS[0])
        self._fetch()

    def _package(self, name: str, version: str) -> Path:
        files = {"manifest.yaml": MANIFEST.format(id=name, version=version), "run.sh": "#!/bin/sh\n"}
        return write_files(self.folder / version / name, files)

    def _fill_repository(self) -> None:
        origin = Origin(self.folder / "origin")
        for version in VERSIONS:
            for name in IN_GIT:
                shutil.copytree(self._package(name, version), origin.path / name, dirs_exist_ok=True)
            self.commits[version] = origin.commit()
        origin.git("repack", "-a", "-d", "-q")
        shutil.rmtree(origin.path / ".git/hooks")
        (origin.path / ".git").rename(self.folder / "repo.git")

    def _fill_catalog(self) -> None:
        catalog = self.folder / "catalog"
        catalog.mkdir()
        for version in VERSIONS:
            pack(self._package("offered", version), catalog / f"offered-{version}.zip")
            self.indexes[version] = index_bytes(build_catalog(self.env, catalog, Limits()).catalog)

    def _fetch(self) -> None:
        """Into a home that has nothing else."""
        file = self.folder / "llamagate.yaml"
        document = {"apiVersion": "llamagate/v1", "policy": {"sources": LOCAL_GIT}, "extensions": self.entries}
        file.write_text(json.dumps(document))
        apply(self.env, Options(file=file), Listener(wait=0, notice=lambda _: None))
        shutil.rmtree(self.home.git_cache)

    @property
    def entries(self) -> dict[str, Entry]:
        """What a file says of the packages."""
        return {
            "tagged": {"source": {"git": "./repo.git", "path": "tagged"}, "version": "^1.0"},
            "named": {"source": {"git": "./repo.git", "path": "named", "ref": "named/v1.0.0"}},
            "offered": {"source": {"catalog": "./catalog"}, "version": "^1.0"},
            "web": {"source": self.web},
        }

    def copy_to(self, project: Path, home: Home) -> None:
        """Into a project that has no lock yet, and the home's cache."""
        for name in ("repo.git", "catalog"):
            shutil.copytree(self.folder / name, project / name)
        shutil.copy(self.folder / "llamagate.lock.yaml", project)
        shutil.copytree(self.home.cache, home.cache, dirs_exist_ok=True)

    def show(self, project: Path, version: str) -> None:
        """This version is the newest there now; a tag stays where it is."""
        refs = project / "repo.git/refs"
        for place in (refs / "heads/main", *(refs / f"tags/{name}/v{version}" for name in IN_GIT)):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{self.commits[version]}\n")
        (project / "catalog/index.json").write_bytes(self.indexes[version])

    def move(self, project: Path, random: Random) -> None:
        """A tag leads elsewhere."""
        place = project / f"repo.git/refs/tags/{random.choice(IN_GIT)}/v{VERSIONS[0]}"
        place.write_text(f"{self.commits[random.choice(VERSIONS)]}\n")

    def withdraw(self, project: Path) -> None:
        """Every version that the catalog has."""
        index = project / "catalog/index.json"
        found = json.loads(index.read_bytes())
        for one in found["items"]["offered"]["versions"].values():
            one["yanked"] = True
        index.write_text(json.dumps(found))

    @property
    def web(self) -> str:
        """The address of an archive; beside it there is nothing."""
        return self.server.url("/web.zip")

    @property
    def archive(self) -> str:
        """The digest of the one on the web."""
        return hashlib.sha256((self.folder / "web.zip").read_bytes()).hexdigest()
