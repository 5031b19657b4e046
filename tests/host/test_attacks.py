"""Work that a caller or a package could make take for ever: it ends at the run's deadline, and others are served."""

from __future__ import annotations

import asyncio
import json
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx2
import pytest

from reconciler.errors import InputError
from reconciler.host.engine.run import RunLimits
from reconciler.host.schema import MAX_PARTS, RECURSIVE, compiled
from reconciler.host.web.response import Problem, answer, encoded
from reconciler.model.ids import did_you_mean
from tests.cli.shell import Session
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.raw import until
from tests.host.served import Host, extension, put_on_disk

MOST_AT_ONCE: Final = 0.25
"""Seconds of processor time that the server spends on one thing before it looks at the next; most take 0.003."""
MEDIAN_SECONDS, MOST_SECONDS = 0.5, 5.0
"""Of an answer to ``/health``: what it takes where other programs run, too, but nothing holds the server up."""
FEW: Final = 5
LIMITS: Final = RunLimits(piece=1.0)


ALIKE: Final = (
    *("a long key in a loop", "many placeholders", "ranges without an end"),
    *("many comparisons", "many keys", "fences"),
)
"""The cases that are much like another one: the long run has them too."""


def some(cases: dict[str, Any]) -> list[Any]:
    """The ``cases`` as parameters; those that are ``ALIKE`` are long."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)), id=name, marks=[pytest.mark.long] if name in ALIKE else []
        )
        for name, case in cases.items()
    ]


class Beside:
    """Asks for ``/health`` again and again while a block runs, and looks how long the server does one thing."""

    def __init__(self, host: Host) -> None:
        self._url = str(host.client.base_url.join("/health"))
        self._ready = threading.Event()
        self._ended = threading.Event()
        self.waited: list[float] = []
        self.longest = 0.0
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> Beside:
        run = asyncio.Handle._run

        def measured(handle: asyncio.Handle) -> None:
            start = time.thread_time()
            run(handle)
            self.longest = max(self.longest, time.thread_time() - start)

        self._patch.setattr(asyncio.Handle, "_run", measured)
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def _ask(self) -> None:
        with httpx2.Client(trust_env=False, timeout=30) as client:
            self._asked(client)
            self._ready.set()
            while not self._ended.is_set():
                self.waited.append(self._asked(client))
                self._ended.wait(0.04)

    def _asked(self, client: httpx2.Client) -> float:
        start = time.monotonic()
        client.get(self._url)
        return time.monotonic() - start

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._patch.undo()
        assert self.longest <= MOST_AT_ONCE
        if len(self.waited) >= FEW:  # else it was over before anyone could have waited
            assert statistics.median(self.waited) <= MEDIAN_SECONDS, self.waited
        assert max(self.waited, default=0) <= MOST_SECONDS, self.waited


def doubling(levels: int) -> dict[str, Any]:
    """A schema whose references double so many times."""
    parts: dict[str, Any] = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/a0", "$defs": {**parts, f"a{levels}": {"const": "never"}}}


def tree(words: str) -> dict[str, Any]:
    """A schema that refers to itself, twice for each level of the value."""
    return {"$ref": "#/$defs/a", "$defs": {"a": {words: {"anyOf": [{"$ref": "#/$defs/a"}] * 2}, "maxItems": 1}}}


def inside(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of objects whose ``a`` is held against ``schema``."""
    return {"properties": {"a": {"$ref": schema["$ref"]}}, "$defs": schema["$defs"]}


def nested(levels: int) -> Any:
    value: Any = [1, 2]
    for _ in range(levels):
        value = [value]
    return value


def endpoint(schema: object) -> str:
    row = {"path": "/x", "method": "POST", "requires_auth": False, "request_schema": schema}
    return f"endpoints: [{json.dumps(row)}]\nsteps: [{{uses: rules.evaluate, with: {{rules: [{{then: {{a: 1}}}}]}}}}]\n"


def test_row_122_a_schema_that_doubles_is_refused_at_load(session: Session, serve: Serve) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(endpoint(doubling(26))))
    host = serve()
    assert host.get("/v1/extensions/foo").json()["faults"] == [
        f"endpoints[0].request_schema has more than {MAX_PARTS} parts once its '$ref's are followed"
    ]


REFERENCES: dict[str, Any] = {
    "anchor": {"$ref": "#a", "$defs": {"x": {"$anchor": "a", **doubling(26)}, **doubling(26)["$defs"]}},
    "all of": {"allOf": [doubling(26)], **doubling(26)},
    "items": {"items": {"$ref": "#/$defs/a0"}, "$defs": doubling(26)["$defs"]},
    "escaped": {"$ref": "#/$defs/a~1b", "$defs": {**doubling(26)["$defs"], "a/b": {"$ref": "#/%24defs/a0"}}},
    "id": {"$ref": "urn:x", "$defs": {**doubling(26)["$defs"], "b": {"$id": "urn:x", "$ref": "#/$defs/a0"}}},
}


