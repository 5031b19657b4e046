"""What fleets run on: real hosts, controllers, servers. What is not installed is skipped, and said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cli.shell import Session
from tests.fleet.controller import HOSTS, LATER, Controller
from tests.fleet.network import Network, network
from tests.fleet.tools import needs

_LONGEST: Final = ("test_rollouts.py", "test_cut_off.py", "test_branches.py", "test_ansible.py", "test_collection.py")
"""These files begin first: a worker has a whole file, and the last one to begin keeps all others waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/fleet/" in item.path.as_posix():
            item.add_marker("fleet")
    order = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    needs("ansible", "ansible-playbook")
    with network(tmp_path_factory.mktemp("hosts"), *HOSTS, LATER) as made:
        yield made


@pytest.fixture
def controller(hosts: Network, tmp_path: Path) -> Controller:
    made = Controller(network=hosts, session=Session(tmp_path))
    made.reset()
    return made
