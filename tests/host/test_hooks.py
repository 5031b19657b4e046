"""Middleware and observers: what they write, what they hide, and that they never fail what they watch."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import pytest

from reconciler.host.beside import Beside
from reconciler.host.engine.files import ItemFiles
from reconciler.host.engine.run import RunLimits
from reconciler.host.errors import RunError
from reconciler.host.hooks import MAX_USAGE_ROWS
from reconciler.host.redaction import MAX_MATCHES, redacted
from tests.cli.shell import Session
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.raw import until
from tests.host.served import SECONDS, Host, extension, put_on_disk

AUDIT = """\
config:
  redact: [{path: "$.messages[*].content", mode: truncate, max_len: 5}, {path: $.token}]
hooks: [{on: http.request, match: {path_prefix: /v1/}, action: audit.log}]
"""
USAGE = (
    "outputs: [{id: report, type: file, path: ./output/usage.json}]\nhooks: [{on: llm.response, action: usage.track}]\n"
)
CHAT = "steps: [{uses: llm.chat, with: {prompt: one two}}]\n"


def audited(session: Session, host: Host) -> list[Any]:
    host.hooks_done()
    logs = sorted(session.installed("audit", "var/audit").glob("audit-*.jsonl"))
    return [json.loads(line) for log in logs for line in log.read_text().splitlines()]


def counted(session: Session, host: Host) -> list[Any]:
    host.hooks_done()
    rows: list[Any] = json.loads(session.installed("usage", "output/usage.json").read_text())
    return rows


def test_each_request_is_logged_with_what_the_rules_leave_of_it(session: Session, serve: Serve) -> None:
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT, name="audit", kind="middleware"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    host = serve()
    host.get("/health")
    host.get("/v1/extensions")
    answer = host.post(
        "/v1/extensions/foo/execute",
        {"messages": [{"content": "a long text"}, {"content": "short"}, {"content": 5}], "token": "t0ken", "a": 1},
    )
    rows = sorted(audited(session, host), key=lambda row: row["method"])
    assert [(row["method"], row["path"]) for row in rows] == [
        ("GET", "/v1/extensions"),
        ("POST", "/v1/extensions/foo/execute"),
    ]
    assert rows[1]["body"] == {
        "messages": [{"content": "a lon…"}, {"content": "short"}, {"content": "[redacted]"}],
        "token": "[redacted]",
        "a": 1,
    }
    assert (rows[1]["request_id"], rows[1]["ip"]) == (answer.headers["x-request-id"], "127.0.0.1")
    assert rows[0]["timestamp"].endswith("Z")


@pytest.mark.parametrize("name", ["x/health?", "x#", "x/../..", "[", "a b"])
def test_no_name_of_a_host_keeps_an_entry_out_of_the_log(session: Session, serve: Serve, name: str) -> None:
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT, name="audit", kind="middleware"))
    host = serve()
    status = host.client.get("/v1/extensions", headers={"Host": name}).status_code
    assert [row["path"] for row in audited(session, host)] == (["/v1/extensions"] if status == 200 else [])


@pytest.mark.parametrize("config", ["", "config: {redact: []}\n", "config: {redact: {}}\n"], ids=["none", "[]", "{}"])
def test_row_128_without_rules_no_body_is_written(session: Session, serve: Serve, config: str) -> None:
    text = config + "hooks: [{on: http.request, action: audit.log}]\n"
    put_on_disk(session, "audit", manifest__yaml=extension(text, name="audit", kind="middleware"))
    host = serve()
    host.post("/v1/extensions/foo/execute", {"private": 1})
    assert "body" not in audited(session, host)[0]


def test_row_123_what_is_not_hidden_in_time_is_not_written(session: Session, serve: Serve) -> None:
    text = "config: {redact: [{path: '$..[*]..nothing'}]}\nhooks: [{on: http.request, action: audit.log}]\n"
    put_on_disk(session, "audit", manifest__yaml=extension(text, name="audit", kind="middleware"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    body: Any = {"secret": 1}
    for _ in range(28):
        body = {"a": [body, [0] * 4_000]}
    host = serve(limits=RunLimits(hook=0.4))
    assert host.post("/v1/extensions/foo/execute", body).status_code == 200
    assert audited(session, host)[0]["body"] == "[dropped: hiding parts of it took longer than 0.2 seconds]"


def test_a_rule_that_fits_too_many_places_writes_no_body(session: Session, serve: Serve) -> None:
    text = "config: {redact: [{path: '$.l[*]'}]}\nhooks: [{on: http.request, action: audit.log}]\n"
    put_on_disk(session, "audit", manifest__yaml=extension(text, name="audit", kind="middleware"))
    host = serve()
    host.post("/v1/extensions/foo/execute", {"l": [0] * (MAX_MATCHES + 1)})
    assert f"fits more than {MAX_MATCHES} places in one body" in audited(session, host)[0]["body"]
    assert f"fits more than {MAX_MATCHES} places in one body" in host.told[-1]


def test_requests_are_sampled(session: Session, serve: Serve) -> None:
    text = "config: {sample_rate: 0.5}\nhooks: [{on: http.request, action: audit.log}]\n"
    put_on_disk(session, "audit", manifest__yaml=extension(text, name="audit", kind="middleware"))
    host = serve()
    shares = iter([0.1, 0.5, 0.9, 0.4])
    host.runtime.hooks = replace(host.runtime.hooks, share=lambda: next(shares))
    for _ in range(4):
        host.get("/v1/extensions")
    assert len(audited(session, host)) == 2


def test_each_answer_of_a_model_is_counted(session: Session, serve: Serve) -> None:
    put_on_disk(session, "usage", manifest__yaml=extension(USAGE, name="usage", kind="observer"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    host = serve()
    answers = [host.post("/v1/extensions/foo/execute", {}) for _ in range(2)]
    rows = counted(session, host)
    assert [row.pop("request_id") for row in rows] == [answer.headers["x-request-id"] for answer in answers]
    assert [{key: row[key] for key in row if key != "timestamp"} for row in rows] == [
        {"model": "mistral", "prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3, "read": "read"}
    ] * 2


@pytest.mark.parametrize("before", ["", "{}", "nonsense", json.dumps([{}] * (MAX_USAGE_ROWS + 5))])
def test_a_report_that_is_none_or_full(session: Session, serve: Serve, before: str) -> None:
    put_on_disk(session, "usage", manifest__yaml=extension(USAGE, name="usage", kind="observer"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    session.write(str(session.installed("usage", "output/usage.json")), before)
    host = serve()
    host.run("foo", {})
    rows = counted(session, host)
    assert len(rows) == (MAX_USAGE_ROWS if before.startswith("[") else 1)
    assert rows[-1]["total_tokens"] == 3


def test_no_caller_can_stop_the_count(session: Session, serve: Serve) -> None:
    put_on_disk(session, "usage", manifest__yaml=extension(USAGE, name="usage", kind="observer"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    host = serve(limits=RunLimits(file=2_000))
    for number in range(20):
        host.run("foo", {"model": f"{number} " + "m" * 10_000})
    rows = counted(session, host)
    assert rows[-1]["model"].startswith("19 mmm")
    assert 1 < len(rows) < 20
    assert not any("hook" in line for line in host.told)


def test_only_numbers_count_as_tokens(session: Session, serve: Serve, model: ModelServer) -> None:
    put_on_disk(session, "usage", manifest__yaml=extension(USAGE, name="usage", kind="observer"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    usage = b'{"prompt_tokens": 7, "completion_tokens": "many", "total_tokens": true}'
    model.raw = b'{"choices": [{"message": {"content": "x"}}], "usage": %s}' % usage
    host = serve()
    host.run("foo", {})
    row = counted(session, host)[0]
    assert (row["prompt_tokens"], row["completion_tokens"], row["total_tokens"]) == (7, None, None)


def test_a_disabled_hook_does_nothing(session: Session, serve: Serve) -> None:
    put_on_disk(session, "audit", manifest__yaml=extension("enabled: false\n" + AUDIT, name="audit", kind="middleware"))
    host = serve()
    host.get("/v1/extensions")
    assert audited(session, host) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hooks: [{on: http.request, action: mail.send}]\n", "there is no action 'mail.send' for http.request"),
        (
            "config: {audit_dir: ../other/var}\nhooks: [{on: http.request, action: audit.log}]\n",
            "the path leaves the package",
        ),
        ("config: {audit_dir: logs}\nhooks: [{on: http.request, action: audit.log}]\n", "must not be written"),
        (
            "config: {redact: [{path: '$[?'}]}\nhooks: [{on: http.request, action: audit.log}]\n",
            "the path '$[?' of 'redact' is not understood",
        ),
    ],
    ids=["unknown action", "outside", "not mutable", "bad path"],
)
def test_a_hook_that_fails_is_told_once_and_fails_nothing(session: Session, serve: Serve, text: str, said: str) -> None:
    put_on_disk(session, "audit", manifest__yaml=extension(text, name="audit", kind="middleware"))
    host = serve()
    assert {host.post("/v1/extensions/refresh", {"a": 1}).status_code for _ in range(3)} == {200}
    rows = audited(session, host)
    told = [line for line in host.told if line.startswith("the hook http.request of audit failed: ")]
    assert len(told) == 1
    assert said in told[0]
    assert all(row["body"].startswith("[dropped: ") for row in rows)


class Hanging:
    """Files of a disk that does not answer."""

    limit = 2**20

    def __init__(self) -> None:
        self.answers = threading.Event()

    def append(self, *_arguments: object) -> None:
        self.answers.wait(SECONDS)

    read = write = append


def test_hooks_that_hang_hold_up_no_call_and_none_of_its_steps(session: Session, serve: Serve) -> None:
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT, name="audit", kind="middleware"))
    put_on_disk(session, "usage", manifest__yaml=extension(USAGE, name="usage", kind="observer"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    host, files = serve(), Hanging()
    host.runtime.hooks = replace(host.runtime.hooks, files_of=lambda _: cast(ItemFiles, files))
    begun = time.monotonic()
    for number in range(20):  # more than there are threads for what blocks
        assert host.run("foo", {"token": "t", "number": number}) == {"llm_response": "hello"}
        assert host.get("/v1/extensions").status_code == 200
    assert time.monotonic() - begun < SECONDS / 2
    assert len(host.runtime.beside._tasks) == 60
    files.answers.set()


def test_a_caller_who_leaves_is_in_the_log_all_the_same(session: Session, serve: Serve, model: ModelServer) -> None:
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT, name="audit", kind="middleware"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    model.pause = threading.Event()
    host = serve()
    with host.unanswered("/v1/extensions/foo/execute", {"token": "t"}):
        assert until(lambda: bool(model.asked))
    assert audited(session, host)[0]["body"] == {"token": "[redacted]"}


def test_a_caller_who_leaves_ends_the_run_at_once_though_hooks_hang(
    session: Session, serve: Serve, model: ModelServer
) -> None:
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT, name="audit", kind="middleware"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    model.pause = threading.Event()
    host, files = serve(), Hanging()
    host.runtime.hooks = replace(host.runtime.hooks, files_of=lambda _: cast(ItemFiles, files))
    with host.unanswered("/v1/extensions/foo/execute", {"token": "t"}):
        assert until(lambda: bool(model.asked))
    assert model.left.wait(SECONDS / 3)
    files.answers.set()


def test_a_report_that_cannot_be_written_does_not_pile_up_rows(
    session: Session, serve: Serve, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.host.hooks.MAX_BESIDE", 3)
    put_on_disk(session, "usage", manifest__yaml=extension(USAGE, name="usage", kind="observer"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    host, files = serve(limits=RunLimits(hook=0.1)), Hanging()
    host.runtime.hooks = replace(host.runtime.hooks, files_of=lambda _: cast(ItemFiles, files))
    for _ in range(8):
        host.run("foo", {})
    host.hooks_done()
    assert [len(rows) for rows in host.runtime.hooks._waiting.values()] == [3]
    files.answers.set()


def test_what_begins_when_the_host_ends_is_left_out() -> None:
    told: list[str] = []

    async def scenario() -> None:
        beside = Beside(told.append, seconds=1)
        done: list[int] = []

        async def work() -> None:
            done.append(await beside.in_thread(lambda: 1))

        beside.begin(work)
        await beside.close()
        beside.begin(work)
        await asyncio.sleep(0.05)
        assert done == [1]

    asyncio.run(scenario())
    assert told == []


def test_under_load_a_request_is_recorded_without_its_body(
    session: Session, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.host.beside.MUCH_BESIDE", 0)
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT, name="audit", kind="middleware"))
    host = serve()
    host.post("/v1/extensions/refresh", {"token": "t"})
    row = audited(session, host)[0]
    assert (row["path"], row["read"], row.get("body")) == ("/v1/extensions/refresh", "unreadable", None)


def test_a_log_that_is_a_link_or_a_pipe_is_left_alone(session: Session, serve: Serve, tmp_path: Path) -> None:
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT, name="audit", kind="middleware"))
    host = serve()
    host.runtime.hooks = replace(host.runtime.hooks, now=lambda: datetime(2026, 1, 2, tzinfo=UTC))
    (outside := tmp_path / "outside").write_text("kept\n")
    session.write(str(session.installed("audit", "var/audit/x")), "")
    session.installed("audit", "var/audit/audit-2026-01-02.jsonl").symlink_to(outside)
    assert host.get("/v1/extensions").status_code == 200
    host.hooks_done()
    assert outside.read_text() == "kept\n"
    assert any("cannot be used" in line for line in host.told)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([{"path": "$.a.b", "mode": "remove"}], {"a": {"b": "[redacted]"}, "l": ["xy", 1]}),
        ([{"path": "$..*"}], {"a": "[redacted]", "l": "[redacted]"}),
        ([{"path": "$"}], "[redacted]"),
        ([{"path": "$.l[*]", "mode": "truncate", "max_len": 1}], {"a": {"b": 1}, "l": ["x…", "[redacted]"]}),
        ([{"path": "$.nothing"}], {"a": {"b": 1}, "l": ["xy", 1]}),
        ([], {"a": {"b": 1}, "l": ["xy", 1]}),
    ],
    ids=str,
)
def test_redaction(rules: list[Any], expected: object) -> None:
    body: Any = {"a": {"b": 1}, "l": ["xy", 1]}
    assert redacted(body, rules) == expected
    assert body == {"a": {"b": 1}, "l": ["xy", 1]}


HIDDEN: Final = "[redacted]"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"Messages": [{"CONTENT": "p"}]}, {"Messages": [{"CONTENT": HIDDEN}]}),
        ({"messages": [{"content": "a", "Content": "b"}]}, {"messages": [{"content": HIDDEN, "Content": HIDDEN}]}),
        (
            {"messages": [{"content": "a"}, {"content": "b"}], "Messages": [{"content": "c"}]},
            {"messages": [{"content": HIDDEN}, {"content": HIDDEN}], "Messages": [{"content": HIDDEN}]},
        ),
        ({"me\u017f\u017fages": [{"content": "p"}]}, {"me\u017f\u017fages": [{"content": HIDDEN}]}),
    ],
    ids=["upper", "both", "two lists", "long s"],
)
def test_a_gateway_that_knows_no_case_reads_no_more_than_is_hidden(body: Any, expected: object) -> None:
    """It takes ``Content`` for ``content``, by simple folding: so must a rule."""
    assert redacted(body, [{"path": "$.messages[*].content"}]) == expected
    assert redacted(body, [{"path": "$.messages[*]['content']"}]) == expected
    assert redacted(body, [{"path": "$..content"}]) == expected


def test_a_filter_of_a_rule_knows_no_case_either() -> None:
    body: Any = {"messages": [{"Role": "user", "Content": "p"}, {"role": "system", "content": "s"}]}
    assert redacted(body, [{"path": "$.messages[?@.role == 'user'].content"}]) == {
        "messages": [{"Role": "user", "Content": "[redacted]"}, {"role": "system", "content": "s"}]
    }


@pytest.mark.parametrize(
    "rule",
    [
        {},
        "x",
        {"path": 5},
        {"path": "$["},
        {"path": "$[?search(@.a, '(x+)+$')]"},
        {"path": "$[?@ =~ /x+/]"},
        {"path": "$.~"},
        {"path": "$.~a"},
        {"path": "^[0].a"},
    ],
    ids=str,
)
def test_a_rule_that_is_not_understood_hides_everything(rule: Any) -> None:
    with pytest.raises(RunError):
        redacted({"a": "x"}, [rule])


def test_many_answers_at_once_lose_no_row(session: Session, serve: Serve, model: ModelServer) -> None:
    put_on_disk(session, "usage", manifest__yaml=extension(USAGE, name="usage", kind="observer"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    host = serve()
    at_once(8, lambda: [host.run("foo", {}) for _ in range(5)])
    assert len(counted(session, host)) == 40


def at_once(count: int, work: Callable[[], object]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work) for _ in range(count)]:
            done.result()
