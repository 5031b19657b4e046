"""The ``apply`` that does what a plan shows, as it is typed."""

from __future__ import annotations

import shlex
from pathlib import Path

from reconciler.cli.shared_flags import DEFAULT_FILE
from reconciler.reconcile.options import Options


def apply_command(options: Options, *, home: Path | None = None, lock_file: Path | None = None) -> str:
    """With the flags of ``options``, and the home and the lock where these were named."""
    allowed = options.allowances
    flags = {
        "--locked": options.locked,
        "--allow-prune": allowed.prune,
        "--overwrite": allowed.overwrite,
        "--take-over-all": allowed.take_over is None,
    }
    words = [
        *([] if options.file == DEFAULT_FILE else ["-f", str(options.file)]),
        *([] if home is None else ["--home", str(home)]),
        *([] if lock_file is None else ["--lock-file", str(lock_file)]),
        *(word for item in sorted(options.only) for word in ("--only", item)),
        *(word for item in sorted(allowed.take_over or ()) for word in ("--take-over", item)),
        *(flag for flag, is_given in flags.items() if is_given),
    ]
    return shlex.join(["llamagate", "apply", *words])


def apply_saved_command(plan: Path, *, home: Path | None = None) -> str:
    """For a plan that was saved to be applied."""
    return shlex.join(["llamagate", "apply", str(plan), *([] if home is None else ["--home", str(home)])])
