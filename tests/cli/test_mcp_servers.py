"""Tool servers: items that are entries of the gateway's own configuration file."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.commands.apply import apply
from reconciler.model.environment import Environment
from reconciler.model.listener import Listener
from reconciler.reconcile.options import Options
from reconciler.reconcile.unchanged import unchanged
from tests.cli.failures import failure, refused, warned
from tests.cli.shell import Session

SECRET = "s3cr3t-of-the-team"  # noqa: S105 - of a test
FILES = """\
mcp_servers:
  files: {command: npx, args: [-y, "some-server@1.4.2", 8080, 1.10], env: {TOKEN: {env: FILES_TOKEN}}, timeout: 30s}
  search: {url: "https://example.org/mcp", headers: {Authorization: {file: ./auth}}, enabled: false}
"""
GATEWAYS = """\
# the gateway's own
port: "11435"  # as ever
mcp:
  enabled: true
  deny_tools: ["*.delete"]
  servers:
    # by hand
    - name: theirs
      enabled: true
      transport: stdio
      command: their-server
  max_tool_rounds: 10
"""


def gateway_file(session: Session) -> Path:
    return session.home / "llamagate.yaml"


def servers(session: Session) -> dict[str, Any]:
    """The entries of the gateway's file, by name."""
    document = yaml.safe_load(gateway_file(session).read_text()) or {}
    return {entry["name"]: entry for entry in (document.get("mcp") or {}).get("servers") or []}


@pytest.fixture
def desired(session: Session) -> Session:
    """Two tool servers, wanted by the file."""
    session.variables["FILES_TOKEN"] = SECRET
    session.write("auth", "Bearer other-secret\n")
    session.desired(FILES)
    return session


@pytest.fixture
def both(desired: Session) -> Session:
    """Two tool servers, applied beside one of somebody else."""
    desired.home.mkdir()
    gateway_file(desired).write_text(GATEWAYS)
    desired.llamagate("apply")
    return desired


def test_the_file_is_made_with_what_is_asked_for(desired: Session) -> None:
    assert desired.actions() == ["install files", "install search"]
    desired.llamagate("apply")
    assert yaml.safe_load(gateway_file(desired).read_text())["mcp"]["enabled"] is True
    assert servers(desired) == {
        "files": {
            "name": "files",
            "enabled": True,
            "transport": "stdio",
            "command": "npx",
            "args": ["-y", "some-server@1.4.2", "8080", "1.10"],
            "env": {"TOKEN": SECRET},
            "timeout": "30s",
        },
        "search": {
            "name": "search",
            "enabled": False,
            "transport": "http",
            "url": "https://example.org/mcp",
            "headers": {"Authorization": "Bearer other-secret"},
        },
    }
    assert stat.S_IMODE(gateway_file(desired).stat().st_mode) == 0o600
    assert desired.actions() == []
    assert desired.llamagate("apply", "--json").json["changes"] is False


def test_all_else_in_the_gateways_file_stays(both: Session) -> None:
    text = gateway_file(both).read_text()
    head, tail = GATEWAYS.split("  max_tool_rounds")
    assert text.startswith(head)
    assert text.endswith("  max_tool_rounds" + tail)
    assert sorted(servers(both)) == ["files", "search", "theirs"]
    both.desired("")
    both.llamagate("apply")
    assert gateway_file(both).read_text() == GATEWAYS


def test_no_secret_is_in_what_is_ours(both: Session) -> None:
    shown = [both.llamagate(*command.split()).out for command in ("plan", "show files --json", "list", "status --json")]
    both.variables["FILES_TOKEN"] = f"not {SECRET}"
    shown += [both.llamagate("plan", "--json").out, both.llamagate("plan", "--full").out]
    kept = [path.read_bytes() for path in both.ours.rglob("*") if path.is_file()]
    assert all(SECRET not in text for text in shown)
    assert all(SECRET.encode() not in data for data in kept)
    assert both.record()["servers"][0]["settings"]["env"] == {"TOKEN": {"env": "FILES_TOKEN"}}
    assert both.generation(1)["servers"][0]["settings"]["env"] == {"TOKEN": {"env": "FILES_TOKEN"}}