@pytest.mark.parametrize("schema", REFERENCES.values(), ids=REFERENCES.keys())
def test_row_122_however_it_is_referred_to(schema: Any) -> None:
    try:
        found = compiled(schema, name="x")
    except InputError:
        return
    assert found.parts >= RECURSIVE  # it is validated where it can be killed


def test_schemas_that_are_large_or_deep_are_no_bombs() -> None:
    wide = {"properties": {f"p{n}": {"type": "string"} for n in range(2_000)}}
    chain = {"$ref": "#/$defs/a0", "$defs": {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(5_000)}}
    chain["$defs"]["a5000"] = {"type": "string"}  # type: ignore[index]
    shared = {"$defs": {"a": {"type": "string"}}, "properties": {f"p{n}": {"$ref": "#/$defs/a"} for n in range(2_000)}}
    schemas: tuple[Any, ...] = (wide, chain, shared, tree("items"), {"properties": {"$ref": {}}})
    for schema in schemas:
        assert compiled(schema, name="x").problem("x") is None


@pytest.mark.parametrize("schema", [doubling(9), tree("items"), tree("contains")], ids=["doubling", "tree", "contains"])
def test_row_122_what_remains_ends_at_the_limit(session: Session, serve: Serve, schema: Any) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(endpoint(inside(schema))))
    host = serve(limits=LIMITS)
    with Beside(host):
        answer = host.post("/v1/extensions/foo/x", {"a": nested(40)})
    assert answer.status_code in (400, 504), answer.text


def test_row_122_a_time_limit_holds_for_what_computes(session: Session, serve: Serve) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(endpoint(inside(tree("items")))))
    answer = serve(limits=LIMITS).post("/v1/extensions/foo/x", {"a": nested(40)})
    assert (answer.status_code, answer.json()["error"]["message"]) == (504, "a step computed for more than 1 seconds")


RENDER: Final = """\
steps: [{uses: template.render}]
outputs: [{id: nothing}]
guardrails: [{type: max_execution_time, value: 1s}]
"""
RULES: Final = 'steps: [{uses: rules.evaluate, with: {rules: [{if: "%s", then: {a: 1}}]}}]\n'
TEMPLATES: dict[str, tuple[str, dict[str, Any]]] = {
    "a long placeholder in a loop": ("{{range $v := .l}}{{inputs." + "a" * 400_000 + "}}{{end}}", {"l": [0] * 300}),
    "a long key in a loop": ("{{range $v := .l}}{{" + "a" * 400_000 + "}}{{end}}", {"l": [0] * 300}),
    "many placeholders": ("{{$v}}" * 49_000, {}),
    "many deep ones": ("{{inputs.a.b.c.d.e}}" * 49_000, {"a": {"b": {"c": {"d": {"e": 1}}}}}),
    "the same long list": ("{{range $v := .l}}{{l}}{{end}}", {"l": [0] * 20_000}),
    "ranges without an end": ("{{range $v := .l}}" * 40_000, {"l": [0]}),
}


@pytest.mark.parametrize(("template", "given"), some(TEMPLATES))
def test_row_123_a_template_of_a_caller(session: Session, serve: Serve, template: str, given: Any) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(RENDER))
    host = serve()
    host.post("/v1/extensions/foo/execute", {"template_content": "x" * 700_000})  # starts a worker
    start = time.monotonic()
    with Beside(host):
        answer = host.post("/v1/extensions/foo/execute", {"template_content": template, **given})
    assert answer.status_code in (200, 400, 504), answer.text
    assert time.monotonic() - start < 20


CONDITIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "in a long list": ("x in y", {"x": [1] * 20_000, "y": [[1] * 19_999 + [2]] * 8}),
    "many comparisons": (" or ".join(["x == y"] * 150), {"x": [0] * 150_000, "y": [0] * 149_999 + [1]}),
    "repeated lists": ("(x * 20000) == (y * 20000)", {"x": [[0] * 5_000], "y": [[0] * 4_999 + [1]]}),
}


@pytest.mark.parametrize(("condition", "given"), some(CONDITIONS))
def test_row_123_a_rule_over_long_lists(session: Session, serve: Serve, condition: str, given: Any) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(RULES % condition))
    host = serve(limits=LIMITS)
    with Beside(host):
        answer = host.post("/v1/extensions/foo/execute", given)
    assert answer.status_code in (200, 400, 504), answer.text


AUDIT: Final = "config: {redact: [{path: '%s'}]}\nhooks: [{on: http.request, action: audit.log}]\n"


def leaves(depth: int) -> Any:
    return 1 if depth == 0 else [leaves(depth - 1)] * 4


@pytest.mark.parametrize("path", ["$..[*]..[*]", "$..*", "$[*][*][*][*][*][*]"])
def test_row_123_a_path_of_a_hook(session: Session, serve: Serve, path: str) -> None:
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT % path, name="audit", kind="middleware"))
    put_on_disk(session, "foo", manifest__yaml=extension(RULES % "true"))
    host = serve()
    start = time.monotonic()
    with Beside(host):
        assert host.run("foo", {"secret": leaves(7)}) == {"a": 1}
    assert time.monotonic() - start < 20
    host.hooks_done()
    logs = [*session.installed("audit", "var/audit").glob("*.jsonl")]
    text = "".join(log.read_text() for log in logs)
    assert "[1,1,1,1]" not in text.replace(" ", "")


