"""What a repository offers by name: its branches, tags and head, as values."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from reconciler.model.regex import regex

COMMIT: Final = regex(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""A whole object id, sha1 or sha256."""

_SHORT: Final = regex(r"[0-9a-f]{7,63}")
_LINE: Final = regex(r"([0-9a-f]{40}|[0-9a-f]{64})\t(\S+)")
_PEELED: Final = "^{}"
_TAGS: Final = "refs/tags/"
_HEADS: Final = "refs/heads/"
_RULES: Final = ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}")
"""Where git itself looks for a name, in its order. A tag and a branch that share one are told apart before."""


class Refs(Struct, frozen=True, kw_only=True):
    """Full names (``HEAD``, ``refs/heads/main``, ``refs/tags/v1``) → commit; of an annotated tag, what it is put on."""

    commits: Mapping[str, str]
    tag_objects: Mapping[str, str] = MappingProxyType({})
    """Short names of annotated tags → the object that the tag is, which may be signed."""

    @staticmethod
    def from_listing(text: str) -> Refs:
        """Decode what ``git ls-remote`` prints, without lines that are none and names that no terminal should see."""
        found = [match for line in text.split("\n") if (match := _LINE.fullmatch(line)) and match[2].isprintable()]
        plain = {match[2]: match[1] for match in found if not match[2].endswith(_PEELED)}
        peeled = {match[2].removesuffix(_PEELED): match[1] for match in found if match[2].endswith(_PEELED)}
        objects = {name.removeprefix(_TAGS): plain[name] for name in peeled if name in plain and name.startswith(_TAGS)}
        return Refs(commits=MappingProxyType({**plain, **peeled}), tag_objects=MappingProxyType(objects))

    @property
    def head(self) -> str | None:
        """What is meant where no ref is named: the commit of the default branch. ``None``: it has no commit yet."""
        return self.commits.get("HEAD")

    @property
    def tags(self) -> Mapping[str, str]:
        """Short names of the tags → commit."""
        found = {name.removeprefix(_TAGS): oid for name, oid in self.commits.items() if name.startswith(_TAGS)}
        return MappingProxyType(found)

    def branch(self, ref: str) -> str | None:
        """The commit of the branch ``ref``, and never of a tag of that name; a full name or a commit id as it is."""
        if COMMIT.fullmatch(ref):
            return ref
        return self.commits.get(ref if ref.startswith("refs/") else f"{_HEADS}{ref}")

    def has_branch(self, name: str) -> bool:
        """Whether there is a branch of this short name."""
        return f"{_HEADS}{name}" in self.commits

    def is_ambiguous(self, ref: str) -> bool:
        """Whether a tag and a branch share the name ``ref``, and lead to different commits."""
        return len({self.commits.get(f"{folder}{ref}") for folder in (_TAGS, _HEADS)} - {None}) > 1

    def resolve(self, ref: str) -> str | None:
        """The commit that ``ref`` names: a whole commit id, a tag, a branch, a full name, or the start of a commit id.

        A whole id is taken as it is: only a fetch tells whether there is such a commit. Of the start of one, at least
        seven digits, only the commits are known that a name leads to. ``None`` where nothing, or more than one thing,
        is meant.
        """
        if COMMIT.fullmatch(ref):
            return ref
        for rule in _RULES:
            if (commit := self.commits.get(rule.format(ref))) is not None:
                return commit
        starting = {oid for oid in self.commits.values() if oid.startswith(ref)} if _SHORT.fullmatch(ref) else set()
        return starting.pop() if len(starting) == 1 else None
