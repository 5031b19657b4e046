"""Packages in commits: rows 95 and 96 of the catalogue of bad inputs, forged trees, and what a good commit gives.

Read straight from the repository that a test has made: what git itself refuses in transit is refused here as well.
"""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.packages.content import executables_of, read
from reconciler.packages.folder import open_folder
from reconciler.sources.git.command import Git, GitRules
from reconciler.sources.git.content import GitContent, open_commit
from reconciler.sources.git.objects import DamagedError, Objects
from tests.sources.git_servers import Origin

SMALLER = "make the package smaller"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "origin")


def objects_of(origin: Origin) -> Objects:
    rules = GitRules(variables={"PATH": os.environ["PATH"]})
    return Objects(Git("https://example.org/x", home=origin.path.parent / "home", rules=rules), origin.path / ".git")


def opened(origin: Origin, path: str = "", limits: Limits | None = None) -> GitContent:
    commit = origin.git("rev-parse", "HEAD")
    return open_commit(objects_of(origin), commit, path, limits=limits or Limits(), name="pkg")


def refused(origin: Origin, path: str = "", limits: Limits | None = None) -> str:
    with pytest.raises(InputError) as caught:
        opened(origin, path, limits)
    assert caught.value.message.isprintable()
    return caught.value.message.removeprefix("pkg: ")


def test_files_are_those_of_the_same_folder(origin: Origin) -> None:
    origin.commit({"p/manifest.yaml": "hello\n", "p/sub/run": "#!/bin/sh\n", "p/größe": "", "other": "x"})
    content, folder = opened(origin, "p"), open_folder(origin.path / "p", limits=Limits(), name="pkg")
    assert content.files == folder.files
    assert [entry.path for entry in content.files] == ["größe", "manifest.yaml", "sub/run"]
    assert executables_of(content) == frozenset(["sub/run"])
    assert read(content, "sub/run") == b"#!/bin/sh\n"
    assert read(content, "größe") == b""
    assert content.notes == ()
    with pytest.raises(KeyError):
        content.chunks("other")


@pytest.mark.parametrize("path", ["a/p", "a/p/", "/a/p"])
def test_a_package_lies_in_a_folder(origin: Origin, path: str) -> None:
    origin.package("a/p")
    assert [entry.path for entry in opened(origin, path).files] == ["manifest.yaml"]


def test_a_repository_with_sha256_ids(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "origin", object_format="sha256")
    origin.package("p")
    assert [entry.path for entry in opened(origin, "p").files] == ["manifest.yaml"]


def test_a_large_file_comes_in_pieces_and_several_at_once(origin: Origin) -> None:
    large = os.urandom(700_000)
    origin.commit({"large": large, "middle": bytes(200_000), "small": "x"})
    content = opened(origin)
    pieces = content.chunks("large")
    first = next(pieces)
    assert len(first) == 65_536
    assert [len(piece) for piece in content.chunks("middle")] == [65_536, 65_536, 65_536, 3_392]
    assert read(content, "small") == b"x"
    assert first + b"".join(pieces) == large


@pytest.mark.parametrize("count", [1, 8])
def test_memory_is_that_of_a_piece_and_not_of_the_package(origin: Origin, count: int) -> None:
    origin.commit({f"f{number}": bytes([number]) * 4_000_000 for number in range(count)})
    tracemalloc.start()
    try:
        content = opened(origin)
        sizes = [sum(map(len, content.chunks(entry.path))) for entry in content.files]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sizes == [4_000_000] * count
    assert peak < 1_500_000


def test_a_reader_that_stops_early_leaves_no_process(origin: Origin) -> None:
    origin.commit({"large": os.urandom(700_000)})
    content = opened(origin)
    pieces = content.chunks("large")
    next(pieces)
    del pieces, content
    gc.collect()
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if children.exists():
        assert [pid for pid in children.read_text().split() if "git" in Path(f"/proc/{pid}/cmdline").read_text()] == []


def test_a_reader_that_was_closed_reads_on(origin: Origin) -> None:
    origin.commit({"f": "x"})
    objects = objects_of(origin)
    content = open_commit(objects, origin.git("rev-parse", "HEAD"), "", limits=Limits(), name="pkg")
    objects.close()
    assert read(content, "f") == b"x"
    objects.close()
    objects.close()


