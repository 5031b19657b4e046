"""A part of the items: in the order of the file, and at a cost that does not grow with the others."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.lock import LockItem
from reconciler.model.source import Source, SourceKind
from reconciler.resolve.pins import Partition, partition
from tests.support.work import LINEAR, growth


def local(count: int) -> list[DesiredItem]:
    return [
        DesiredItem(key=ItemKey(Kind.EXTENSION, f"item-{number}"), source=Source(SourceKind.DIR, f"./{number}"))
        for number in range(count)
    ]


def remote(name: str) -> DesiredItem:
    return DesiredItem(key=ItemKey(Kind.MODULE, name), source=Source(SourceKind.HTTP, f"https://example.org/{name}"))


def test_the_part_has_the_order_of_the_file() -> None:
    parts = partition([remote("b"), *local(3), remote("a")], {})
    some = parts.only(["a", "item-2", "b", "item-0", "item-0", "none"])
    assert [item.key.id for item in some.local] == ["item-0", "item-2"]
    assert [item.key.id for item, _ in some.undecided] == ["b", "a"]
    assert not parts.only([])


def test_a_chain_is_followed_at_a_cost_that_grows_with_its_length() -> None:
    def of(count: int) -> Callable[[], list[Partition]]:
        items, lock = local(count), dict[ItemKey, LockItem]()

        def follow() -> list[Partition]:
            parts = partition(items, lock)
            return [parts.only({item.key.id}) for item in items]

        return follow

    assert growth(of, 100) <= LINEAR