def test_another_value_is_a_change(both: Session) -> None:
    both.variables["FILES_TOKEN"] = f"not {SECRET}"
    (action,) = both.plan()["actions"]
    assert (action["action"], action["reasons"]) == ("configure", ["a value from a variable or a file changed"])
    both.llamagate("apply")
    assert servers(both)["files"]["env"] == {"TOKEN": f"not {SECRET}"}


def test_what_runs_is_an_update_and_how_is_a_configuration(both: Session) -> None:
    both.edit("llamagate.yaml", "1.4.2", "1.5.0")
    both.edit("llamagate.yaml", "enabled: false", "enabled: false, timeout: 5s")
    assert both.actions() == ["update files", "configure search"]
    both.llamagate("apply")
    assert servers(both)["files"]["args"][1] == "some-server@1.5.0"
    assert servers(both)["search"]["timeout"] == "5s"


def test_what_was_edited_by_hand_stays_and_is_drift(both: Session) -> None:
    text = gateway_file(both).read_text().replace("some-server@1.4.2", "some-server@1.4.3")
    gateway_file(both).write_text(text)
    plan = both.plan()
    assert [(row["kind"], row["id"], row["path"], row["change"]) for row in plan["drift"]] == [
        ("mcp-server", "files", "llamagate.yaml", "edited")
    ]
    assert plan["actions"] == []
    said = "its entry in the gateway's file was changed by hand"  # the desired state has the same name
    assert f"files: {said}" in both.llamagate("apply").out
    assert gateway_file(both).read_text() == text
    assert both.llamagate("status", "--json").json["in_sync"] is False
    shown = both.llamagate("status", "--diff", "files").out
    assert "1.4.3" in shown
    assert SECRET not in shown
    assert "1.4.3" in both.llamagate("diff").out
    both.edit("llamagate.yaml", "1.4.2", "1.5.0")
    assert refused(both, "apply") == ["files conflict"]
    assert gateway_file(both).read_text() == text
    both.llamagate("apply", "--overwrite")
    assert servers(both)["files"]["args"][1] == "some-server@1.5.0"


def test_the_policy_heals_edits(both: Session) -> None:
    before = gateway_file(both).read_text()
    gateway_file(both).write_text(before.replace("some-server@1.4.2", "some-server@1.4.3"))
    both.desired("policy: {drift: {edited: heal}}\n" + FILES)
    assert both.actions() == ["repair files"]
    both.llamagate("apply")
    assert gateway_file(both).read_text() == before


def test_what_is_gone_comes_back(both: Session) -> None:
    gateway_file(both).write_text(GATEWAYS)
    plan = both.plan()
    assert [row["path"] for row in plan["drift"]] == [".", "."]
    assert "files: its entry in the gateway's file is missing" in both.llamagate("status").out
    assert [action["action"] for action in plan["actions"]] == ["repair", "repair"]
    both.llamagate("apply")
    assert sorted(servers(both)) == ["files", "search", "theirs"]


