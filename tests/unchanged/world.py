"""A home where nothing is to be done, with one of everything that decides a pass."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from reconciler.commands.apply import apply
from reconciler.errors import NeedsRecoveryError
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Listener
from reconciler.model.plan import Plan
from reconciler.model.record import Record
from reconciler.queries.plan import read_plan
from reconciler.reconcile.options import Options
from reconciler.reconcile.readers import steadily
from reconciler.reconcile.unchanged import unchanged
from reconciler.store.state_files import read_record
from reconciler.store.write import write_record
from tests.support.packages import MANIFEST, MODULE, pack, write_files

DESIRED: Final = """\
apiVersion: llamagate/v1
extensions:
  folder:
    source: ./packages/folder
    config: {token: {env: TOKEN}, interval: {file: secret.txt}}
  zipped: ./packages/zipped.zip
modules:
  flow: {source: ./packages/flow, depends_on: [folder]}
"""
LATER: Final = timedelta(seconds=10)
"""How long after the last write a pass is said to begin: nothing is too fresh then."""


class World:
    """Below ``root``: packages, a file that lists them, a secret, and the home."""

    def __init__(self, root: Path) -> None:
        self.project = root / "project"
        self.home = Home(root / "home")
        self.variables = {"TOKEN": "one"}
        self.lock_file: Path | None = None
        self.options = Options(file=self.project / "llamagate.yaml")
        packages = self.project / "packages"
        body = {"templates/deep/a.txt": "a", "run.sh": "#!/bin/sh\n"}
        for name in ("folder", "zipped"):
            write_files(packages / name, {"manifest.yaml": MANIFEST.format(id=name, version="1.0.0"), **body})
        pack(packages / "zipped", packages / "zipped.zip")
        manifest = MODULE.format(id="flow", version="1.0.0", extension="folder")
        write_files(packages / "flow", {"agenticmodule.yaml": manifest})
        write_files(self.project, {"llamagate.yaml": DESIRED, "secret.txt": "x"})
        self.home.root.mkdir()
        self.settle()

    def environment(self, later: timedelta = LATER) -> Environment:
        now = datetime.now(UTC) + later
        return Environment(
            home=self.home.root,
            is_own_home=False,
            variables=self.variables,
            now=now,
            command="test",
            lock_file=self.lock_file,
        )

    def apply(self, later: timedelta = LATER) -> None:
        apply(self.environment(later), self.options, Listener(wait=0, notice=lambda _: None))

    def settle(self) -> None:
        """Apply until there is nothing to do, and that is kept: the first writes, the second may note new stamps."""
        for _ in range(4):
            self.apply()
            if self.answer() is not None:
                return
        raise AssertionError("nothing is kept")

    def answer(self, options: Options | None = None) -> Plan | None:
        """What a reader is told without a full pass; ``None`` where it needs one."""
        env = self.environment()
        try:
            return steadily(self.home, lambda: unchanged(env, options or self.options))
        except NeedsRecoveryError:
            return None

    def full(self) -> Plan:
        """The plan of a full pass."""
        self.home.unchanged.unlink(missing_ok=True)
        return read_plan(self.environment(), self.options)

    def installed(self, path: str) -> Path:
        return self.home.root / "extensions" / "installed" / path

    def package(self, path: str) -> Path:
        return self.project / "packages" / path

    @property
    def record(self) -> Record:
        return read_record(self.home)[0]

    def recorded(self, change: Callable[[Record], Record]) -> Callable[[], object]:
        """Write the record with a change; what this returns writes it as it was."""
        before = self.record
        write_record(self.home, change(before))
        return lambda: write_record(self.home, before)


def restored(path: Path) -> Callable[[], object]:
    """What puts the file, link or folder at ``path`` back as it is now; its stamps are others then."""
    aside = path.with_name(f".{path.name}.kept")
    is_there = path.exists()
    if is_there and path.is_dir():
        shutil.copytree(path, aside, symlinks=True, dirs_exist_ok=True)
    elif is_there:
        shutil.copy2(path, aside)

    def put_back() -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if is_there:
            aside.rename(path)

    return put_back
