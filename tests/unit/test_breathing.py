"""Who works on many things lets others go between."""

import asyncio
from collections.abc import Iterator

from eightysix.breathing import breathing


async def test_others_get_a_turn_after_so_many() -> None:
    turns: list[int] = []
    begun: list[int] = []

    def things() -> Iterator[int]:
        for thing in range(7):
            begun.append(thing)
            yield thing

    async def other() -> None:
        while len(begun) < 7:
            turns.append(len(begun))
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    assert [thing async for thing in breathing(things(), 3)] == list(range(7))
    await beside
    assert turns == [3, 6]
