"""Regular expressions that are compiled when they are first used: a start uses few of the sixty that it meets."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Pattern:
    """Stands for a compiled expression: asked for one of its methods, it compiles, and keeps the method."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__[name] = getattr(re.compile(self._text, self._flags), name)
        return found


def regex(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """``re.compile(text, flags)``, later. A faulty ``text`` is noticed when it is used."""
    return cast("re.Pattern[AnyStr]", _Pattern(text, flags))
