"""What is wrong with many items of one file is said in one error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reconciler.errors import InputError, LlamagateError
from reconciler.model.ids import ItemKey
from reconciler.resolve.resolve import together
from reconciler.store.desired_file import DesiredFile, read_desired
from tests.support.work import LINEAR, growth


def wrong(folder: Path, count: int) -> tuple[DesiredFile, dict[ItemKey, LlamagateError]]:
    path = folder / f"{count}.yaml"
    items = "".join(f"  item-{number}: ./item-{number}\n" for number in range(count))
    path.write_text(f"apiVersion: llamagate/v1\nextensions:\n{items}", "utf-8")
    file = read_desired(path)
    return file, {item.key: InputError(f"{item.key.id} is not there") for item in file.desired.items}


def test_each_fault_names_the_place_of_its_item(tmp_path: Path) -> None:
    error = together(*wrong(tmp_path, 2))
    path = tmp_path / "2.yaml"
    assert str(error) == f"{path}: 2 items cannot be used"
    assert [str(fault) for fault in error.faults] == [
        f"{path}:3:3: extensions.item-0: item-0 is not there",
        f"{path}:4:3: extensions.item-1: item-1 is not there",
    ]


def test_the_file_is_read_once_for_all_of_them(tmp_path: Path) -> None:
    def of(count: int) -> Callable[[], object]:
        file, errors = wrong(tmp_path, count)
        return lambda: together(file, errors)

    assert growth(of, 50) <= LINEAR
