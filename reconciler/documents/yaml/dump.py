"""Values as YAML text, written so that every reader takes them for the same."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from reconciler.model.config import Json, JsonObject
from reconciler.model.regex import regex

_TEXT_TAG: Final = "tag:yaml.org,2002:str"
_ONE_LINE: Final = 2**31 - 1
_AMBIGUOUS: Final = regex(
    r"[-+.]*[0-9].*|[-+]?\.?(?:inf|nan)|y|n|yes|no|on|off|true|false|null|~|=|<<|.*[\r\n\x85\u2028\u2029].*|",
    re.IGNORECASE | re.DOTALL,
)
"""Texts that some reader of YAML 1.1 or 1.2 takes for something else, or that would need several lines."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes text so that readers of YAML 1.1 and 1.2 agree on it, each scalar on one line, and no aliases."""

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def represent_text(self, text: str) -> Any:
        style = '"' if _AMBIGUOUS.fullmatch(text) else None
        return self.represent_scalar(_TEXT_TAG, text, style=style)


class _QuotingDumper(_Dumper):
    """Writes all text in quotes, so that JSON stays JSON."""

    def represent_text(self, text: str) -> Any:
        return self.represent_scalar(_TEXT_TAG, text, style='"')


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_text(text))


def dump(value: JsonObject, *, step: int = 2) -> str:
    """``value`` in block style, ``step`` spaces a level, in the order of its keys."""
    return _emitted(value, _Dumper, flow=False, step=step)


def dump_flow(value: Json, *, quoted: bool = False) -> str:
    """``value`` on one line without a break, collections in brackets and braces; ``quoted`` makes it JSON."""
    return _emitted([value], _QuotingDumper if quoted else _Dumper, flow=True).strip()[1:-1]


def _emitted(value: Json, dumper: type[_Dumper], *, flow: bool, step: int = 2) -> str:
    text: str = yaml.dump(
        value, Dumper=dumper, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=_ONE_LINE, indent=step
    )
    return text