def test_what_git_hides_from_an_archive_is_there(origin: Origin) -> None:
    origin.commit(
        {".gitattributes": "secret export-ignore\nsubst export-subst\n", "secret": "x", "subst": "$Format:%H$"}
    )
    content = opened(origin)
    assert [entry.path for entry in content.files] == [".gitattributes", "secret", "subst"]
    assert read(content, "subst") == b"$Format:%H$"


def test_row_98_attributes_filter_nothing_and_change_no_line_end(origin: Origin, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    origin.commit({".gitattributes": "* filter=evil text eol=crlf ident\n", "f": "$Id$\nx\n"})
    for setting in ("filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "core.fsmonitor"):
        origin.git("config", setting, f"touch {canary}")
    assert read(opened(origin), "f") == b"$Id$\nx\n"
    assert not canary.exists()


def test_what_desktops_leave_behind_is_ignored(origin: Origin) -> None:
    origin.commit({"f": "x", "__MACOSX/._a": "?", "sub/.DS_Store": "?"})
    content = opened(origin)
    assert [entry.path for entry in content.files] == ["f"]
    assert content.notes == ("left out 2 names of editors and systems: '__MACOSX', 'sub/.DS_Store'",)


def test_what_editors_leave_behind_is_left_out_before_its_name_is_judged(origin: Origin) -> None:
    origin.commit_tree(origin.tree(("100644", "a", origin.blob(b"x")), ("100644", "caf\udce9~", origin.blob(b"y"))))
    assert [entry.path for entry in opened(origin).files] == ["a"]


def test_row_153_git_itself_is_left_out(origin: Origin) -> None:
    origin.commit_tree(origin.tree(("40000", ".git", a_file(origin, "f")), ("100644", "a", origin.blob(b"x"))))
    assert [entry.path for entry in opened(origin).files] == ["a"]


def test_files_about_git_are_files(origin: Origin) -> None:
    origin.commit({".gitignore": "x", ".gitmodules": "", "sub/.gitkeep": ""})
    assert [entry.path for entry in opened(origin).files] == [".gitignore", ".gitmodules", "sub/.gitkeep"]


def test_row_95_a_submodule(origin: Origin) -> None:
    origin.commit_tree(origin.tree(("160000", "sub", "1" * 40)))
    assert refused(origin) == "entry 'sub': is a submodule; commit its files instead"
    assert refused(origin, "sub") == "entry 'sub': is a submodule; name a folder"
    assert refused(origin, "sub/p") == "entry 'sub': is a submodule; name a folder"


def test_row_95_a_submodule_elsewhere_does_not_matter(origin: Origin) -> None:
    package = origin.tree(("100644", "f", origin.blob(b"x")))
    origin.commit_tree(origin.tree(("40000", "p", package), ("160000", "sub", "1" * 40)))
    assert [entry.path for entry in opened(origin, "p").files] == ["f"]


def test_row_96_a_symbolic_link(origin: Origin) -> None:
    (origin.path / "p").mkdir()
    (origin.path / "p" / "link").symlink_to("/etc/hosts")
    (origin.path / "q").symlink_to("p")
    origin.commit()
    assert refused(origin, "p") == "entry 'link': is a symbolic link; commit the file instead"
    assert refused(origin, "q") == "entry 'q': is a symbolic link; name a folder"
    assert refused(origin, "q/x") == "entry 'q': is a symbolic link; name a folder"


def test_a_path_of_no_known_kind_is_refused(origin: Origin) -> None:
    origin.commit_tree(origin.tree(("140000", "f", origin.blob(b"x"))))
    assert refused(origin, "f") == "entry 'f': is no folder; name a folder"


PATHS = {
    "row-96-out": ("../x", "entry '../x': the path leaves the package ('..'); name a folder of the repository"),
    "git": (".git", "entry '.git': the path is in a .git folder; name a folder of the repository"),
    "missing": ("nothing", "entry 'nothing': there is no such folder; check the path"),
    "near": ("extension/foo", "entry 'extension': there is no such folder; did you mean 'extensions'?"),
    "near-inside": ("extensions/fo", "entry 'extensions/fo': there is no such folder; did you mean 'extensions/foo'?"),
    "file": ("extensions/foo/manifest.yaml", "entry 'extensions/foo/manifest.yaml': is a file; name a folder"),
    "below-a-file": (
        "extensions/foo/manifest.yaml/x",
        "entry 'extensions/foo/manifest.yaml': is a file; name a folder",
    ),
}


@pytest.mark.parametrize(("path", "message"), PATHS.values(), ids=PATHS)
def test_a_path_that_is_no_folder_is_refused(origin: Origin, path: str, message: str) -> None:
    origin.package("extensions/foo")
    assert refused(origin, path) == message


def a_file(origin: Origin, *names: str) -> str:
    return origin.tree(*(("100644", name, origin.blob(b"x")) for name in names))


def in_folder(name: str) -> Callable[[Origin], str]:
    return lambda origin: origin.tree(("40000", name, a_file(origin, "f")))


def named(*names: str) -> Callable[[Origin], str]:
    return lambda origin: a_file(origin, *names)


def with_mode(mode: str) -> Callable[[Origin], str]:
    return lambda origin: origin.tree((mode, "f", origin.blob(b"x")))


def deep(origin: Origin) -> str:
    tree = a_file(origin, "f")
    for _ in range(16):
        tree = origin.tree(("40000", "d", tree))
    return tree


def bomb(origin: Origin) -> str:
    tree = a_file(origin, "f")
    for _ in range(10):
        tree = origin.tree(*(("40000", f"d{number}", tree) for number in range(10)))
    return tree


def raw(data: bytes) -> Callable[[Origin], str]:
    return lambda origin: origin.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", given=data)


BESIDE = "rename one of the two"
FORGED: dict[str, tuple[Callable[[Origin], str], str]] = {
    "row-96-dots": (in_folder(".."), "entry '..': the path leaves the package ('..'); rename it"),
    "row-96-slash": (named("a/b"), "entry 'a/b': one name in a tree holds a '/'; fix the repository"),
    "row-96-absolute": (named("/etc/x"), "entry '/etc/x': one name in a tree holds a '/'; fix the repository"),
    "row-96-link-and-folder": (
        lambda origin: origin.tree(("120000", "a", origin.blob(b"/etc")), ("40000", "a", a_file(origin, "f"))),
        "entry 'a': is a symbolic link; commit the file instead",
    ),
    "dot": (named("."), "entry '.': the path has an empty or '.' part; rename it"),
    "empty-name": (named(""), "entry '': the name is empty; rename it"),
    "git-folder-in-capitals": (in_folder(".GIT"), "entry '.GIT': the path is in a .git folder; rename it"),
    "backslash": (named("a\\b"), "entry 'a\\\\b': the name holds a backslash; rename it"),
    "device": (named("aux.yaml"), "entry 'aux.yaml': the name is a device on Windows; rename it"),
    "escape": (named("a\x1bb"), "entry 'a\\x1bb': the name holds a control or invisible character; rename it"),
    "newline": (named("a\nb"), "entry 'a\\nb': the name holds a control or invisible character; rename it"),
    "not-utf-8": (named("caf\udce9"), "entry 'caf\\udce9': the name is not UTF-8; rename it"),
    "twice": (named("a", "a"), "entry 'a': is there twice; keep one of the two"),
    "case": (
        named("A", "a"),
        f"entry 'a': is the same as 'A' where case or Unicode form do not count; {BESIDE}",
    ),
    "unicode-form": (
        named("e\u0301", "\xe9"),
        f"entry '\xe9': is the same as 'e\u0301' where case or Unicode form do not count; {BESIDE}",
    ),
    "file-and-folder": (
        lambda origin: origin.tree(("100644", "a", origin.blob(b"x")), ("40000", "a", a_file(origin, "f"))),
        f"entry 'a/': is a file and a folder at once; {BESIDE}",
    ),
    "deep": (deep, f"entry '{'d/' * 16}f': the path is deeper than 16 folders; rename it"),
    "bomb-of-folders": (bomb, f"has more than 2000 entries; {SMALLER}"),
    "odd-mode": (with_mode("140000"), "entry 'f': is not a regular file or folder; fix the repository"),
    "set-uid": (with_mode("104755"), "entry 'f': is not a regular file or folder; fix the repository"),
    "file-that-is-a-folder": (
        lambda origin: origin.tree(("100644", "f", a_file(origin, "x"))),
        "entry 'f': is listed as a file and is a tree; fix the repository",
    ),
    "folder-that-is-a-file": (
        lambda origin: origin.tree(("40000", "d", origin.blob(b"x"))),
        "a blob is listed as a folder; fix the repository",
    ),
    "no-tree": (raw(b"garbage"), "a tree in it is malformed; fix the repository"),
    "cut-short": (raw(b"100644 f\0" + b"x" * 19), "a tree in it is malformed; fix the repository"),
}


@pytest.mark.parametrize(("make", "message"), FORGED.values(), ids=FORGED)
def test_a_forged_tree_is_refused(origin: Origin, make: Callable[[Origin], str], message: str) -> None:
    origin.commit_tree(make(origin))
    assert refused(origin) == message


def test_the_old_modes_of_git_are_taken(origin: Origin) -> None:
    tree = origin.tree(("100664", "f", origin.blob(b"x")))
    origin.commit_tree(origin.tree(("040000", "d", tree)))
    assert [(entry.path, entry.executable) for entry in opened(origin).files] == [("d/f", False)]


def test_a_tag_on_no_commit_is_refused(origin: Origin) -> None:
    origin.commit({"f": "x"})
    blob = origin.blob(b"x")
    with pytest.raises(InputError) as caught:
        open_commit(objects_of(origin), blob, "", limits=Limits(), name="pkg")
    assert caught.value.message == f"pkg: {blob} is a blob and no commit; name a branch, a tag or a commit"


def test_a_pointer_of_git_lfs_is_refused(origin: Origin) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    origin.commit({"p/model.bin": pointer, "docs/about-lfs": "# On\n" + pointer})
    message = "entry 'model.bin': is a Git LFS pointer and not the file; "
    assert refused(origin, "p") == message + "commit the file itself, or publish the package as a zip"
    assert len(opened(origin, "docs").files) == 1


LIMITED = {
    "entries": (Limits(entries=2), f"has more than 2 entries; {SMALLER}"),
    "file": (Limits(file=5), f"entry 'a/f': has 6 bytes; a file has at most 5; {SMALLER}"),
    "unpacked": (
        Limits(unpacked=7),
        f"has more than 7 bytes; {SMALLER}, or raise policy.limits.unpacked",
    ),
}


@pytest.mark.parametrize(("limits", "message"), LIMITED.values(), ids=LIMITED)
def test_what_passes_a_limit_is_refused(origin: Origin, limits: Limits, message: str) -> None:
    origin.commit({"a/f": "hello\n", "b": "hi"})
    assert refused(origin, "", limits) == message


def test_a_folder_too_large_to_be_read_is_refused(origin: Origin) -> None:
    origin.commit({f"{number:0250}": "x" for number in range(3)})
    assert refused(origin, "", Limits(entries=2)) == f"a folder of it has too many entries; {SMALLER}"


def flipped(origin: Origin, oid: str) -> None:
    """Another object of the same size under the name of this one, as an intruder would write it."""
    other = origin.blob(os.urandom(int(origin.git("cat-file", "-s", oid))))
    objects = origin.path / ".git" / "objects"
    victim = objects / oid[:2] / oid[2:]
    victim.chmod(0o644)
    victim.write_bytes((objects / other[:2] / other[2:]).read_bytes())


@pytest.mark.parametrize("size", [6, 700_000], ids=["small", "large"])
def test_a_blob_that_is_not_what_its_id_says_is_damage(origin: Origin, size: int) -> None:
    origin.commit({"f": bytes(size)})
    flipped(origin, origin.git("rev-parse", "HEAD:f"))
    with pytest.raises(DamagedError):
        opened(origin)


@pytest.mark.parametrize("size", [6, 700_000], ids=["small", "large"])
def test_a_blob_that_changes_after_it_was_checked_is_noticed(origin: Origin, size: int) -> None:
    origin.commit({"f": os.urandom(size)})
    content = opened(origin)
    flipped(origin, origin.git("rev-parse", "HEAD:f"))
    content._objects.close()
    with pytest.raises(InputError) as caught:
        read(content, "f")
    assert caught.value.message == "pkg: its copy changed since it was checked; run the command again"


@pytest.mark.parametrize("what", ["HEAD", "HEAD^{tree}", "HEAD:f"], ids=["commit", "tree", "blob"])
def test_an_object_that_is_missing_is_damage(origin: Origin, what: str) -> None:
    origin.commit({"f": "x"})
    commit, lost = origin.git("rev-parse", "HEAD"), origin.git("rev-parse", what)
    (origin.path / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    with pytest.raises(DamagedError):
        open_commit(objects_of(origin), commit, "", limits=Limits(), name="pkg")
