"""What git's words come to: which error, what it says, and that no secret is in it."""

from __future__ import annotations

import base64

import pytest

from reconciler.errors import InputError, LlamagateError, StorageError, UnreachableError
from reconciler.sources.git.failure import GitFailedError, IdsRefusedError, UnknownCommitError, failure

URL = "https://example.org/x"
DENIED = "access is denied"
UNREACHED = "is not reached"
NOTHING = "there is no such repository"
READ = (
    "fatal: Could not read from remote repository.\n\n"
    "Please make sure you have the correct access rights\nand the repository exists.\n"
)

SAID: dict[str, tuple[str, type[LlamagateError], str]] = {
    "unknown-commit": (
        "fatal: remote error: upload-pack: not our ref 1111\n",
        UnknownCommitError,
        "has no such commit ('upload-pack: not our ref 1111')",
    ),
    "unknown-commit-of-jgit": (
        f"fatal: remote error: want {'1' * 40} not valid\n",
        IdsRefusedError,
        f"gives out only whole branches and tags ('want {'1' * 40} not valid')",
    ),
    "ids-refused": (
        "error: Server does not allow request for unadvertised object 1111\n",
        IdsRefusedError,
        "gives out only whole branches and tags ('Server does not allow request for unadvertised object 1111')",
    ),
    "dumb": (
        "fatal: dumb http transport does not support shallow capabilities\n",
        IdsRefusedError,
        "gives out only whole branches and tags ('dumb http transport does not support shallow capabilities')",
    ),
    "prompt": (
        "fatal: could not read Username for 'https://example.org': terminal prompts disabled\n",
        InputError,
        f"{DENIED} (\"could not read Username for 'https://example.org': terminal prompts disabled\")",
    ),
    "forbidden": (
        "fatal: unable to access 'https://example.org/x/': The requested URL returned error: 403\n",
        InputError,
        f"{DENIED} ('The requested URL returned error: 403')",
    ),
    "ssh-key": (
        f"git@example.org: Permission denied (publickey).\r\n{READ}",
        InputError,
        f"{DENIED} ('git@example.org: Permission denied (publickey).')",
    ),
    "ssh-host": (
        f"Host key verification failed.\r\n{READ}",
        InputError,
        "ssh does not know this host ('Host key verification failed.')",
    ),
    "ssh-refused": (
        f"ssh: connect to host example.org port 22: Connection refused\r\n{READ}",
        UnreachableError,
        f"{UNREACHED} ('ssh: connect to host example.org port 22: Connection refused')",
    ),
    "ssh-no-repository": (f"ERROR: Repository not found.\n{READ}", InputError, f"{NOTHING} ('Repository not found.')"),
    "no-repository": (
        "remote: Not Found\nfatal: repository 'https://example.org/x/' not found\n",
        InputError,
        f"{NOTHING} (\"repository 'https://example.org/x/' not found\")",
    ),
    "no-git-there": (
        "fatal: https://example.org/x/info/refs not valid: is this a git repository?\n",
        InputError,
        f"{NOTHING} ('https://example.org/x/info/refs not valid: is this a git repository?')",
    ),
    "redirect": (
        "fatal: unable to access 'https://example.org/x/': The requested URL returned error: 301\n",
        InputError,
        "it answers with another address ('The requested URL returned error: 301')",
    ),
    "server-failed": (
        "fatal: unable to access 'https://example.org/x/': The requested URL returned error: 503\n",
        UnreachableError,
        f"{UNREACHED} ('The requested URL returned error: 503')",
    ),
    "too-many": (
        "fatal: unable to access 'https://example.org/x/': The requested URL returned error: 429\n",
        UnreachableError,
        f"{UNREACHED} ('The requested URL returned error: 429')",
    ),
    "no-name": (
        "fatal: unable to access 'https://example.org/x/': Could not resolve host: example.org\n",
        UnreachableError,
        f"{UNREACHED} ('Could not resolve host: example.org')",
    ),
    "cut-off": (
        "error: RPC failed; curl 18 transfer closed with outstanding read data remaining\n"
        "fatal: early EOF\nfatal: fetch-pack: invalid index-pack output\n",
        UnreachableError,
        f"{UNREACHED} ('RPC failed; curl 18 transfer closed with outstanding read data remaining')",
    ),
    "certificate": (
        "fatal: unable to access 'https://example.org/x/': server certificate verification failed. CAfile: none\n",
        InputError,
        "its certificate is not trusted ('server certificate verification failed. CAfile: none')",
    ),
    "malformed": (
        "error: object 1111: hasDotdot: contains '..'\nfatal: fsck error in packed object\n",
        InputError,
        "holds objects that git calls malformed ('fsck error in packed object')",
    ),
    "too-large": (
        "fatal: write error: File too large\nfatal: fetch-pack: invalid index-pack output\n",
        InputError,
        "sends more than one fetch may bring ('write error: File too large')",
    ),
    "disk-full": (
        "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output\n",
        StorageError,
        "the copy of it cannot be written ('write error: No space left on device')",
    ),
    "something-else": ("fatal: oh dear\n", GitFailedError, "git failed ('oh dear')"),
    "nothing": ("", GitFailedError, "git failed ('it said nothing')"),
    "controls": ("fatal: a\x1b[2Jb\n", GitFailedError, "git failed ('a\\x1b[2Jb')"),
    "no-utf-8": ("fatal: caf\udce9\n", GitFailedError, "git failed ('caf\ufffd')"),
    "warnings-only": ("warning: x\n", GitFailedError, "git failed ('warning: x')"),
    "long": (f"fatal: {'x' * 500}\n", GitFailedError, f"git failed ('{'x' * 120}…')"),
}


@pytest.mark.parametrize(("said", "kind", "message"), SAID.values(), ids=SAID)
def test_what_git_says_becomes_one_line(said: str, kind: type[LlamagateError], message: str) -> None:
    error = failure(URL, said.encode("utf-8", "surrogateescape"), secrets=())
    assert type(error) is kind
    assert error.message == f"{URL}: {message}"
    assert error.message.isprintable()
    assert error.advice or kind is IdsRefusedError


def test_words_in_the_url_do_not_count() -> None:
    url = "https://example.org/access denied: SSL certificate, not our ref"
    error = failure(url, f"fatal: repository '{url}/' not found\n".encode(), secrets=())
    assert error.message.startswith(f"{url}: {NOTHING} (")


BASIC = base64.b64encode(b"someone:hunter2!").decode()
SECRETS = {
    "bearer": ("Authorization: Bearer tok-123456", ["Bearer tok-123456", "tok-123456"]),
    "private-token": ("PRIVATE-TOKEN: tok-123456", ["tok-123456"]),
    "basic": (f"Authorization: Basic {BASIC}", [BASIC, "hunter2!", "someone:hunter2!"]),
    "broken-basic": ("Authorization: Basic !!!!", ["!!!!"]),
}


@pytest.mark.parametrize(("header", "words"), SECRETS.values(), ids=SECRETS)
def test_row_90_no_part_of_a_secret_is_in_the_message(header: str, words: list[str]) -> None:
    for word in [header, *words]:
        error = failure(URL, f"fatal: your {word}, is wrong\n".encode(), secrets=[header])
        assert [word for word in words if word in error.message] == []
        assert "***, is wrong" in error.message
