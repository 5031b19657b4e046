"""What ``reconciler.host`` exports is loaded when it is asked for, and says what is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import reconciler.host
from tests.conftest import PROJECT


@pytest.mark.parametrize("name", reconciler.host.__all__)
def test_each_name_is_there(name: str) -> None:
    assert getattr(reconciler.host, name).__name__ == name


def test_any_other_name_is_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        reconciler.host.Nothing  # noqa: B018 - it is asked for


def test_without_the_extra_the_package_is_named() -> None:
    code = (
        "import sys; sys.modules['starlette'] = None; import reconciler.host.defaults, reconciler.host as host\n"
        "try:\n    host.make_app\nexcept ModuleNotFoundError as error:\n    print(error.name, error)"
    )
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "needs the package starlette" in done.stdout
    assert done.stdout.endswith("pip install 'llamagate[host]'\n")
