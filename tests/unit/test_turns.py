"""One at a time, in order, and nobody waits for ever."""

import asyncio

import pytest

from eightysix.catalog.turns import Turns
from eightysix.storage.port import Unavailable


async def test_one_at_a_time_in_the_order_of_arrival() -> None:
    turns, told = Turns(), list[str]()

    async def work(name: str) -> None:
        async with turns.one():
            told.append(f"{name} begins")
            await asyncio.sleep(0)
            told.append(f"{name} ends")

    await asyncio.gather(*(work(name) for name in "abc"))
    assert told == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


async def test_who_waits_too_long_is_sent_away_and_the_next_one_is_not() -> None:
    turns = Turns(wait_seconds=0.01)
    async with turns.one():
        with pytest.raises(Unavailable):
            async with turns.one():
                pytest.fail("there is one place")
    with pytest.raises(RuntimeError, match="in the middle"):
        async with turns.one():
            raise RuntimeError("in the middle")
    async with turns.one():
        pass
