"""Where credentials come from, and that nobody sees them."""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.model.auth import Auth, AuthKind
from reconciler.sources.web.credentials import Credentials, credentials_for

URL = "https://example.org/x.zip"
HEADER = Auth(AuthKind.HEADER_ENV, "TOKEN")
BASIC = Auth(AuthKind.BASIC_ENV, "LOGIN")
NETRC = Auth(AuthKind.NETRC)


def basic(pair: str) -> str:
    return f"Basic {b64encode(pair.encode()).decode()}"


@pytest.mark.parametrize(
    ("auth", "value", "header", "sent"),
    [
        pytest.param(HEADER, "Bearer geheim", "Authorization", "Bearer geheim", id="value"),
        pytest.param(HEADER, "geheim", "Authorization", "geheim", id="bare value"),
        pytest.param(HEADER, "Basic Z2VoZWlt==", "Authorization", "Basic Z2VoZWlt==", id="basic as a header"),
        pytest.param(HEADER, "PRIVATE-TOKEN: geheim", "PRIVATE-TOKEN", "geheim", id="header line"),
        pytest.param(HEADER, "X-Key:geheim:2", "X-Key", "geheim:2", id="header line without a space"),
        pytest.param(HEADER, 'Digest a="b:c"', "Authorization", 'Digest a="b:c"', id="value with a colon"),
        pytest.param(BASIC, "me:geheim", "Authorization", basic("me:geheim"), id="user and password"),
        pytest.param(BASIC, "me:ge:heim", "Authorization", basic("me:ge:heim"), id="password with a colon"),
        pytest.param(BASIC, "mé:", "Authorization", basic("mé:"), id="other letters, no password"),
    ],
)
def test_from_a_variable(auth: Auth, value: str, header: str, sent: str) -> None:
    found = credentials_for(auth, URL, {auth.variable: value})
    assert (found.header, found.value, found.label) == (header, sent, auth.variable)
    assert found.origin == ("https", "example.org", 443)


NO_VALUE = "it is empty, or has a line break or another character that no header may have"


@pytest.mark.parametrize(
    ("auth", "value", "message"),
    [
        pytest.param(HEADER, None, "TOKEN is not set; it should hold the credentials for example.org", id="not set"),
        pytest.param(BASIC, "", "LOGIN is not set; it should hold the credentials for example.org", id="empty"),
        pytest.param(HEADER, "Bearer geheim\n", f"TOKEN holds no value of a header: {NO_VALUE}", id="line break"),
        pytest.param(HEADER, "X: geheim\r\nY: z", f"TOKEN holds no value of a header: {NO_VALUE}", id="two headers"),
        pytest.param(HEADER, "X: ", f"TOKEN holds no value of a header: {NO_VALUE}", id="header without a value"),
        pytest.param(HEADER, "Bearer gehéim", f"TOKEN holds no value of a header: {NO_VALUE}", id="other letters"),
        pytest.param(HEADER, "\x1b[31m", f"TOKEN holds no value of a header: {NO_VALUE}", id="escape"),
        pytest.param(HEADER, "Host: a", "TOKEN holds the header Host, which cannot carry credentials", id="host"),
        pytest.param(
            BASIC,
            "me:\udce9",
            "LOGIN does not hold 'user:password', or has a character that is not text",
            id="no UTF-8",
        ),
        pytest.param(
            HEADER,
            "accept-encoding: gzip",
            "TOKEN holds the header accept-encoding, which cannot carry credentials",
            id="a header of ours",
        ),
        pytest.param(
            BASIC,
            "geheim",
            "LOGIN does not hold 'user:password', or has a character that is not text",
            id="no password",
        ),
        pytest.param(
            BASIC, "me:geheim\0", "LOGIN does not hold 'user:password', or has a character that is not text", id="NUL"
        ),
    ],
)
def test_a_variable_that_does_not_serve(auth: Auth, value: str | None, message: str) -> None:
    variables = {} if value is None else {auth.variable: value}
    with pytest.raises(InputError) as caught:
        credentials_for(auth, URL, variables)
    assert caught.value.message == message


NO_ENTRY = " has no entry for the host example.org"


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / ".netrc"
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize("host", ["example.org", "Example.ORG"])
def test_from_netrc(tmp_path: Path, host: str) -> None:
    file = written(tmp_path, f"machine other.org login x password y\nmachine {host} login me password geheim\n")
    for variables in ({"HOME": str(tmp_path)}, {"NETRC": str(file), "HOME": "/nowhere"}):
        found = credentials_for(NETRC, URL, variables)
        assert (found.header, found.value, found.label) == ("Authorization", basic("me:geheim"), str(file))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(
            "machine other.org login me password geheim\n", " has no entry for the host example.org", id="none"
        ),
        pytest.param("default login me password geheim\n", " has no entry for the host example.org", id="default"),
        pytest.param("machine example.org\ngeheim me\n", ":2: this is not an entry of a netrc file", id="bad"),
        pytest.param("", NO_ENTRY, id="empty"),
    ],
)
def test_a_netrc_that_does_not_serve(tmp_path: Path, text: str, reason: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        credentials_for(NETRC, URL, {"NETRC": str(file)})
    assert caught.value.message == f"{file}{reason}"
    assert caught.value.__cause__ is None


def test_a_netrc_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        credentials_for(NETRC, URL, {"HOME": str(tmp_path)})
    assert caught.value.message == f"{tmp_path}/.netrc cannot be read: No such file or directory"


def test_no_home_no_netrc() -> None:
    with pytest.raises(InputError, match="there is no netrc file, because neither NETRC nor HOME is set"):
        credentials_for(NETRC, URL, {})


@pytest.mark.parametrize("mode", [0o604, 0o606, 0o666, 0o601])
def test_a_netrc_that_others_may_open(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path, "machine example.org login me password geheim\n", mode)
    with pytest.raises(InputError) as caught:
        credentials_for(NETRC, URL, {"NETRC": str(file)})
    assert caught.value.message == f"{file} is open to every user of this machine"
    assert caught.value.advice == f"run 'chmod 600 {file}'"


def test_a_netrc_of_the_group_serves(tmp_path: Path) -> None:
    """As secrets are mounted into containers."""
    file = written(tmp_path, "machine example.org login me password geheim\n", 0o440)
    assert credentials_for(NETRC, URL, {"NETRC": str(file)}).value == basic("me:geheim")


def test_they_are_not_in_what_is_printed() -> None:
    found = credentials_for(HEADER, URL, {"TOKEN": "Bearer geheim"})
    assert isinstance(found, Credentials)
    assert "geheim" not in f"{found!r} {found}"
    assert os.environ.get("TOKEN") is None
