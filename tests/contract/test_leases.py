"""Leases of bucket ranges, between two owners on one database; times are the database's."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from eightysix.storage.lease import LEASE_MS, RANGES, LeaseTable
from eightysix.storage.port import Database


@pytest.fixture
async def leases(database: Database) -> AsyncIterator[LeaseTable]:
    table = database.leases
    if table is None:
        assert not database.capabilities.several_processes
        pytest.skip("one process has the database for itself")
    yield table
    for number, lease in (await table.all()).items():
        await table.give_up(lease.owner, [number])
        await table.leave(lease.owner)


def an_owner() -> str:
    return f"owner-{secrets.token_hex(4)}"


async def test_a_range_has_one_owner_until_it_is_given_up(leases: LeaseTable) -> None:
    mine, other = an_owner(), an_owner()
    seen = await leases.all()
    wanted = {number: seen.get(number) for number in range(RANGES)}
    assert await leases.take(mine, wanted) == frozenset(range(RANGES))
    assert await leases.take(other, wanted) == frozenset()
    held = await leases.all()
    assert await leases.take(other, dict(held)) == frozenset()
    assert {(lease.owner, lease.ended) for lease in held.values()} == {(mine, False)}
    assert await leases.renew(mine, range(RANGES)) == frozenset(range(RANGES))
    assert await leases.renew(other, range(RANGES)) == frozenset()
    await leases.give_up(other, [3])
    await leases.give_up(mine, [3, 40])
    assert await leases.renew(mine, [2, 3, 40]) == frozenset({2})
    seen = await leases.all()
    assert {number for number, lease in seen.items() if lease.ended} == {3, 40}
    assert await leases.take(other, {number: seen[number] for number in (2, 3)}) == frozenset({3})
    assert (await leases.all())[3].token == seen[3].token + 1


async def test_of_two_who_want_a_range_one_gets_it(leases: LeaseTable) -> None:
    seen = await leases.all()
    wanted = {number: seen.get(number) for number in range(16)}
    got = await asyncio.gather(*(leases.take(an_owner(), wanted) for _ in range(4)))
    assert sorted(number for each in got for number in each) == list(range(16))


async def test_a_lease_that_nobody_renews_ends_by_itself(leases: LeaseTable) -> None:
    gone, other = an_owner(), an_owner()
    await leases.show(gone)
    seen = await leases.all()
    await leases.take(gone, {9: seen.get(9)})
    started = monotonic()
    assert gone in await leases.show(other)
    while not (await leases.all())[9].ended:
        assert monotonic() - started < 20
        await asyncio.sleep(0.05)
    assert monotonic() - started > LEASE_MS / 1000 - 1
    assert gone not in await leases.show(other)
    assert await leases.take(other, {9: (await leases.all())[9]}) == frozenset({9})
    assert await leases.renew(gone, [9]) == frozenset()


async def test_who_leaves_is_gone_at_once(leases: LeaseTable) -> None:
    mine, other = an_owner(), an_owner()
    assert mine in await leases.show(mine)
    assert {mine, other} <= await leases.show(other)
    await leases.leave(mine)
    assert mine not in await leases.show(other)
