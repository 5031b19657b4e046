"""Secrets that must not be in what a run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

from msgspec import Struct

from reconciler.model.regex import regex
from reconciler.model.service_keys import KEYS

_NAMES: Final = regex(r"(?i)(?:key|token|secret|password|passwd|credential|auth)")
_SHORTEST: Final = 8
MASK: Final = "***"


class Masks(Struct, frozen=True):
    """``values`` are texts that are secret: those of variables whose name says so."""

    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """The secrets among ``variables``."""
        named = {text for name, text in variables.items() if _NAMES.search(name) and len(text) >= _SHORTEST}
        return cls(tuple(sorted(named, key=len, reverse=True)))

    def masked(self, text: str) -> str:
        """``text`` without secrets, and without what looks like the key of a well-known service."""
        for value in self.values:
            text = text.replace(value, MASK)
        return KEYS.sub(MASK, text)