def test_row_123_a_path_that_descends_again_and_again_is_refused_at_load(session: Session, serve: Serve) -> None:
    text = AUDIT % "$..[*]..[*]..[*]..[*]..[*]"
    put_on_disk(session, "audit", manifest__yaml=extension(text, name="audit", kind="middleware"))
    assert "descends" in serve().get("/v1/extensions/audit").json()["faults"][0]


BODIES: Final = {
    "a double key": b'{"x":[' + b'{"a":1},' * 125_000 + b'{}],"x":2}',
    "many keys": b"{" + b"".join(b'"%d":1,' % number for number in range(60_000)) + b'"7":1}',
    "many lists": b'{"x":[' + b"[]," * 340_000 + b"1]}",
}


@pytest.mark.parametrize("body", some(BODIES))
def test_row_124_bodies_from_five_strangers_at_once(session: Session, serve: Serve, body: bytes) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(endpoint({"type": "object"})))
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT % "$.x", name="audit", kind="middleware"))
    host = serve(api_key="k3y")
    with Beside(host), ThreadPoolExecutor(5) as pool:
        answers = [pool.submit(host.post, "/v1/extensions/foo/x", body) for _ in range(5)]
        assert {answer.result().status_code for answer in answers} <= {200, 400}


def test_row_124_a_body_is_parsed_once(session: Session, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def noting(data: bytes, *, name: str) -> object:
        seen.append(data)
        return json.loads(data)

    put_on_disk(session, "foo", manifest__yaml=extension(endpoint({"type": "object"})))
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT % "$.x", name="audit", kind="middleware"))
    host = serve()
    monkeypatch.setattr("reconciler.host.web.request.json_text.load", noting)
    assert host.post("/v1/extensions/foo/x", {"a": 1}).status_code == 200
    host.hooks_done()
    assert seen.count(b'{"a": 1}') == 1


MODEL_SAYS: Final = {
    "braces": "{" * 1_000_000,
    "fences": "```\n{" * 200_000,
    "many values": "[" + "1," * 1_000_000 + "1]",
}


@pytest.mark.parametrize("said", some(MODEL_SAYS))
def test_a_model_that_says_much(session: Session, serve: Serve, model: ModelServer, said: str) -> None:
    text = "steps: [{uses: llm.chat, with: {prompt: p}}]\noutputs: [{id: llm_response, type: array}]\n"
    put_on_disk(session, "foo", manifest__yaml=extension(text))
    model.say = lambda _: said
    host = serve()
    with Beside(host):
        answer = host.post("/v1/extensions/foo/execute", {})
    assert answer.status_code in (200, 504), answer.text


def test_an_answer_that_would_be_huge(session: Session, serve: Serve) -> None:
    outputs = ", ".join(f'o{n}: "{{{{inputs.l}}}}"' for n in range(20))
    text = f"steps: [{{uses: rules.evaluate, with: {{rules: [{{then: {{{outputs}}}}}]}}}}]\n"
    put_on_disk(session, "foo", manifest__yaml=extension(text))
    host = serve(limits=RunLimits(answer=4 * 2**20))
    with Beside(host):
        answer = host.post("/v1/extensions/foo/execute", {"l": [[1, 2, 3, 4, 5, 6]] * 17_000})
    assert answer.json()["error"]["message"] == "The answer has more than 4194304 bytes"


def test_a_caller_who_goes_away_ends_the_work(session: Session, serve: Serve) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(endpoint(inside(tree("items")))))
    host = serve()
    with host.unanswered("/v1/extensions/foo/x", {"a": nested(45)}):
        assert until(lambda: len(host.runtime.workers._all) > 0)
    with Beside(host):
        assert until(lambda: not host.runtime.workers._all, 20)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"b": 1, "a": [1, {"z": None, "y": "é"}]},
        {"l": list(range(50_000)), "a": [[list(range(9_000))] * 3, 1], "d": {str(n): {"x": n} for n in range(20_000)}},
        {"one": {"two": {"three": ["x" * 1_000_000, [[]] * 30_000]}}, "": {"": [{}] * 20_000}},
    ],
    ids=["empty", "small", "wide", "deep"],
)
def test_an_answer_in_pieces_is_what_it_is_in_one(document: Any) -> None:
    whole = answer(document).body
    assert asyncio.run(encoded(document, limit=len(whole))) == whole
    with pytest.raises(Problem):
        asyncio.run(encoded(document, limit=len(whole) - 1))


def test_a_near_name_among_thousands_is_found_in_time() -> None:
    names = [f"extension-{number:05}-{number % 977:03}" for number in range(5_000)]
    start = time.process_time()
    assert did_you_mean("extension-01234-2x7", names) == "; did you mean 'extension-01234-257'?"
    did_you_mean("e" * 60_000, names)
    assert time.process_time() - start < 2  # 0.03; minutes if each name were compared letter by letter