def test_the_same_entry_is_adopted(both: Session) -> None:
    before = gateway_file(both).read_bytes()
    for path in sorted(both.ours.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    both.desired(FILES + "  theirs: {command: their-server}\n")
    assert both.actions() == ["adopt files", "adopt search", "adopt theirs"]
    both.llamagate("apply")
    assert gateway_file(both).read_bytes() == before
    assert both.actions() == []


def test_another_entry_is_not_taken_unasked(both: Session) -> None:
    both.desired(FILES + "  theirs: {command: ours}\n")
    assert refused(both, "apply") == ["theirs unowned"]
    (action,) = both.plan("--take-over", "theirs")["actions"]
    assert (action["action"], [mark["code"] for mark in action["marks"]]) == ("update", ["replaces"])
    both.llamagate("apply", "--take-over", "theirs")
    assert servers(both)["theirs"]["command"] == "ours"


def test_the_prune_guard_counts_them(both: Session) -> None:
    both.desired(FILES + "  third: {command: a}\n")
    both.llamagate("apply")
    both.desired("")
    assert refused(both, "apply") == ["files prune-guard"]
    both.llamagate("apply", "--allow-prune")
    assert sorted(servers(both)) == ["theirs"]


def test_remove_and_switch_by_a_command(both: Session) -> None:
    both.llamagate("disable", "mcp", "files")
    assert servers(both)["files"]["enabled"] is False
    both.llamagate("enable", "theirs")
    both.llamagate("disable", "theirs")
    assert gateway_file(both).read_text().startswith(GATEWAYS.split("      enabled")[0] + "      enabled: false\n")
    assert both.actions() == []  # the file is silent
    both.llamagate("remove", "search", "--save")
    assert sorted(servers(both)) == ["files", "theirs"]
    assert "search" not in (both.project / "llamagate.yaml").read_text()
    both.llamagate("enable", "mcp-server", "files", "--save")
    assert "enabled: true" in (both.project / "llamagate.yaml").read_text()
    both.llamagate("remove", "mcp", "theirs")
    assert sorted(servers(both)) == ["files"]
    assert both.llamagate("remove", "mcp", "theirs", "--if-present").code == 0


def test_rollback_brings_back_what_was(both: Session) -> None:
    before = servers(both)
    both.edit("llamagate.yaml", "1.4.2", "1.5.0")
    both.edit("llamagate.yaml", "  search:", "  other:")
    both.llamagate("apply")
    assert sorted(servers(both)) == ["files", "other", "theirs"]
    both.llamagate("rollback")
    assert servers(both) == before
    assert both.record()["generation"] == 3
    both.variables.clear()  # what is there as it was needs no variable
    both.llamagate("rollback", "--to", "1")
    assert "variable FILES_TOKEN" in failure(both, "rollback", "--to", "2").message


def test_a_server_and_an_extension_may_share_an_id(both: Session) -> None:
    both.package("files")
    both.desired("extensions:\n  files: ./packages/files\n" + FILES)
    assert both.actions() == ["install files"]
    both.llamagate("apply")
    assert failure(both, "disable", "files").code == "ambiguous"
    assert failure(both, "set", "files", "timeout=5s").code == "ambiguous"
    both.llamagate("disable", "mcp", "files")
    assert both.registered()["files"]["enabled"] is True
    both.llamagate("remove", "ext", "files")
    assert "files" in servers(both)


def test_who_names_the_other_type_is_told_which_one_there_is(both: Session) -> None:
    told = failure(both, "show", "extension", "files").message
    assert told.startswith("no extension 'files' is installed or listed, but mcp-server files is; ")


def test_the_gateways_switch_stays_and_is_said(desired: Session) -> None:
    desired.home.mkdir()
    gateway_file(desired).write_text("mcp: {enabled: false}\n")
    assert refused(desired, "apply") == ["files gateway-file", "search gateway-file"]
    gateway_file(desired).write_text("mcp:\n  enabled: false\n")
    assert "mcp-off" in warned(desired.llamagate("apply", "--json").json)
    assert yaml.safe_load(gateway_file(desired).read_text())["mcp"]["enabled"] is False


@pytest.mark.parametrize(
    "text",
    [
        "mcp:\n  servers: [{name: a}]\n",
        "mcp: &all\n  enabled: true\n",
        "mcp:\n\tenabled: true\n",
        "mcp:\n  servers: []\n  servers: []\n",
        "mcp:\n  servers:\n  - name: a\n  - name: a\n",
        b"mcp: \xff\n",
    ],
    ids=["flow", "anchor", "tab", "doubled key", "doubled name", "not UTF-8"],
)
def test_what_cannot_be_edited_in_place_is_refused(desired: Session, text: str | bytes) -> None:
    desired.home.mkdir()
    data = text.encode() if isinstance(text, str) else text
    gateway_file(desired).write_bytes(data)
    assert refused(desired, "apply") == ["files gateway-file", "search gateway-file"]
    assert gateway_file(desired).read_bytes() == data
    assert not (desired.ours / "record.json").exists()


@pytest.mark.parametrize("is_link", [False, True])
def test_one_file_cannot_be_both(desired: Session, is_link: bool) -> None:
    desired.home.mkdir()
    text = (desired.project / "llamagate.yaml").read_text()
    if is_link:
        gateway_file(desired).symlink_to(desired.project / "llamagate.yaml")
        assert refused(desired, "apply") == ["files same-file", "search same-file"]
    else:
        desired.write(str(gateway_file(desired)), text.replace("./auth", str(desired.project / "auth")))
        assert refused(desired, "apply", "-f", str(gateway_file(desired))) == ["files same-file", "search same-file"]


def test_the_gateways_own_keys_may_stand_in_the_file(session: Session) -> None:
    session.desired("port: 1\nmcp:\n  enabled: true\n  servers: []\nMCP_thing: 1\nextensions: {}\n")
    assert failure(session, "plan").places == ["llamagate.yaml:6:1 MCP_thing"]
    session.desired("port: 1\nMCP:\n  enabled: true\n  servers: []\nextensions: {}\n")
    session.llamagate("plan")


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("{}", "mcp_servers.a"),
        ("{command: x, url: http://h}", "mcp_servers.a.url"),
        ("{command: x, headers: {A: b}}", "mcp_servers.a.headers"),
        ("{url: http://h, args: [a]}", "mcp_servers.a.args"),
        ("{url: http://h, env: {A: b}}", "mcp_servers.a.env"),
        ("{url: http://h, transport: stdio}", "mcp_servers.a.transport"),
        ("{command: x, transport: sse}", "mcp_servers.a.transport"),
        ("{command: x, env: {A: 1}}", "mcp_servers.a.env.A"),
        ("{command: x, env: {A: {}}}", "mcp_servers.a.env.A"),
        ("{command: x, env: {env: A}}", "mcp_servers.a.env"),
        ("{command: x, timeout: 30}", "mcp_servers.a.timeout"),
        ("{command: x, timeout: 0s}", "mcp_servers.a.timeout"),
        ("{url: ftp://h}", "mcp_servers.a.url"),
        ("{url: 'http://u:p@h'}", "mcp_servers.a.url"),
        ("{command: x, comand: y}", "mcp_servers.a.comand"),
        ('{url: http://h, headers: {A: "b\\nc"}}', "mcp_servers.a.headers.A"),
    ],
)
def test_faults_have_their_place(session: Session, entry: str, place: str) -> None:
    session.desired(f"mcp_servers:\n  a: {entry}\n")
    assert [one.split(" ")[1] for one in failure(session, "plan").places] == [place]


