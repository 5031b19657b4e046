"""Which offer an item gets, and for which items the lock has decided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.errors import InputError
from reconciler.model.desired import DesiredItem
from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.lock import LockItem, Pin
from reconciler.model.offer import Offer
from reconciler.model.source import Fetching, Source, SourceKind
from reconciler.model.version import in_order, newest, tagged_versions
from reconciler.resolve.choose import choose
from reconciler.resolve.pins import Partition, partition

KEY = ItemKey(Kind.EXTENSION, "foo")
CATALOG = Source(SourceKind.CATALOG, "https://example.org/c")
TREE, ARCHIVE = Digest("sha256:" + "ab" * 32), Digest("sha256:" + "cd" * 32)


def desired(version: str | None) -> DesiredItem:
    return DesiredItem(key=KEY, source=Source(SourceKind.CATALOG, "here"), version=version)


def offers(*versions: str) -> list[Offer]:
    """A version with ``!`` behind it was taken back."""
    return [
        Offer(pin=Pin(url=version.strip("!")), version=version.strip("!"), yanked=version.endswith("!"))
        for version in versions
    ]


@pytest.mark.parametrize(
    ("there", "wanted", "chosen"),
    [
        (["1.0.0", "1.2.0", "1.10.0", "2.0.0"], "^1.2", "1.10.0"),
        (["1.0.0", "2.0.0"], None, "2.0.0"),
        (["1.0.0", "1.1.0!"], "^1", "1.0.0"),
        (["1.0.0", "1.1.0-rc.1"], "^1", "1.0.0"),
        (["1.1.0-rc.1", "1.1.0-rc.2"], "1.1.0-rc.1", "1.1.0-rc.1"),
        (["2.0.0", "1.0.0"], "*", "2.0.0"),
    ],
    ids=["newest in range", "no range", "yanked", "no prerelease", "named prerelease", "any order"],
)
def test_what_is_chosen(there: list[str], wanted: str | None, chosen: str) -> None:
    assert choose(offers(*there), desired(wanted)).version == chosen


def test_a_place_with_one_package_of_unknown_version_is_not_asked_for_a_range() -> None:
    only = Offer(pin=Pin(commit="ab" * 20))
    assert choose([only], desired("^9")) is only


@pytest.mark.parametrize(
    ("there", "wanted", "message"),
    [
        ([], "^1", "here has no version of foo"),
        (["1.0.0"], "^2", "here has no version of foo in the range '^2'; it has 1.0.0"),
        (
            [f"1.{minor}.0" for minor in range(9)],
            "^2",
            "here has no version of foo in the range '^2'; it has 1.8.0, 1.7.0, 1.6.0, 1.5.0, 1.4.0 and 4 more",
        ),
        (["1.0.0!", "0.1.0"], "^1", "here: every version of foo in the range '^1' was withdrawn by its publisher"),
        (["1.0.0-rc.1"], None, "here has no release of foo, only 1.0.0-rc.1"),
    ],
    ids=["nothing", "no fit", "many", "all yanked", "only prereleases"],
)
def test_where_none_fits(there: list[str], wanted: str | None, message: str) -> None:
    with pytest.raises(InputError) as caught:
        choose(offers(*there), desired(wanted))
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["v1.2.3", "1.2.4", "v1.2", "release-1.0.0", "v01.0.0"], {"1.2.3": "v1.2.3", "1.2.4": "1.2.4"}),
        (
            ["v1.0.0-rc.01", "v1.0.0-", "v1.0.0-a..b", "v1.0.0+", f"v1.0.0-{'9' * 5000}", "v1.0.0-0a.0"],
            {"1.0.0-0a.0": "v1.0.0-0a.0"},
        ),
        (["v2.0.0", "foo/v1.0.0"], {"1.0.0": "foo/v1.0.0"}),
        (["modules/foo/v1.0.0", "bar/v2.0.0"], {"1.0.0": "modules/foo/v1.0.0"}),
        (["v1.0.0-rc.1+b.2"], {"1.0.0-rc.1+b.2": "v1.0.0-rc.1+b.2"}),
        (["bar/v1.0.0", "afoo/v1.0.0"], {}),
        (["1.0.0", "v1.0.0"], {"1.0.0": "v1.0.0"}),
    ],
    ids=["plain", "no semver", "own go first", "folders", "prerelease", "of others", "both spellings"],
)
def test_tags_that_are_versions(tags: list[str], found: dict[str, str]) -> None:
    assert tagged_versions(tags, "foo") == found


versions = st.builds("{}.{}.{}{}".format, *[st.integers(0, 12)] * 3, st.sampled_from(["", "-rc.1", "-a", ".4", "x"]))


@given(st.lists(versions, unique=True))
def test_law_newest_is_the_last_in_order(there: list[str]) -> None:
    assert newest(there) == (in_order(there)[-1] if there else None)
    assert in_order(there) == in_order(there[::-1])


ENTRY = LockItem(key=KEY, source=CATALOG, version="1.2.0", tree=TREE, pin=Pin(url="x"), archive=ARCHIVE)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (DesiredItem(key=KEY, source=CATALOG), ""),
        (DesiredItem(key=KEY, source=CATALOG, version=">=1 <9"), ""),
        (DesiredItem(key=KEY, source=CATALOG, fetching=Fetching(mirrors=("https://elsewhere",))), ""),
        (DesiredItem(key=KEY, source=CATALOG, fetching=Fetching(sha256=ARCHIVE)), ""),
        (DesiredItem(key=KEY, source=CATALOG, version="^2"), "foo: version 1.2.0 is not in the range '^2'"),
        (
            DesiredItem(key=KEY, source=Source(SourceKind.GIT, "https://example.org/x.git")),
            "foo: the source changed from https://example.org/c to https://example.org/x.git",
        ),
        (
            DesiredItem(key=KEY, source=CATALOG, fetching=Fetching(sha256=TREE)),
            f"foo: the file says that the archive is {TREE}, and the lock {ARCHIVE}",
        ),
        (DesiredItem(key=ItemKey(Kind.EXTENSION, "bar"), source=CATALOG), "bar: not in the lock yet"),
    ],
    ids=["same", "range fits", "mirrors", "digest fits", "range", "source", "digest", "new"],
)
def test_whether_the_lock_decides(item: DesiredItem, reason: str) -> None:
    parts = partition([item], {KEY: ENTRY})
    assert parts.locked == (() if reason else ((item, ENTRY),))
    assert parts.reasons == ((reason,) if reason else ())


HTTP = Source(SourceKind.HTTP, "https://example.org/foo.zip")
GIT = Source(SourceKind.GIT, "https://example.org/x.git")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (HTTP, None),
        (HTTP, Pin(commit="ab" * 20)),
        (HTTP, Pin(url="https://example.org/other.zip")),
        (GIT, None),
        (GIT, Pin(url="https://example.org/foo.zip", tag="v1.2.0")),
        (CATALOG, None),
        (CATALOG, Pin(commit="ab" * 20)),
    ],
    ids=["http", "http by commit", "http elsewhere", "git", "git by url", "catalog", "catalog by commit"],
)
def test_a_pin_of_another_kind_of_source_decides_nothing(source: Source, found: Pin | None) -> None:
    item, lock = DesiredItem(key=KEY, source=source), {KEY: replace(ENTRY, source=source, pin=found)}
    assert partition([item], lock).locked == ()
    assert partition([item], lock).reasons == ("foo: the lock does not say where it is",)


def test_local_sources_are_read_and_not_decided() -> None:
    item = DesiredItem(key=KEY, source=Source(SourceKind.DIR, "./foo"))
    assert partition([item], {}) == Partition(local=(item,))
