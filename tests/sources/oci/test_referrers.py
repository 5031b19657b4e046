"""What is attached to a package in a real registry."""

from __future__ import annotations

import json

from reconciler.model.desired import DesiredItem, Limits
from reconciler.model.digest import Digest
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.source import NOTHING_MORE, Source, SourceRules
from reconciler.sources.context import SourceContext
from reconciler.sources.oci.referrers import attach, referrers
from reconciler.sources.oci.remote import RegistryRepository
from tests.cli.shell import Session
from tests.sources.oci.clients import client_of
from tests.sources.oci.conftest import push
from tests.sources.registries import Registry, registry, skopeo

TYPE = "application/vnd.example.signature"


def test_attached_twice_is_attached_once(session: Session, open_registry: Registry) -> None:
    digest = push(session, open_registry.host)
    client = client_of(open_registry.host, "team/foo")
    subject = client.manifest(digest)
    assert subject is not None
    first = attach(client, subject, TYPE, b"one", media_type="text/plain")
    assert attach(client, subject, TYPE, b"one", media_type="text/plain") == first
    attach(client, subject, TYPE, b"two", media_type="text/plain")
    attach(client, subject, "application/vnd.example.other", b"three", media_type="text/plain")
    found = referrers(client, subject.digest, TYPE)
    assert [one.data for one in found.attached] == [b"one", b"two"]
    assert found.missing == ()


def test_the_file_beside_a_package_is_attached(session: Session, open_registry: Registry) -> None:
    for content in ("one", "one", "two"):
        session.package("foo")
        session.write("packages/foo.sig", content)
        place = session.project / "packages" / "foo"
        said = session.llamagate("push", "--json", place, f"{open_registry.host}/team/foo").json
        assert said["signatures"] == 1
    item = DesiredItem(key=ItemKey(Kind.EXTENSION, "foo"), source=Source.from_document(f"oci://{said['oci']}:1.0.0"))
    home = Home(session.home)
    context = SourceContext(home=home, base=session.base, variables={}, rules=SourceRules(), limits=Limits())
    remote = RegistryRepository(said["oci"], NOTHING_MORE, context)
    (offer,) = remote.offers(item)
    assert set(remote.signatures(item, offer, Digest(said["tree"]))) == {b"one", b"two"}


def test_what_a_mirror_takes_along(session: Session, open_registry: Registry) -> None:
    """A copy of a tag leaves what is attached; the list at its tag is copied with what it lists, or without."""
    digest = push(session, open_registry.host)
    client = client_of(open_registry.host, "team/foo")
    subject = client.manifest(digest)
    assert subject is not None
    attached = attach(client, subject, TYPE, b"one", media_type="text/plain")
    tag = digest.replace(":", "-")
    with registry(session.base / "mirror") as mirror:
        for name in ("1.0.0", tag):
            places = [f"docker://{one.host}/team/foo:{name}" for one in (open_registry, mirror)]
            found = referrers(client_of(mirror.host, "team/foo"), subject.digest, TYPE)
            assert (found.attached, found.missing) == ((), ())
            skopeo("copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", *places)
        copied = client_of(mirror.host, "team/foo")
        (one,) = referrers(copied, subject.digest, TYPE).attached
        assert (one.digest, one.data) == (attached, b"one")
        mirror.blob(attached).unlink()
        assert referrers(copied, subject.digest, TYPE).missing == (attached,)
        assert json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{mirror.host}/team/foo:{tag}"))
