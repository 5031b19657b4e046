"""A team: people with keys, a signed catalog, and a file that asks for signatures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.cli.parcels import zipped
from tests.cli.shell import Session
from tests.trust.keys import make_key, public

BOTH = "package@llamagate,catalog@llamagate"


class Team:
    """``shop`` is the catalog's folder; ``signers`` and ``revoked`` are beside the file."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.shop = session.base / "shop"
        self.shop.mkdir()
        self.signers = session.project / "allowed_signers"
        self.revoked = session.project / "revoked_keys"
        self.revoked.write_text("")
        self.keys: dict[str, Path] = {}
        self.allow("alice")

    def key(self, name: str) -> Path:
        if name not in self.keys:
            self.keys[name] = make_key(self.session.base / f"key-{name}")
        return self.keys[name]

    def allow(self, *names: str, namespaces: str = BOTH, options: str = "") -> None:
        lines = [f'{one} namespaces="{namespaces}"{options} {public(self.key(one))}\n' for one in names]
        with self.signers.open("a") as out:
            out.writelines(lines)

    def publish(self, item: str = "foo", version: str = "1.0.0", by: str = "alice", **options: object) -> None:
        self.session.package(item, version=version)
        zipped(self.session, item, str(self.shop / f"{item}-{version}.zip"))
        self.build(by, **options)

    def build(self, by: str = "alice", **options: object) -> None:
        more = [part for name, value in options.items() for part in (f"--{name}", value)]
        self.session.llamagate("catalog", "build", self.shop, "--sign", self.key(by), *more)

    def desire(self, *items: str, trust: str = "require: signed", version: str = "*") -> None:
        lines = [f"  {one}: {{source: {{catalog: '{self.shop}'}}, version: '{version}'}}" for one in items or ("foo",)]
        text = "\n".join(["extensions:", *lines])
        self.session.desired(f"{text}\ntrust: {{signers: ./allowed_signers, revoked: ./revoked_keys, {trust}}}\n")

    @property
    def index(self) -> Any:
        return json.loads((self.shop / "index.json").read_bytes())

    @property
    def lock(self) -> Any:
        return yaml.safe_load((self.session.project / "llamagate.lock.yaml").read_text())

    def edit_lock(self, old: str, new: str) -> None:
        path = self.session.project / "llamagate.lock.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
