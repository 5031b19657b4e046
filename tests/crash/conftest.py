"""The figures of the campaign, below the result of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from tests.crash.figures import FIGURES
from tests.support.fixtures import session

__all__ = ["session"]

_TOTAL: Final[Counter[str]] = Counter()
_NAME: Final = "figures"


@pytest.fixture(autouse=True)
def figures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hand what the test did to the process that reports, which may be another one."""
    FIGURES.clear()
    yield
    request.node.user_properties.append((_NAME, dict(FIGURES)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        for name, value in report.user_properties:
            if name == _NAME and isinstance(value, dict):
                _TOTAL.update(value)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _TOTAL:
        terminalreporter.section("what was tried")
        for name, count in sorted(_TOTAL.items()):
            terminalreporter.write_line(f"{count:>8,}  {name}")
