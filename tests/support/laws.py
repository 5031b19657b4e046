"""How many examples a law is tried with: a share of what the profile of the run says.

``pytest -m long``, ``HYPOTHESIS_PROFILE=thorough pytest``, or ``pytest --hypothesis-profile=thorough``; ``default`` and
``quick`` else.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

PROFILES: Final = {"quick": 20, "default": 25, "thorough": 2000}
"""Profile → examples of a law."""


def register(usual: str = "default") -> None:
    """Make the profiles known, and take the one that the environment names, else the ``usual`` one."""
    for name, count in PROFILES.items():
        checks = [HealthCheck.function_scoped_fixture]  # sessions and folders that an example leaves do not disturb
        settings.register_profile(name, deadline=None, max_examples=count, suppress_health_check=checks)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", usual))


def examples(times: float) -> settings:
    """So many times the examples of the profile: less than 1 where one takes long, more where inputs are many."""
    return settings(max_examples=round(times * settings().max_examples))
