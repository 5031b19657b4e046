"""Starting: what is healed first, in which order things are loaded, and who wins."""

from __future__ import annotations

import asyncio
from pathlib import Path

from reconciler.host.runtime import Runtime
from reconciler.host.snapshot import Snapshot
from reconciler.host.startup import start
from tests.cli.shell import Session, interrupt_apply
from tests.host.conftest import Serve
from tests.host.served import extension, put_on_disk, settings_for, write

WHO = 'steps: [{uses: rules.evaluate, with: {rules: [{if: "true", then: {who: %s}}]}}]\n'


def put_legacy(folder: Path, name: str, who: str) -> None:
    write(folder / name, {"manifest__yaml": extension(WHO % who, name=name.rpartition("/")[2])})


def test_builtin_installed_legacy_in_this_order(session: Session, serve: Serve) -> None:
    legacy = session.project / "extensions"
    for name in ("builtin/all", "all", "two", "own"):
        put_legacy(legacy, name, "builtin" if "/" in name else "legacy")
    for name in ("all", "two", "mine"):
        put_on_disk(session, name, manifest__yaml=extension(WHO % "installed", name=name))
    host = serve(legacy=legacy)
    assert [host.run(name, {})["who"] for name in ("all", "two", "own", "mine")] == [
        "builtin",
        "installed",
        "legacy",
        "installed",
    ]
    assert host.told[-1] == "Loaded 1 builtin, 2 installed, 1 legacy extensions, 0 modules; 0 failed"
    installed = session.installed("all")
    assert f"the builtin extension all is served; the installed one in {installed} is not" in host.told
    assert f"the installed extension two is served; the legacy one in {legacy / 'two'} is not" in host.told
    for _ in range(3):
        host.refresh()
        assert host.get("/v1/extensions/all").json()["origin"] == "builtin"


def test_a_module_in_the_legacy_folder_is_for_migrate(session: Session, serve: Serve) -> None:
    legacy = session.project / "extensions"
    write(legacy / "desk", {"agenticmodule__yaml": "name: desk\nversion: 1.0.0\ndescription: d\nsteps: []\n"})
    assert f"desk: a module is served once it is installed: 'llamagate migrate {legacy}'" in serve(legacy=legacy).told


def test_a_disabled_item_does_not_come_back_from_the_legacy_folder(session: Session, serve: Serve) -> None:
    legacy = session.project / "extensions"
    put_legacy(legacy, "foo", "legacy")
    put_on_disk(session, "foo", manifest__yaml=extension(WHO % "installed"))
    session.llamagate("sync")
    session.llamagate("disable", "foo")
    host = serve(legacy=legacy)
    assert host.post("/v1/extensions/foo/execute", {}).status_code == 503
    assert host.told[-1].startswith("Loaded 0 builtin, 0 installed, 0 legacy")


def test_registry_and_disk_agree_first(session: Session, serve: Serve) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(WHO % "x"))
    host = serve()
    assert "synchronised: adopt extension foo (the same files are already there)" in host.told
    assert list(session.registered()) == ["foo"]
    session.registry.write_bytes(b"[{")
    second = serve()
    assert any("rebuilt" in line or "registry" in line for line in second.told)
    assert list(session.registered()) == ["foo"]


def test_what_a_crash_left_is_settled(session: Session, serve: Serve) -> None:
    session.extensions("foo")
    interrupt_apply(session)
    host = serve()
    assert "an interrupted change was finished first" in host.told
    assert host.names == ["foo"]


def test_a_home_where_nothing_can_be_made_is_only_reported(session: Session, serve: Serve) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(WHO % "x"))
    (session.home / "reconciler").write_text("a file where our folder belongs")
    host = serve()
    assert host.run("foo", {}) == {"who": "x"}
    assert any(line.startswith("registry and disk are left as they are: ") for line in host.told)


def test_a_record_that_cannot_be_read_is_named(session: Session, serve: Serve) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    (session.ours / "record.json").write_text("{}")
    host = serve()
    assert host.names == ["foo"]
    assert any(line.startswith("registry and disk were not synchronised: ") for line in host.told)
    assert host.told[-1].endswith("1 failed")


def test_migrate_installs_the_legacy_packages_first(session: Session, serve: Serve) -> None:
    legacy = session.project / "extensions"
    put_legacy(legacy, "foo", "legacy")
    write(legacy / "bad", {"manifest__yaml": "name: bad\n"})
    host = serve(legacy=legacy, migrates=True)
    assert "migrated: install extension foo (new in the home)" in host.told
    assert session.installed("foo", "manifest.yaml").exists()
    assert host.get("/v1/extensions/foo").json()["origin"] == "installed"
    assert (session.home / ".migration_complete").read_text() == "migration completed"


def test_an_embedder_syncs_both_registries_in_one_call(session: Session) -> None:
    runtime = Runtime(settings_for(session))
    start(runtime, migrates=False)
    put_on_disk(session, "foo", manifest__yaml=extension(WHO % "x"))
    changed = runtime.sync().changed
    assert changed.added == ("foo",)
    assert (list(runtime.snapshot.extensions), list(session.registered())) == (["foo"], ["foo"])
    session.llamagate("remove", "foo")
    assert runtime.sync().changed.removed == ("foo",)
    assert (list(runtime.snapshot.extensions), session.registered()) == ([], {})


def test_an_unchanged_item_is_not_read_again(session: Session) -> None:
    for name in ("foo", "bar"):
        put_on_disk(session, name, manifest__yaml=extension(WHO % "x", name=name))
    runtime = Runtime(settings_for(session))
    before = runtime.refresh().snapshot.extensions
    put_on_disk(session, "bar", manifest__yaml=extension(WHO % "y", name="bar"))
    after = runtime.refresh().snapshot.extensions
    assert (after["foo"] is before["foo"], after["bar"] is before["bar"]) == (True, False)


def test_a_snapshot_begun_with_is_kept(session: Session) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(WHO % "x"))
    runtime = Runtime(settings_for(session))
    before: Snapshot = runtime.refresh().snapshot
    session.home.joinpath("extensions/installed/foo/manifest.yaml").write_text("no")
    runtime.refresh()
    assert (list(before.extensions), list(runtime.snapshot.extensions)) == (["foo"], [])


def test_a_run_calls_what_its_own_snapshot_holds(session: Session) -> None:
    call = "steps: [{uses: extension.call, with: {extension: bar}}]\n"
    put_on_disk(session, "foo", manifest__yaml=extension(call))
    put_on_disk(session, "bar", manifest__yaml=extension(WHO % "old", name="bar"))
    runtime = Runtime(settings_for(session))
    before = runtime.refresh().snapshot
    put_on_disk(session, "bar", manifest__yaml=extension(WHO % "new", name="bar"))
    after = runtime.refresh().snapshot

    def who(snapshot: Snapshot) -> object:
        return asyncio.run(runtime.run(snapshot, snapshot.extensions["foo"], {}, "trace"))["who"]

    assert (who(before), who(after)) == ("old", "new")


def test_a_builtin_extension_is_on_whatever_it_says(session: Session, serve: Serve) -> None:
    legacy = session.project / "extensions"
    for place, name in (("builtin/all", "all"), ("own", "own")):
        write(legacy / place, {"manifest__yaml": extension("enabled: false\n" + WHO % "x", name=name)})
    host = serve(legacy=legacy)
    assert host.run("all", {}) == {"who": "x"}
    assert host.run("own", {}, 503) == "Extension is disabled"
