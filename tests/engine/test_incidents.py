"""An incident is settled on each database: what a batch loads for it is what its rules need, and no more is written."""

import pytest

from eightysix.core.audit import findings
from eightysix.core.catalogue import Component, Item
from eightysix.core.command import ResolveIncident, SetStock, Setting
from eightysix.core.key import sku_key
from eightysix.core.outcome import Code, IncidentResolved, OrderDone, Refused
from eightysix.core.quantity import UNIT
from eightysix.core.reservation import State
from eightysix.engine import Engine
from eightysix.storage.port import AuditStore, Database
from tests.engine.shop import ACTOR, BRAND, Shop, audit, deduct, lock, stock, store

STORE = store("s0")
COMBO = 21


@pytest.fixture
def database_url(any_url: str) -> str:
    return any_url


def shop() -> Shop:
    """SKU 21 is a combo of 1 and 2."""
    made = Shop(["s0"])
    made.add(Item(BRAND, 2, COMBO, components=(Component(1, UNIT), Component(2, UNIT))))
    return made


async def books(database: Database, catalogue: Shop) -> AuditStore:
    found = (await audit(database))["s0"]
    assert findings(found, catalogue) == []
    return found


def counted(sku_id: int, portions: int) -> SetStock:
    return SetStock(STORE, (Setting(sku_key(sku_id), real=portions * UNIT),), ACTOR)


async def test_the_newest_unpaid_order_is_cancelled_with_all_that_it_holds(database: Database) -> None:
    catalogue = shop()
    engine = Engine(database, catalogue)
    await engine.start()
    try:
        await engine.submit(stock("s0", 9, sku_ids=[1, 2, 3]))
        for order_id, sku_id in (("paid", 1), ("first", 1), ("other", 3), ("second", COMBO)):
            assert isinstance(await engine.submit(lock("s0", order_id, sku_id=sku_id)), OrderDone)
        await engine.submit(deduct("s0", "paid"))
        await engine.submit(counted(1, 1))
        (incident,) = (await books(database, catalogue)).incidents
        resolved = await engine.submit(ResolveIncident(STORE, incident.seq, "cancel", ACTOR, "too many"))
        assert isinstance(resolved, IncidentResolved)
        assert [(line.order_id, line.sku_id) for line in resolved.cancelled] == [("second", COMBO)]
        found = await books(database, catalogue)
        assert found.incidents == (resolved.incident,)
        assert found.incidents[0].resolved_at is not None
        assert {line.order_id: line.state for line in found.reservations} == {
            "paid": State.DEDUCTED, "first": State.LOCKED, "other": State.LOCKED, "second": State.UNLOCKED,
        }  # fmt: skip
        locked = {row.key.object_id: (row.locked, row.oversold) for row in found.stocks}
        assert locked == {1: (UNIT, 0), 2: (0, 0), 3: (UNIT, 0), COMBO: (0, 0)}
        again = await engine.submit(ResolveIncident(STORE, incident.seq, "cancel", ACTOR, "too many"))
        assert isinstance(again, IncidentResolved)
        assert again.replayed
        other = await engine.submit(ResolveIncident(STORE, incident.seq, "accept", ACTOR, "never mind"))
        assert isinstance(other, Refused)
        assert other.code is Code.ALREADY_RESOLVED
        assert (await books(database, catalogue)).incidents == found.incidents
    finally:
        await engine.stop()
