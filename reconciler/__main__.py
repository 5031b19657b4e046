"""Where the commands ``llamagate`` and ``lgate`` start, and ``python -m reconciler``."""

from __future__ import annotations

import gc
import os
import sys

from reconciler.cli import boot

TYPE_CHECKING = False  # the module typing takes time to load
if TYPE_CHECKING:
    from typing import NoReturn

_ALLOCATIONS_PER_COLLECTION = 200_000
"""A command keeps what it builds. Looked through for cycles every 700 objects, as is usual, it takes a tenth longer."""


def main() -> NoReturn:
    """Run the command line. The process is ours alone here, so its garbage collector and Ctrl-C may be set."""
    if sys.platform == "win32":  # before anything is imported that needs fcntl
        raise SystemExit("llamagate runs on Linux and macOS only; on Windows, install and run it inside WSL.")
    try:
        boot.end_on_ctrl_c()
        boot.use_utf_8()
        if sys.argv[1:2] == ["__complete"]:
            from reconciler.cli import completing  # a shell waits for it at every key, and it needs nothing else

            completing.main(sys.argv[2:], os.environ)
            sys.exit()
        gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)
        from reconciler.cli import app  # after that: loading builds more objects than a small command

        app.main()
    except (OSError, ImportError, MemoryError) as error:
        boot.fail(1, "storage", f"llamagate cannot be loaded: {error!s:.500}")
    except KeyboardInterrupt:
        boot.fail(130, "interrupted", "interrupted; the next command finishes or undoes what was started")
    finally:
        gc.freeze()  # the process frees everything at once; looking for cycles first takes a twentieth of a plan


if __name__ == "__main__":
    main()
