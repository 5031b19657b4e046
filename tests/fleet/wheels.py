"""Small wheels in the place of the real one, whose dependencies take long to install."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Final

from tests.conftest import PROJECT

_SAYS: Final = """\
def main():
    print({version!r})
"""

_RUNS: Final = """\
import os, sys
def main():
    os.environ["PYTHONPATH"] = {project!r}
    os.execv({python!r}, [{python!r}, "-B", "-m", "reconciler", *sys.argv[1:]])
"""


def small_wheel(folder: Path, version: str, *, runs: bool = False) -> Path:
    """A wheel whose command ``llamagate`` prints its version; with ``runs`` it runs the one of this checkout."""
    path = folder / f"llamagate-{version}-py3-none-any.whl"
    info = f"llamagate-{version}.dist-info"
    code = (_RUNS if runs else _SAYS).format(version=version, project=str(PROJECT), python=sys.executable)
    metadata = f"Metadata-Version: 2.1\nName: llamagate\nVersion: {version}\nProvides-Extra: host\n"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("small.py", code)
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\nllamagate = small:main\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path
