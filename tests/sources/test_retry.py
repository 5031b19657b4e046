"""What fails for the moment is tried again, by whichever road, within the deadline and as the other side asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO

import pytest

from reconciler.errors import InputError, LlamagateError, UnreachableError
from reconciler.sources import retry
from reconciler.sources.retry import patiently, seconds_of
from reconciler.sources.web.transfer import Bounds, download_first, read_document
from tests.sources.conftest import Serving
from tests.sources.http_server import Behaviour, Exchange, body, head, in_turn, raw, reset

BOUNDS = Bounds(size=2**20, seconds=60)
CUT_SHORT = raw(head(Content_Length=100) + b"x")


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, each time; nobody really waits."""
    found: list[float] = []
    monkeypatch.setattr(retry, "PAUSES", [0.5, 2.0])
    monkeypatch.setattr(retry, "time", type("Clock", (), {"sleep": found.append, "monotonic": time.monotonic}))
    return found


def failing(*outcomes: LlamagateError | str) -> Callable[[], str]:
    left = iter(outcomes)

    def attempt() -> str:
        outcome = next(left)
        if isinstance(outcome, LlamagateError):
            raise outcome
        return outcome

    return attempt


def in_a_minute() -> float:
    return time.monotonic() + 60


def test_three_tries_with_pauses_that_grow(slept: list[float]) -> None:
    down = UnreachableError("down")
    assert patiently(failing(down, down, "there"), end=in_a_minute()) == "there"
    assert 0.5 <= slept[0] <= 0.625
    assert 2.0 <= slept[1] <= 2.5
    with pytest.raises(UnreachableError, match="third"):
        patiently(failing(down, down, UnreachableError("third"), "there"), end=in_a_minute())


def test_what_does_not_pass_is_not_tried_again(slept: list[float]) -> None:
    for error in (InputError("404"), UnreachableError("no such host").for_long()):
        with pytest.raises(type(error)):
            patiently(failing(error, "there"), end=in_a_minute())
    assert slept == []


def test_the_other_side_says_how_long(slept: list[float]) -> None:
    assert patiently(failing(UnreachableError("busy").after(7), "there"), end=in_a_minute()) == "there"
    assert slept == [7]
    with pytest.raises(UnreachableError) as caught:
        patiently(failing(UnreachableError("busy").after(70), "there"), end=in_a_minute())
    assert caught.value.advice == "it asks to be left alone for 70 s; try again then"


def test_retry_after_is_seconds_or_a_date() -> None:
    assert seconds_of("120") == 120
    assert seconds_of("9" * 5000) == 10**6
    soon = datetime.now(UTC) + timedelta(seconds=90)
    assert 80 <= seconds_of(format_datetime(soon, usegmt=True)) <= 90
    assert seconds_of("Fri, 01 Jan 1999 00:00:00 GMT") == 0
    assert [seconds_of(text) for text in ("", "soon", "-5", "1.5", "\u0665")] == [0] * 5


@pytest.mark.parametrize("first", [503, 429, reset(), CUT_SHORT, body(b"", status=502, Retry_After="0")])
def test_a_web_server_that_fails_once(serving: Serving, first: int | Behaviour) -> None:
    server = serving({"/x": in_turn(first, body(b"data"))})
    assert read_document(server.url("/x"), bounds=BOUNDS) == b"data"


def test_retry_after_of_a_web_server_is_heeded(serving: Serving, slept: list[float]) -> None:
    server = serving({"/x": in_turn(body(b"", status=503, Retry_After="3"), body(b"data"))})
    assert read_document(server.url("/x"), bounds=BOUNDS) == b"data"
    assert slept == [3]


def test_mirrors_are_asked_before_anyone_is_asked_again(serving: Serving) -> None:
    order: list[str] = []

    def noted(then: Behaviour) -> Behaviour:
        def behave(exchange: Exchange) -> None:
            order.append(exchange.request.path)
            then(exchange)

        return behave

    busy = body(b"", status=503)
    server = serving({"/a": noted(in_turn(busy, body(b"data"))), "/b": noted(body(b"", status=404)), "/c": noted(busy)})
    url, _ = download_first([server.url(path) for path in ("/a", "/b", "/c")], BytesIO(), bounds=BOUNDS)
    assert url == server.url("/a")
    assert order == ["/a", "/b", "/c", "/a"]


@pytest.mark.parametrize("status", [404, 401, 410])
def test_an_answer_that_stays_is_taken_as_it_is(serving: Serving, status: int) -> None:
    server = serving({"/x": in_turn(status, b"data")})
    with pytest.raises(InputError):
        read_document(server.url("/x"), bounds=BOUNDS)
    assert server.count("/x") == 1
