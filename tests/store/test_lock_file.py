"""``llamagate.lock.yaml``: its exact bytes, and what is wrong with one that others wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.errors import InputError
from reconciler.model.desired import DesiredItem
from reconciler.model.digest import Digest, tree_digest
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.lock import Lock, LockItem
from reconciler.model.source import Source, SourceKind
from reconciler.resolve.pins import pin
from reconciler.store.lock_file import lock_bytes, lock_path, read_lock

TREE = Digest("sha256:" + "ab" * 32)
HEAD = "# Written by llamagate: the exact packages of llamagate.yaml. Keep it in version control.\n"
TEXT = f"""\
{HEAD}apiVersion: llamagate/v1
items:
  - kind: "agentic-module"
    id: "intake"
    source: "./modules/intake"
    version: "1.10.0"
    tree: "{TREE}"
  - kind: "extension"
    id: "cost-analyst"
    source: {{"dir": "odd.zip"}}
    version: "1.2.0"
    tree: "{TREE}"
  - kind: "extension"
    id: "router"
    source: "dist/réseau # 1.zip"
    version: "1.0.0-rc.1+b"
    tree: "{TREE}"
"""


def item(kind: Kind, item_id: str, source: Source, version: str) -> LockItem:
    return LockItem(key=ItemKey(kind, item_id), source=source, version=version, tree=TREE)


LOCK = Lock(
    items=(
        item(Kind.MODULE, "intake", Source(SourceKind.DIR, "./modules/intake"), "1.10.0"),
        item(Kind.EXTENSION, "cost-analyst", Source(SourceKind.DIR, "odd.zip"), "1.2.0"),
        item(Kind.EXTENSION, "router", Source(SourceKind.ZIP, "dist/réseau # 1.zip"), "1.0.0-rc.1+b"),
    ),
    rules=1,
)


def written(folder: Path, text: str) -> Path:
    path = folder / "llamagate.lock.yaml"
    path.write_text(text, "utf-8")
    return path


def test_line_ends_are_those_of_the_lock_before() -> None:
    windows = lock_bytes(LOCK).replace(b"\n", b"\r\n")
    assert lock_bytes(LOCK, like=windows) == windows
    assert lock_bytes(LOCK, like=lock_bytes(Lock())) == lock_bytes(LOCK)


def test_its_bytes() -> None:
    assert lock_bytes(LOCK).decode() == TEXT


def test_what_is_said_of_packages_since_then(tmp_path: Path) -> None:
    bits = frozenset(["run.sh", "bin/é"])
    lock = Lock(items=(replace(LOCK.items[0], executables=bits), *LOCK.items[1:]))
    text = TEXT.replace("items:", "rules: 2\nitems:").replace(
        f'"{TREE}"\n', f'"{TREE}"\n    exec: ["bin/é", "run.sh"]\n', 1
    )
    assert lock_bytes(lock).decode() == text
    assert read_lock(written(tmp_path, text)).lock == lock


def test_an_empty_one(tmp_path: Path) -> None:
    assert lock_bytes(Lock()).decode() == f"{HEAD}apiVersion: llamagate/v1\nrules: 2\nitems: []\n"
    assert read_lock(written(tmp_path, lock_bytes(Lock()).decode())).lock == Lock()


def test_none_yet(tmp_path: Path) -> None:
    found = read_lock(tmp_path / "llamagate.lock.yaml")
    assert (found.lock, found.data) == (Lock(), None)


def test_the_order_of_its_entries_does_not_matter(tmp_path: Path) -> None:
    head, *entries = TEXT.split("  - ")
    reordered = head + "".join(f"  - {entry}" for entry in reversed(entries))
    assert read_lock(written(tmp_path, reordered)).lock == LOCK


@pytest.mark.parametrize(
    ("desired", "lock"),
    [("llamagate.yaml", "llamagate.lock.yaml"), ("x.yaml", "x.lock.yaml"), ("a.b.yml", "a.b.lock.yaml")],
)
def test_its_name(desired: str, lock: str) -> None:
    assert lock_path(Path("/srv") / desired) == Path("/srv") / lock


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("llamagate/v1", "llamagate/v2", ":2:1: apiVersion: expected 'llamagate/v1', found 'llamagate/v2'"),
        ('id: "router"', 'id: "intake"', ":15:5: the id 'intake' is listed twice"),
        (
            'kind: "agentic-module"',
            'kind: "skill"',
            ":4:5: items[0].kind: expected one of extension, agentic-module; found 'skill'",
        ),
        ('id: "router"', 'id: ".."', ":15:5: items[2].id: an id has only letters, digits, '_' and '-'"),
        (
            'version: "1.2.0"',
            'version: "one"',
            ":12:5: items[1].version: a version starts with three numbers, as in 1.2.3",
        ),
        (
            'source: "./modules/intake"',
            'source: "ftp://x/y"',
            ":6:5: items[0].source: expected a folder, a .zip or .tar.gz file or a URL (http, https or ssh), "
            "without user and password: credentials go to `auth`",
        ),
        (
            "items:",
            "more: 1\nitems:",
            ":3:1: more: unknown field 'more'; known are apiVersion, rules, catalogs, items, mcp_servers",
        ),
        ("apiVersion: llamagate/v1\n", "", ":2:1: 'apiVersion' is missing; write apiVersion: llamagate/v1"),
    ],
    ids=["newer", "id twice", "kind", "id", "version", "source", "unknown field", "no version of the format"],
)
def test_faults(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TEXT
    path = written(tmp_path, TEXT.replace(old, new))
    with pytest.raises(InputError) as caught:
        _ = read_lock(path).lock
    assert str(caught.value) == f"{path}{message}"
    assert [str(fault) for fault in caught.value.faults] == [str(caught.value)]


def test_what_to_do_about_an_id_that_stands_twice(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        _ = read_lock(written(tmp_path, TEXT.replace('"router"', '"intake"'))).lock
    assert caught.value.advice == "delete the lock and run 'llamagate lock'"


def test_a_conflict_that_a_merge_left(tmp_path: Path) -> None:
    both = '<<<<<<< HEAD\n    version: "1.2.0"\n=======\n    version: "1.3.0"\n>>>>>>> other'
    path = written(tmp_path, TEXT.replace('    version: "1.2.0"', both))
    with pytest.raises(InputError) as caught:
        _ = read_lock(path).lock
    assert str(caught.value) == f"{path}:12:1: there are conflict markers of a merge here"
    assert caught.value.advice == "keep one side of each conflict; for the lock, then run 'llamagate lock'"


def locked(source: Source, version: str = "1.0.0", tree: Digest = TREE, item_id: str = "a") -> LockItem:
    return LockItem(key=ItemKey(Kind.EXTENSION, item_id), source=source, version=version, tree=tree)


NEW = locked(Source(SourceKind.DIR, "./a"))


def pinned(old: Lock, **found: LockItem) -> tuple[list[str], list[str]]:
    """The ids of the new lock, and what of ``old`` was stale."""
    items = [DesiredItem(key=ItemKey(Kind.EXTENSION, item_id), source=NEW.source) for item_id in found]
    lock, reasons = pin(items, old, {one.key: found[one.key.id] for one in items})
    return [entry.key.id for entry in lock.items], list(reasons)


A = Lock(items=(item(Kind.EXTENSION, "a", NEW.source, "1.0.0"),))


@pytest.mark.parametrize(
    ("old", "now", "stale"),
    [
        (A, {"a": NEW}, []),
        (Lock(), {"a": NEW}, ["a: not in the lock yet (now 1.0.0)"]),
        (A, {}, ["a: no longer in the desired state"]),
        (
            A,
            {"a": locked(Source(SourceKind.ZIP, "a.zip"))},
            ["a: the source changed from ./a to a.zip"],
        ),
        (
            A,
            {"a": locked(NEW.source, "1.1.0", tree_digest({}))},
            ["a: version 1.0.0 is now 1.1.0"],
        ),
        (
            A,
            {"a": locked(NEW.source, "1.0.0", tree_digest({}))},
            ["a: the content of ./a changed (version 1.0.0 as before)"],
        ),
        (A, {"b": locked(NEW.source, item_id="b"), "a": NEW}, ["b: not in the lock yet (now 1.0.0)"]),
    ],
    ids=["nothing", "new", "gone", "source", "version", "content", "sorted"],
)
def test_what_makes_it_stale(old: Lock, now: dict[str, LockItem], stale: list[str]) -> None:
    assert pinned(old, **now) == (sorted(now), stale)


def test_what_was_not_resolved_keeps_its_pin() -> None:
    items = [DesiredItem(key=A.items[0].key, source=Source(SourceKind.DIR, "./elsewhere"))]
    assert pin(items, A, {}) == (A, ())


def test_a_narrowed_pass_drops_no_pin() -> None:
    old = Lock(items=(*A.items, item(Kind.EXTENSION, "gone", NEW.source, "1.0.0")))
    items = [DesiredItem(key=ItemKey(Kind.EXTENSION, item_id), source=NEW.source) for item_id in ("a", "b")]
    lock, reasons = pin(items, old, {items[1].key: locked(NEW.source, item_id="b")})
    assert [entry.key.id for entry in lock.items] == ["a", "b", "gone"]
    assert reasons == ("b: not in the lock yet (now 1.0.0)",)
