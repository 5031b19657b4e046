"""Runs that outlive their call are kept for a while: bounded in number, in bytes and in time."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.host.mcp import handles
from reconciler.host.mcp.handles import KEPT_SECONDS, Ended, Handles, Job


async def ended(text: str) -> Ended:
    return Ended(text=text)


def job(text: str = "x") -> Job:
    return Job(name="a", task=asyncio.ensure_future(ended(text)), began=0)


def test_a_result_can_be_had_again_and_is_forgotten_in_the_end() -> None:
    now = [0.0]

    async def scenario() -> None:
        kept = Handles(lambda: now[0])
        handle = kept.keep(job())
        await asyncio.sleep(0.01)
        now[0] = KEPT_SECONDS
        assert kept.find(handle) is kept.find(handle) is not None
        now[0] += 1
        assert kept.find(handle) is None

    asyncio.run(scenario())


def test_handles_cannot_be_guessed() -> None:
    async def scenario() -> None:
        kept = Handles(float)
        found = {kept.keep(job()) for _ in range(50)}
        assert len(found) == 50
        assert all(len(one) >= 20 for one in found)

    asyncio.run(scenario())


def test_too_many_bytes_forget_what_ended_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "MOST_BYTES", 100)

    async def scenario() -> None:
        now = iter(range(1000))
        kept = Handles(lambda: next(now))
        found = []
        for _ in range(3):
            found.append(kept.keep(job("x" * 40)))
            await asyncio.sleep(0.01)
        assert [kept.find(one) is not None for one in found] == [False, True, True]

    asyncio.run(scenario())


def test_what_runs_is_never_forgotten_and_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "MOST", 2)

    async def scenario() -> None:
        kept, hold = Handles(float), asyncio.Event()

        async def waits() -> Ended:
            await hold.wait()
            return Ended()

        found = [kept.keep(Job(name="a", task=asyncio.ensure_future(waits()), began=0)) for _ in range(2)]
        assert not kept.takes_more()
        assert all(map(kept.find, found))
        hold.set()
        await asyncio.sleep(0.01)
        assert kept.takes_more()
        await kept.close()
        assert not any(map(kept.find, found))

    asyncio.run(scenario())