def test_names_are_unique_ignoring_case(session: Session) -> None:
    session.desired("mcp_servers:\n  a: {command: x}\n  A: {command: x}\n")
    assert [one.split(" ")[1] for one in failure(session, "plan").places] == ["mcp_servers.A"]


def test_a_missing_value_is_a_fault_at_its_place(desired: Session) -> None:
    del desired.variables["FILES_TOKEN"]
    found = failure(desired, "apply")
    assert (found.code, found.places) == ("not-set", ["llamagate.yaml:3:76 mcp_servers.files.env.TOKEN"])
    assert [action["id"] for action in desired.plan("--no-secrets")["actions"]] == ["files", "search"]


@pytest.mark.parametrize("value", ["s3cr3t\r\nX-Admin: yes", "s3cr3t\n\n"], ids=["two headers", "an empty line"])
def test_a_value_from_elsewhere_is_held_to_what_the_file_may_say(desired: Session, value: str) -> None:
    """Nobody has seen it: a line break would begin another header."""
    desired.write("auth", value)
    found = desired.run("apply")
    assert "search: headers.Authorization: it holds a line break" in found.err
    assert (found.code, gateway_file(desired).exists(), "s3cr3t" in found.err) == (1, False, False)


def test_what_is_fetched_unpinned_is_said(session: Session) -> None:
    session.desired('mcp_servers:\n  a: {command: npx, args: [-y, x]}\n  b: {command: npx, args: [-y, "x@1.0.0"]}\n')
    assert warned(session.plan()) == ["a unpinned-command"]


