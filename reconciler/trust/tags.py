"""Signed tags of git, as ``git tag -s`` makes them with ``gpg.format=ssh``. Pure.

A tag names a commit, and so all that is in it. It says nothing of packages: which one is meant, and that its content is
what the commit has, is for the caller.
"""

from __future__ import annotations

import base64
from typing import Final

from msgspec import Struct

from reconciler.model.regex import regex
from reconciler.model.trust import ARMOUR_BEGIN
from reconciler.trust.sshsig import dearmoured
from reconciler.trust.wire import WireError, from_base64

GIT_NAMESPACE: Final = "git"
MAX_TAG_BYTES: Final = 16 * 2**10
"""Of a tag without its signature: it is kept in the lock."""
_HEAD: Final = regex(
    rb"object ([0-9a-f]{40}|[0-9a-f]{64})\ntype ([a-z]{1,16})\ntag ([^\n\0]{1,256})\ntagger [^\n\0]{1,1024}\n\n"
)
_BEGIN: Final = f"{ARMOUR_BEGIN}\n".encode()


class Tag(Struct, frozen=True, kw_only=True):
    """The ``commit`` that a tag is put on, and the tag's own ``name``, wherever it was read.

    ``text`` is what is ``signed``, in base64.
    """

    commit: str
    name: str
    signed: bytes
    text: str


def is_tag(data: bytes) -> bool:
    """Whether this is an object of git that says where it leads, and no file of signatures."""
    return data.startswith(b"object ")


def read_tag(data: bytes) -> tuple[Tag, str]:
    """The tag that a tag object is, and its signature in base64. ``WireError`` where it is not a signed one."""
    signed, begin, rest = data.partition(_BEGIN)
    if not begin or not signed.endswith(b"\n"):
        raise WireError("it has no SSH signature; 'git tag -s' makes one with gpg.format=ssh")
    (signature, *more) = dearmoured(begin + rest)
    if more:
        raise WireError("it has more than one signature")
    return tag_of(base64.b64encode(signed).decode()), signature


def tag_of(text: str) -> Tag:
    """The tag of the base64 of what is signed. ``WireError`` where that is not the text of a tag on a commit."""
    data = from_base64(text)
    if len(data) > MAX_TAG_BYTES:
        raise WireError(f"its text has more than {MAX_TAG_BYTES >> 10} KiB")
    match = _HEAD.match(data)
    if match is None:
        raise WireError("it is not the text of a tag")
    if match[2] != b"commit":
        raise WireError(f"it is a tag of a {match[2].decode()}, not of a commit")
    try:
        name = match[3].decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("its name is not UTF-8") from error
    return Tag(commit=match[1].decode(), name=name, signed=data, text=text)
