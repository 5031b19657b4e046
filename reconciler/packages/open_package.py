"""A package that was read."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.package import Package
from reconciler.packages.content import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPackage:
    """A validated package and its bytes."""

    package: Package
    content: Content
