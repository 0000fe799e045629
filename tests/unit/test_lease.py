"""The leases of one process: whoever works by them is told what is no longer its own, and when to look anew."""

from collections.abc import Collection, Mapping

import pytest

from eightysix.storage.lease import RANGES, Lease
from eightysix.storage.port import Unavailable
from eightysix.sync import lease as module
from eightysix.sync.lease import Leases


class Table:
    """A table in memory, in which time stands still. `others` are the ranges that somebody else has taken."""

    def __init__(self) -> None:
        self.members = frozenset({"me"})
        self.others: set[int] = set()
        self.is_away = False

    async def show(self, owner: str) -> frozenset[str]:
        return self.members | {owner}

    async def renew(self, owner: str, ranges: Collection[int]) -> frozenset[int]:
        return frozenset(ranges) - self.others

    async def all(self) -> dict[int, Lease]:
        if self.is_away:
            raise Unavailable("gone")
        return {number: Lease("other", 1, ended=False) for number in self.others}

    async def take(self, owner: str, ranges: Mapping[int, Lease | None]) -> frozenset[int]:
        return frozenset(ranges)

    async def give_up(self, owner: str, ranges: Collection[int]) -> None:
        return

    async def leave(self, owner: str) -> None:
        return


async def test_what_others_have_is_let_go_of_even_where_the_look_fails_later() -> None:
    table = Table()
    leases = Leases(table, "me")
    told: list[frozenset[int]] = []
    leases.on_change(told.append)
    await leases.look(table)
    assert leases.held == frozenset(range(RANGES))
    table.others, table.is_away = {7, 8}, True
    with pytest.raises(Unavailable):
        await leases.look(table)
    assert leases.held == frozenset(range(RANGES)) - {7, 8}
    assert told[-1] == leases.held


async def test_a_renewal_that_came_too_late_has_everybody_look_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile it held nothing by its own clock, and what it was told was not for it."""
    now = 1_000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    table = Table()
    leases = Leases(table, "me")
    await leases.look(table)
    told: list[frozenset[int]] = []
    leases.on_change(told.append)
    now += 1.0
    await leases.look(table)
    assert told == [], "nothing has changed"
    now += 60.0
    assert not leases.holds(1)
    await leases.look(table)
    assert told == [frozenset(), frozenset(range(RANGES))]
    assert leases.holds(1)
