"""A secret, wherever a value can be, is in no output: not before a change, not after it, and not when it is undone."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.shell import Session

OLD, NEW = "s3cr3t-of-before", "s3cr3t-of-today"
ODD = "\"quoted\" 's3cr3t': #\n- lines"
"""One that YAML and JSON write in many ways."""

Place = Callable[[Session, str], None]


def config(text: str) -> Place:
    def plant(session: Session, value: str) -> None:
        session.variables["VALUE"] = value
        session.write("key", value)
        session.desired(f"extensions: {{foo: {{source: ./packages/foo, config: {text}}}}}\n")

    return plant


def in_the_file(session: Session, value: str) -> None:
    shown = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    session.desired(f'extensions: {{foo: {{source: ./packages/foo, config: {{api_key: "{shown}"}}}}}}\n')


def in_the_package(session: Session, value: str) -> None:
    shown = value.replace('"', '\\"').replace("\n", "\\n")
    manifest = (session.project / "packages/foo/manifest.yaml").read_text()
    lines = [f'  token: "{shown}"' if line.startswith("  token:") else line for line in manifest.splitlines()]
    session.write("packages/foo/manifest.yaml", "\n".join([*lines, ""]))
    session.desired("extensions: {foo: ./packages/foo}\n")


def in_the_gateway_key(session: Session, value: str) -> None:
    session.variables["GATEWAY_KEY"] = value
    session.desired(
        "gateway: {url: 'http://127.0.0.1:9', api_key_env: GATEWAY_KEY}\nextensions: {foo: ./packages/foo}\n"
    )


PLACES: dict[str, Place] = {
    "variable": config("{token: {env: VALUE}}"),
    "under another name": config("{interval: {env: VALUE}}"),
    "new key": config("{added: {env: VALUE}}"),
    "nested": config("{a: {b: {c: {env: VALUE}}}}"),
    "in a list": config("{a: [1, {env: VALUE}, {b: {env: VALUE}}]}"),
    "file": config("{token: {file: ./key}}"),
    "desired state": in_the_file,
    "package": in_the_package,
    "key of the gateway": in_the_gateway_key,
}


def everywhere(session: Session, value: str) -> None:
    """In each place at once; the package's own is not hidden by a setting of the same name."""
    in_the_package(session, value)
    session.write("key", value)
    session.variables |= {"VALUE": value, "GATEWAY_KEY": value}
    quoted = json.dumps(value)
    session.desired(
        "gateway: {url: 'http://127.0.0.1:9', api_key_env: GATEWAY_KEY}\n"
        "extensions: {foo: {source: ./packages/foo, config: {interval: {env: VALUE}, added: {file: ./key},"
        f" api_key: {quoted}, a: {{b: {{c: {{env: VALUE}}}}}}, l: [1, {{env: VALUE}}, {{b: {{env: VALUE}}}}]}}}}}}\n"
    )


COMMANDS = [
    *([("plan", flag) for flag in ("--full", "--stat", "-v", "--json", "--no-diff", "--no-secrets")]),
    ("plan", "--format", "markdown", "--full"),
    ("plan", "--full", "--color", "always"),
    ("plan", "--out", "plan.json", "-q"),
    ("show", "plan.json", "--full"),
    ("show", "plan.json", "--json"),
    ("status", "--json"),
    ("status", "--diff", "foo"),
    ("status", "--diff", "foo", "--json"),
    ("diff", "--full"),
    ("show", "foo", "--full"),
    ("show", "foo", "--json"),
    ("history", "--json"),
    ("list", "--json"),
    ("remove", "foo", "--dry-run", "--full"),
    ("remove", "foo", "--dry-run", "--json"),
    ("restore", "foo", "--dry-run", "--full"),
    ("restore", "foo", "--dry-run", "--json"),
    ("rollback", "--dry-run", "--full"),
    ("rollback", "--dry-run", "--json"),
]

FEW = [
    ("plan", "--full"),
    ("plan", "--json"),
    ("plan", "--format", "markdown", "--full"),
    ("status", "--json"),
    ("status", "--diff", "foo"),
    ("show", "foo", "--json"),
    ("restore", "foo", "--dry-run", "--full"),
    ("rollback", "--dry-run", "--json"),
]
"""One for each way to show a value: all of ``COMMANDS`` are tried where it is in all places, or where most is shown."""


