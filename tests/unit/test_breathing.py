"""Who works on many things lets others go between."""

import asyncio

from eightysix.breathing import breathing


async def test_others_get_a_turn_after_so_many() -> None:
    turns: list[int] = []
    done: list[int] = []

    async def other() -> None:
        while len(done) < 7:
            turns.append(len(done))
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    async for thing in breathing(range(7), 3):
        done.append(thing)
    await beside
    assert done == list(range(7))
    assert turns == [3, 6]
