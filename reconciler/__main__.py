"""Where the commands ``llamagate`` and ``lgate`` start, and ``python -m reconciler``."""

from __future__ import annotations

import gc
import sys
from typing import Final, NoReturn

_ALLOCATIONS_PER_COLLECTION: Final = 200_000
"""A command keeps what it builds. Looked through for cycles every 700 objects, as is usual, it takes a tenth longer."""


def main() -> NoReturn:
    """Run the command line. The process is ours alone here, so its garbage collector may be set."""
    if sys.platform == "win32":  # before anything is imported that needs fcntl
        raise SystemExit("llamagate runs on Linux and macOS only; on Windows, install and run it inside WSL.")
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)
    from reconciler.cli import app  # after that: loading builds more objects than a small command

    try:
        app.main()
    finally:
        gc.freeze()  # the process frees everything at once; looking for cycles first takes a twentieth of a plan


if __name__ == "__main__":
    main()