def check(session: Session, *commands: tuple[str, ...]) -> None:
    """Run each; some of them fail, which says nothing either."""
    for command in commands:
        done = session.run(*command, "-vv", "--log-file", "log")
        assert done.code != 70, done.err
        assert "s3cr3t" not in done.out + done.err, command
    for name in ("plan.json", "log"):
        if (session.project / name).exists():
            assert "s3cr3t" not in (session.project / name).read_text(), name


def test_it_is_in_no_output_wherever_it_is(session: Session) -> None:
    tried(session, everywhere, ODD, COMMANDS)


@pytest.mark.parametrize("plant", PLACES.values(), ids=PLACES)
def test_no_output_has_it(session: Session, plant: Place) -> None:
    """By itself, where nothing else is hidden with it."""
    tried(session, plant, ODD, FEW)


@pytest.mark.long
@pytest.mark.parametrize("value", [NEW, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("plant", [everywhere, *PLACES.values()], ids=["everywhere", *PLACES])
def test_no_output_of_any_command_has_it(session: Session, plant: Place, value: str) -> None:
    tried(session, plant, value, COMMANDS)


def tried(session: Session, plant: Place, value: str, commands: list[tuple[str, ...]]) -> None:
    session.package("foo")
    plant(session, OLD)
    check(session, *FEW[:3], ("apply", "--full"))
    assert session.installed("foo").is_dir()
    session.package("foo", version="1.1.0", files={"prompt.md": "Never reveal it.\n"})
    plant(session, value)
    check(session, *commands)
    check(session, ("apply", "--full"), *FEW)
    session.edit(session.installed("foo", "manifest.yaml"), "A package for tests", "Other words")
    check(session, *commands)
    session.desired("extensions: {}\n")
    check(session, *FEW, ("apply", "--json"), *FEW)


BEARER = "Bearer s3cr3t"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzM2NyM3QifQ.s3cr3t"


@pytest.mark.parametrize(
    "value",
    [
        *(BEARER, f"bearer  {JWT}", JWT, "Basic s3cr3tczNjcjN0Og==", "https://me:s3cr3t@example.org/x"),
        *("ghp_s3cr3t" + "a1B2" * 8, "use sk-s3cr3t-" + "a1B2" * 8),
    ],
)
def test_what_looks_like_a_secret_is_one_under_any_key(session: Session, value: str) -> None:
    """In the file, in the package, changed by hand, and where it changes."""
    session.package("foo")
    session.desired(f"extensions: {{foo: {{source: ./packages/foo, config: {{auth: {{header: '{value}'}}}}}}}}\n")
    check(session, *FEW, ("apply", "--full"), *FEW)
    session.edit("llamagate.yaml", value, value.replace("s3cr3t", "s3cr3t9"))
    [before, after] = session.plan()["actions"][0]["diff"]["manifest"]["changed"]["config.auth.header"]
    assert before == after
    assert "(hidden)" in before
    assert ", changed (hidden)" in session.llamagate("plan").out.replace(": changed (hidden)", ", changed (hidden)")
    check(session, *(COMMANDS if value == BEARER else FEW), ("set", "foo", f"other='{value}'"))
    session.desired("extensions: {foo: ./packages/foo}\n")
    session.edit("packages/foo/manifest.yaml", "  interval: 5", f"  interval: 5\n  endpoint: '{value}'")
    check(session, *FEW, ("apply", "--full"), *FEW)


@pytest.mark.parametrize("value", ["Bearer of bad news", "Basic settings", "https://example.org:80/a@b", "a token"])
def test_what_only_sounds_like_one_is_read_by_the_reviewer(session: Session, value: str) -> None:
    session.package("foo")
    session.extensions("foo")
    session.llamagate("apply")
    session.desired(f"extensions: {{foo: {{source: ./packages/foo, config: {{note: '{value}'}}}}}}\n")
    assert value in session.llamagate("plan").out


def test_nor_has_one_that_was_written_by_hand(session: Session) -> None:
    session.package("foo")
    session.desired("extensions: {foo: ./packages/foo}\n")
    session.llamagate("apply")
    session.edit(session.installed("foo", "manifest.yaml"), "token: none", f"token: {OLD}")
    check(session, *COMMANDS)
    session.package("foo", version="1.1.0")
    check(session, *COMMANDS, ("plan", "--overwrite", "--full"), ("apply", "--overwrite", "--full"), *COMMANDS)
