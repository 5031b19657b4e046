"""The packages that ``new`` writes: small, with comments, valid, and with a case that passes at once.

``NAME`` is replaced by the id, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.commands.skeletons_of_steps import ENDPOINT, MIDDLEWARE, OBSERVER, WORKFLOW
from reconciler.commands.skeletons_of_tasks import MODULE, TASK

SKELETONS: Final[Mapping[str, Mapping[str, str]]] = {
    "workflow": WORKFLOW,
    "middleware": MIDDLEWARE,
    "observer": OBSERVER,
    "endpoint": ENDPOINT,
    "task": TASK,
    "module": MODULE,
}
"""The files of a package by its kind."""