def test_list_show_why_and_status_know_them(both: Session) -> None:
    listed = {item["id"]: item for item in both.llamagate("list", "mcp", "--json").json["items"]}
    assert sorted(listed) == ["files", "search", "theirs"]
    assert (listed["files"]["kind"], listed["files"]["enabled"], listed["files"]["owner"]) == (
        "mcp-server",
        True,
        "default",
    )
    assert (listed["theirs"]["owner"], listed["search"]["enabled"]) == (None, False)
    assert [item["id"] for item in both.llamagate("status", "--json").json["items"]] == sorted(listed)
    shown = both.llamagate("show", "files", "--json").json
    assert (shown["kind"], shown["state"], shown["listed"]["line"]) == ("mcp-server", "installed", 3)
    assert 'command: "npx"' in both.llamagate("show", "files").out
    assert both.llamagate("why", "files", "--json").json["listed"]["line"] == 3
    assert both.llamagate("history", "--json").json["generations"][0]["changes"] == ["+ files", "+ search"]
    assert "files" in both.llamagate("graph").out


def test_set_changes_a_setting_in_the_file(both: Session) -> None:
    both.llamagate("set", "files", "timeout=5s", 'args=[-y, "x@1.0.0", 1.10]', "env.MODE=fast")
    both.llamagate("set", "search", "headers.X-Team={env: FILES_TOKEN}", "--unset", "headers.Authorization")
    both.llamagate("apply")
    entry = servers(both)["files"]
    assert (entry["timeout"], entry["args"], entry["env"]["MODE"]) == ("5s", ["-y", "x@1.0.0", "1.10"], "fast")
    assert servers(both)["search"]["headers"] == {"X-Team": SECRET}
    assert "keep one of them" in failure(both, "set", "files", "url=http://h").message
    assert "no package" in failure(both, "add", "mcp", "x", "./x", exits=64).message
    assert "2 items" in both.llamagate("validate").out
    assert "FILES_TOKEN" in both.llamagate("show", "files").out


def test_what_has_no_package_is_not_exported(both: Session) -> None:
    assert "no package" in failure(both, "export", "mcp", "files", "--out", "x.zip").message
    both.llamagate("export", "--all", "--out", "all")
    assert "no package" in failure(both, "import", "mcp", "files", exits=64).message
    assert failure(both, "restore", "mcp", "files").code == "not-found"


def test_what_somebody_else_wrote_is_kept_and_can_come_back(both: Session) -> None:
    before = servers(both)["theirs"]
    both.desired(FILES + "  theirs: {command: ours}\n")
    both.llamagate("apply", "--take-over", "theirs")
    (kept,) = both.llamagate("restore", "--list", "--json").json["backups"]
    assert (kept["kind"], kept["id"], kept["generation"]) == ("mcp-server", "theirs", 2)
    assert stat.S_IMODE((Path(kept["path"]) / "entry.json").stat().st_mode) == 0o600
    assert both.llamagate("show", "theirs", "--json").json["backups"] == [2]
    both.llamagate("restore", "theirs")
    assert servers(both)["theirs"] == before
    assert [row["id"] for row in both.plan()["drift"]] == ["theirs"]
    both.llamagate("apply", "--overwrite")
    assert servers(both)["theirs"]["command"] == "ours"
    assert both.record()["hold"] is None
    both.llamagate("remove", "mcp", "theirs", "--save")
    assert [one["generation"] for one in both.llamagate("restore", "theirs", "--list", "--json").json["backups"]] == [4]


def test_unchanged_is_quick_and_sees_the_gateways_file(both: Session) -> None:
    env = Environment(
        home=both.home,
        is_own_home=False,
        variables=both.variables,
        now=datetime.now(UTC) + timedelta(minutes=1),
        command="test",
    )
    options = Options(file=both.project / "llamagate.yaml")
    for _ in range(4):
        apply(env, options, Listener(wait=0, notice=lambda _: None))
    assert unchanged(env, options) is not None
    gateway_file(both).write_text(GATEWAYS)
    assert unchanged(env, options) is None
    assert both.actions() == ["repair files", "repair search"]


def test_only_and_suspended(both: Session) -> None:
    both.edit("llamagate.yaml", "1.4.2", "1.5.0")
    both.edit("llamagate.yaml", "enabled: false", "enabled: true")
    assert both.actions("--only", "search") == ["enable search"]
    both.llamagate("suspend", "files", "--reason", "why not")
    both.llamagate("watch", "--once")
    assert servers(both)["files"]["args"][1] == "some-server@1.4.2"
    assert servers(both)["search"]["enabled"] is True


