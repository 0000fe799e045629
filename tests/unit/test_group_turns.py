"""One at a time of each name, in order, whoever gives up meanwhile."""

import asyncio

import pytest

from eightysix.sync.group_turns import GroupTurns


async def test_the_first_has_it_and_others_wait_in_their_order() -> None:
    turns, seen = GroupTurns(), list[int]()

    async def use(number: int) -> None:
        if not turns.take("a"):
            await turns.wait("a")
        seen.append(number)
        await asyncio.sleep(0)
        turns.give("a")

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(use(number))
    assert seen == [0, 1, 2, 3, 4]
    assert turns.take("a"), "nobody has it any more"


async def test_names_have_nothing_to_do_with_one_another() -> None:
    turns = GroupTurns()
    assert turns.take("a")
    assert turns.take("b")
    assert not turns.take("a")


async def test_who_gives_up_waiting_is_passed_over() -> None:
    turns = GroupTurns()
    assert turns.take("a")
    first, second = (asyncio.create_task(turns.wait("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    turns.give("a")
    await second
    turns.give("a")
    assert turns.take("a")


async def test_a_turn_that_comes_to_somebody_who_gives_up_goes_on_to_the_next() -> None:
    turns = GroupTurns()
    assert turns.take("a")
    first, second = (asyncio.create_task(turns.wait("a")) for _ in range(2))
    await asyncio.sleep(0)
    turns.give("a")
    first.cancel()  # it has it already and doesn't know
    with pytest.raises(asyncio.CancelledError):
        await first
    await second
    turns.give("a")
    assert turns.take("a")
