"""What the tests with bad archives share."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.packages.zip.archive import ArchiveContent, open_archive

LIMITS = Limits()


def opened(folder: Path, data: bytes, limits: Limits = LIMITS) -> ArchiveContent:
    """The archive with these bytes, which messages call ``bad.zip``."""
    path = folder / "bad.zip"
    path.write_bytes(data)
    return open_archive(path, limits=limits, name="bad.zip")


def message_for(folder: Path, data: bytes, limits: Limits = LIMITS) -> str:
    """What is said when the archive is refused; ``faults`` say the same."""
    with pytest.raises(InputError) as caught:
        opened(folder, data, limits)
    (fault,) = caught.value.faults
    assert fault.file == "bad.zip"
    assert f": {fault.message}; " in caught.value.message
    assert caught.value.message.isprintable()
    return caught.value.message.removeprefix("bad.zip: ")
