"""Worlds whose packages come from a catalog: once signed by somebody who is asked for, once by nobody."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey, Kind
from reconciler.trust.sshsig import Signature, encoded
from reconciler.trust.statements import PACKAGE_NAMESPACE, package_statement
from tests.benchmark.data import FRESH_SECONDS, World, listed
from tests.benchmark.measure import complete, llamagate

_KIND = "ssh-ed25519"


def from_catalog(root: Path, count: int, *, signed: bool) -> World:
    """``count`` packages of a catalog, installed; nothing is left to do, and that is kept."""
    world = listed(root, count)
    complete(llamagate("catalog", "build", str(world.packages)), root)
    names = sorted(path.stem for path in world.packages.glob("*.zip"))
    items = "".join(f"  {name}: {{source: {{catalog: ./packages}}}}\n" for name in names)
    trust = _sign(world, root / "key") if signed else ""
    world.desired.write_text(f"apiVersion: llamagate/v1\nextensions:\n{items}{trust}", "utf-8")
    for seconds in (0.0, FRESH_SECONDS, FRESH_SECONDS):
        time.sleep(seconds)
        complete(world.command("apply"), root)
    return world


def _sign(world: World, key: Path) -> str:
    """Sign each package here, which takes a moment, and the index with the program."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    private = load_ssh_private_key(key.read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    words = key.with_name("key.pub").read_text().split()[:2]
    (world.root / "allowed_signers").write_text(f"alice {' '.join(words)}\n")
    index = world.packages / "index.json"
    document = json.loads(index.read_bytes())
    for name, item in document["items"].items():
        for version, release in item["versions"].items():
            statement = package_statement(
                ItemKey(Kind.EXTENSION, name), version, Digest(release["tree"]), release.get("exec")
            )
            release["signatures"] = [_signature(private, base64.b64decode(words[1]), statement)]
    index.write_text(json.dumps(document))
    complete(llamagate("sign", str(world.packages), "--key", str(key), "--expires", "52w"), world.root)
    return "trust: {signers: ./allowed_signers}\n"


def _signature(private: Ed25519PrivateKey, public: bytes, statement: bytes) -> str:
    bare = Signature(
        public=public,
        namespace=PACKAGE_NAMESPACE,
        reserved=b"",
        hash="sha512",
        algorithm=_KIND,
        value=b"",
        text="",
    )
    value = private.sign(bare.signed(statement))
    return encoded(public=public, namespace=PACKAGE_NAMESPACE, digest="sha512", algorithm=_KIND, value=value)
