"""Clients of a registry, without the command line."""

from __future__ import annotations

from io import BytesIO

from reconciler.model.desired import Limits
from reconciler.model.ignore_file import NO_PATTERNS
from reconciler.model.source import SourceKind
from reconciler.packages.zip.pack import pack
from reconciler.sources.local import LOCAL
from reconciler.sources.oci.access import PUSH, Access
from reconciler.sources.oci.client import Client
from reconciler.sources.oci.login import Login
from reconciler.sources.oci.manifests import EMPTY, EMPTY_CONFIG, MANIFEST, PACKAGE, ZIP, described, written
from reconciler.sources.oci.reference import Repository
from reconciler.sources.web.transfer import Bounds
from tests.cli.shell import Session


def client_of(host: str, name: str, *, login: str = "", seconds: float = 20) -> Client:
    """One that may push; ``login`` is what a file of credentials holds."""
    known = Login(label="the test", basic=f"Basic {login}") if login else None
    access = Access(repository=Repository(host, name), login=lambda _: known, actions=PUSH)
    return Client(access=access, bounds=Bounds(size=2**20, seconds=seconds))


def packed(session: Session, client: Client, item: str) -> str:
    """Push the extension ``item`` without a tag, and give the digest of its manifest."""
    session.package(item)
    folder = session.project / "packages" / item
    content = LOCAL[SourceKind.DIR].open(folder, limits=Limits(), name=item, path="", ignore=NO_PATTERNS)
    out = BytesIO()
    pack(content, out)
    layer = described(out.getvalue(), ZIP)
    client.upload(EMPTY_CONFIG, EMPTY)
    client.upload(layer, out.getvalue())
    manifest = written(layer, PACKAGE, title=item)
    digest = described(manifest, MANIFEST).digest
    client.put(digest, manifest, MANIFEST)
    return digest