def test_sync_forgets_what_is_gone(both: Session) -> None:
    text = gateway_file(both).read_text().replace("some-server@1.4.2", "some-server@1.4.3")
    head, _, rest = text.partition("    - name: search\n")
    gateway_file(both).write_text(head + rest[rest.index("  max_tool_rounds") :])
    assert [action["id"] for action in both.llamagate("sync", "--json").json["actions"]] == ["search"]
    assert [server["key"][1] for server in both.record()["servers"]] == ["files"]
    assert servers(both)["files"]["args"][1] == "some-server@1.4.3"


def test_init_describes_what_is_there_without_its_secrets(both: Session) -> None:
    gateway_file(both).write_text(
        gateway_file(both)
        .read_text()
        .replace(
            "      command: their-server\n",
            f"      command: their-server\n      env: {{API_KEY: {SECRET}, MODE: fast}}\n      retries: 3\n",
        )
    )
    for path in sorted(both.ours.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (both.project / "llamagate.yaml").unlink()
    said = both.llamagate("init", "--from-installed")
    text = (both.project / "llamagate.yaml").read_text()
    assert SECRET not in text + said.out + said.err
    assert "theirs is left out: its entry has the key 'retries'" in said.err + said.out
    assert "set FILES_TOKEN to what" in said.err + said.out
    both.variables["SEARCH_AUTHORIZATION"] = "Bearer other-secret"
    before = gateway_file(both).read_bytes()
    assert both.actions() == ["adopt files", "adopt search"]
    both.llamagate("apply")
    assert gateway_file(both).read_bytes() == before


def test_doctor_says_which_file_hides_the_gateways(both: Session) -> None:
    found = both.llamagate("doctor", "--json").json["findings"]
    assert "hidden-file" in [one["code"] for one in found]
    gateway_file(both).write_text("mcp: [\n")
    found = both.llamagate("doctor", "--json", exits=1).json["findings"]
    assert "unreadable" in [one["code"] for one in found]
    assert "unreadable" in both.llamagate("list", "mcp").out


def test_a_link_of_another_owner_is_not_followed(desired: Session, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a link for another user")
    desired.home.mkdir()
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text("port: 1\n")
    gateway_file(desired).symlink_to(elsewhere)
    os.lchown(gateway_file(desired), 4321, 4321)
    assert failure(desired, "apply", exits=5).code == "foreign-link"
    assert elsewhere.read_text() == "port: 1\n"


def test_a_link_of_the_owner_is(desired: Session, tmp_path: Path) -> None:
    desired.home.mkdir()
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text("port: 1\n")
    gateway_file(desired).symlink_to(elsewhere)
    desired.llamagate("apply")
    assert gateway_file(desired).is_symlink()
    assert sorted(servers(desired)) == ["files", "search"]
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o600


def test_a_home_without_servers_is_as_ever(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    gateway_file(session).write_text("mcp: [this is: not YAML\n")
    assert session.actions() == []
    assert session.record()["schema"] == session.generation(1)["schema"] == 2
    assert "servers" not in session.record()
    session.package("foo", version="1.1.0")
    session.llamagate("apply")
    gateway_file(session).unlink()
    gateway_file(session).mkdir()
    assert "foo" in session.llamagate("list").out
    assert session.llamagate("status", "--json").json["in_sync"] is True
    session.desired("mcp_servers:\n  a: {command: x}\n")
    assert refused(session, "apply") == ["a gateway-file"]


def test_a_secret_that_somebody_else_wrote_is_shown_nowhere(session: Session) -> None:
    session.home.mkdir()
    gateway_file(session).write_text("""\
mcp:
  servers:
  - name: theirs
    url: "https://user:s3cr3t-1@h/x?key=s3cr3t-2"
    args: [--api-key, s3cr3t-3, --token=s3cr3t-4, plain]
    auth: s3cr3t-5
    env: {ANY: s3cr3t-6}
""")
    session.desired("mcp_servers:\n  theirs: {command: ours}\n")
    for command in (
        ("show", "theirs"),
        ("plan",),
        ("plan", "--take-over", "theirs"),
        ("apply", "--take-over", "theirs"),
    ):
        result = session.run(*command, "--json")
        assert "s3cr3t" not in result.out + result.err, command
