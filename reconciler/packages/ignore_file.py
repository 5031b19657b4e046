"""A package's ``.llamagateignore``: read and checked, wherever the package is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from reconciler.codes import FaultCode
from reconciler.errors import Fault, InputError
from reconciler.fs.bounded import read_start
from reconciler.model.ignore_file import IGNORE_FILE, MAX_IGNORE_BYTES, NO_PATTERNS, Ignores, PatternError, ignores
from reconciler.packages.content import Content, read, refusal

_ADVICE: Final = f"{IGNORE_FILE} has one pattern in each line"


def decode(data: bytes, *, name: str) -> Ignores:
    """What the bytes of the file name, in the package that messages call ``name``. ``InputError`` for what is wrong."""
    if len(data) > MAX_IGNORE_BYTES:
        rule = f"has more than {MAX_IGNORE_BYTES} bytes"
        raise refusal(name, rule, entry=IGNORE_FILE, advice=_ADVICE)
    try:
        return ignores(data.decode("utf-8-sig").splitlines())
    except UnicodeDecodeError as error:
        raise refusal(name, "is not UTF-8", entry=IGNORE_FILE, advice=_ADVICE) from error
    except PatternError as error:
        place = f"{name}/{IGNORE_FILE}"
        fault = Fault(file=place, line=error.line, message=str(error), code=FaultCode.PACKAGE_RULE)
        raise InputError(f"{place}:{error.line}: {error}", faults=[fault]) from error


def of_content(content: Content, *, name: str) -> Ignores:
    """What the package itself leaves out."""
    if any(entry.path == IGNORE_FILE for entry in content.files):
        return decode(read(content, IGNORE_FILE), name=name)
    return NO_PATTERNS


def at(folder: str | Path) -> Ignores:
    """What the package in ``folder`` leaves out; where its file cannot be used, nothing: opening it tells why."""
    try:
        return decode(read_start(Path(os.path.join(folder, IGNORE_FILE)), MAX_IGNORE_BYTES + 1), name="")
    except (OSError, InputError):
        return NO_PATTERNS
