"""What fleets run on: real hosts, controllers, servers. What is not installed is skipped, and said."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/fleet/" in item.path.as_posix():
            item.add_marker("fleet")
