"""The catalogue of bad inputs that a package, a document or a source can be: row → what it is.

A test of a row has its number in its name or id, as in ``row-07-symlink`` or ``test_row_10_…``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ROWS: Final[Mapping[int, str]] = dict(
    enumerate(
        (
            # zip archives: names
            *("leaves the package", "leaves and comes back", "absolute path", "drive", "network share", "backslash"),
            # types
            *("symbolic link", "write through a link", "pipe or device", "set-uid", "name twice", "equal but for case"),
            *("equal but for Unicode form", "file and folder", "NUL in a name", "control characters", "invisible ones"),
            *("device of Windows", "ends with a dot or a space", "stream of NTFS", "empty name", "empty or '.' part"),
            *("folder with content", "folder by name only", "long part", "deep path", ".git"),
            # structure
            *("entries that overlap", "entries that quote another", "ratio bomb", "archive in an archive"),
            *("too many entries", "count beyond 16 bits", "forged packed size", "wrong size", "wrong CRC"),
            *("bad descriptor", "headers that disagree", "entry that is not listed", "bytes in front", "bytes behind"),
            *(
                "two archives",
                "two end records",
                "zip64 locator",
                "zip64 extensible data",
                "second name",
                "bad extra field",
            ),
            *("encrypted", "other method", "several disks", "cut short", "name is not UTF-8", "data behind the stream"),
            "what desktops leave behind",
            # folders
            *("link out of the package", "link loop", "pipe", "hard link", "changes meanwhile", "unreadable"),
            # YAML
            *("deep nesting", "billion laughs", "merge bomb", "recursive alias", "python tag", "key twice"),
            *("version as a number", "words for booleans", "huge integer", "huge hex", "impossible date"),
            *("NUL, latin-1, UTF-16", "byte order mark", "two documents", "nothing, or a list", "key is no text"),
            *("huge scalar", "unknown field", "catastrophic pattern"),
            # web servers
            *("redirect from https to http", "redirect into this machine or network", "redirect loop"),
            *("credentials and a redirect", "endless body", "a byte at a time", "compressed body", "wrong length"),
            *("other digest", "bad certificate", "password in a URL", "public and private at once"),
            # git
            *("remote helper", "leading dash", "local repository", "submodule", "link", "moved tag"),
            *("hooks and filters", "password prompt"),
        ),
        start=1,
    )
)
