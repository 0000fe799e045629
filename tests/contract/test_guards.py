"""A write that doesn't meet the row it was decided on fails, and nothing of its batch stays."""

from typing import Any

import pytest
from msgspec.structs import replace

from eightysix.core.change import (
    Alert,
    DueLock,
    Head,
    Incident,
    Journal,
    Kind,
    LogRow,
    OrderFact,
    OutboxRow,
    RequestRecord,
    StoreChanges,
    Timer,
)
from eightysix.core.hub import Hub
from eightysix.core.key import StockKey
from eightysix.core.reservation import State
from eightysix.core.stock import LIMITED, UNLIMITED
from eightysix.storage.port import GuardFailed, Rejected

from .scene import DISH, SOUP, Scene, a_channel, a_reservation, a_stock, changes, new_batch_number, next_changes, write

FACT = OrderFact("closed", 5)
REQUEST = RequestRecord("request", b"\x00" * 32, b"{}", 5)
LOG = LogRow(1, DISH, Kind.LOCK, 1, 1, 1, 0, 1, "order", "POS", "me", "api", None, None, 5)
OUTBOX = OutboxRow(1, 0, DISH, 5)
INCIDENT = Incident(1, "oversold", DISH, 1, None, "me", None, 5)
ALERT = Alert(1, "POS", "low_stock", DISH, 1, 2, 5)
TIMER = Timer(5_000_000_000_000, 1, 1, 1)
ENDED = Incident(2, "oversold", DISH, 1, None, "me", None, 5, None, 6, "me", "accept", "")
JOURNAL = Journal("till", "j1", 3, 5, "{}")
HUB = Hub("counter", None, {}, 3)
DUE = DueLock(5_000_000_000_000, "order")


def first_rows() -> StoreChanges:
    """What every store of this page starts with."""
    return changes(
        stocks=[(None, a_stock())], channels=[(None, a_channel())], reservations=[(None, a_reservation())],
        facts=[FACT], requests=[REQUEST], logs=[LOG], outbox=[OUTBOX], incidents=[INCIDENT, ENDED], due_added=[DUE],
        alerts=[ALERT], timer=(None, TIMER), journals=[(None, JOURNAL)], hubs=[(None, HUB)],
    )  # fmt: skip


STALE: dict[str, dict[str, Any]] = {
    "stock version": {"stocks": [(a_stock(version=9), a_stock(version=10))]},
    "stock that has no row": {"stocks": [(a_stock(SOUP), a_stock(SOUP, version=2))]},
    "new stock that is there": {"stocks": [(None, a_stock(version=2))]},
    "channel used": {"channels": [(a_channel(used=0), a_channel(used=2_000))]},
    "channel period": {"channels": [(a_channel(period_at=99), a_channel(period_at=200))]},
    "channel that has no row": {"channels": [(a_channel(SOUP), a_channel(SOUP, used=2_000))]},
    "new channel that is there": {"channels": [(None, a_channel(used=0))]},
    "reservation revision": {"reservations": [(a_reservation(revision=2), a_reservation(revision=3))]},
    "reservation that has no row": {"reservations": [(a_reservation("other"), a_reservation("other", revision=2))]},
    "new reservation that is there": {"reservations": [(None, a_reservation(quantity=5))]},
    "order that is closed": {"facts": [OrderFact("closed", 6)]},
    "request that is remembered": {"requests": [RequestRecord("request", b"\x01" * 32, b"[]", 6)]},
    "log seq": {"logs": [LOG]},
    "outbox seq": {"outbox": [OUTBOX]},
    "incident seq": {"incidents": [INCIDENT]},
    "alert seq": {"alerts": [ALERT]},
    "timer revision": {"timer": (Timer(revision=7), Timer(revision=8))},
    "new timer that is there": {"timer": (None, TIMER)},
    "journal position": {"journals": [(Journal("till", "j1", 2), Journal("till", "j1", 4))]},
    "journal of another device": {"journals": [(Journal("kiosk", "j1", 3), Journal("kiosk", "j1", 4))]},
    "new journal that is there": {"journals": [(None, JOURNAL)]},
    "hub revision": {"hubs": [(Hub("counter", revision=2), Hub("counter", 5, revision=3))]},
    "hub that has no row": {"hubs": [(Hub("Counter", revision=3), Hub("Counter", 5, revision=4))]},
    "new hub that is there": {"hubs": [(None, HUB)]},
    "incident that has ended": {"resolved": [replace(ENDED, how="recount")]},
    "incident that has no row": {"resolved": [replace(ENDED, seq=3)]},
    "one open incident and one that has ended": {"resolved": [replace(INCIDENT, resolved_at=6), ENDED]},
    "due lock that is there": {"due_added": [DUE]},
    "due lock that is not there": {"due_removed": [DueLock(5_000_000_000_000, "other")]},
    "due lock at another time": {"due_removed": [DueLock(5_000_000_000_001, "order")]},
    "head seq": {"head_before": Head(seq=0), "head": Head(seq=2)},
}


@pytest.mark.parametrize("stale", STALE.values(), ids=STALE)
async def test_a_stale_write_fails_and_leaves_nothing(scene: Scene, stale: dict[str, Any]) -> None:
    store, other = scene.stores(2)
    lane = await scene.lane(store)
    await write(lane, {store: first_rows()})
    before = await scene.audit(store)
    await lane.begin([store, other], new_batch_number())
    good = {"stocks": [(None, a_stock(SOUP, version=2))]} if "stocks" not in stale else {}
    with pytest.raises(GuardFailed):
        await lane.save({other: first_rows(), store: next_changes(1, **(good | stale))})
    await lane.rollback()
    after = await scene.audit(store)
    assert before is not None
    assert after is not None
    assert _without_now(after) == _without_now(before)
    assert await scene.audit(other) is None
    await write(lane, {store: next_changes(1, stocks=[(a_stock(), a_stock(version=2))])})


async def test_one_stale_row_among_many_is_noticed(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    stocks = [a_stock(StockKey(2, number)) for number in range(1, 31)]
    await write(lane, {store: changes(stocks=[(None, stock) for stock in stocks])})
    await lane.begin([store], new_batch_number())
    pairs = [(stock, a_stock(stock.key, version=2)) for stock in stocks]
    pairs[17] = (a_stock(stocks[17].key, version=7), pairs[17][1])
    with pytest.raises(GuardFailed):
        await lane.save({store: next_changes(1, stocks=pairs)})


async def test_new_and_known_rows_mix_in_one_save(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: first_rows()})
    parts: dict[str, Any] = {
        "stocks": [(a_stock(), a_stock(version=2)), (None, a_stock(SOUP, version=3))],
        "channels": [(a_channel(), a_channel(used=0, period_at=200)), (None, a_channel(SOUP))],
        "reservations": [
            (a_reservation(), a_reservation(state=State.DEDUCTED, revision=2)),
            (None, a_reservation("next")),
        ],
        "due_removed": [DUE],
        "due_added": [DueLock(DUE.due_at, "next")],
    }
    await write(lane, {store: next_changes(1, **parts)})
    entry = await scene.audit(store)
    assert entry is not None
    assert {stock.key: stock.version for stock in entry.stocks} == {DISH: 2, SOUP: 3}
    assert [(row.due_at, row.order_id) for row in entry.due] == [(DUE.due_at, "next")]
    assert {row.order_id: row.state for row in entry.reservations} == {"order": State.DEDUCTED, "next": State.LOCKED}


async def test_a_due_lock_may_move_away_and_come_back_in_one_save(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: first_rows()})
    await write(lane, {store: next_changes(1, due_removed=[DUE], due_added=[DUE])})
    entry = await scene.audit(store)
    assert entry is not None
    assert entry.due == (DUE,)


BROKEN: dict[str, dict[str, Any]] = {
    "more promised than there": {"stocks": [(None, a_stock(SOUP, type=LIMITED, real=1_000, locked=1_001))]},
    "more granted than there": {"stocks": [(None, a_stock(SOUP, type=LIMITED, real=1_000, locked=500, grant=501))]},
    "negative locked": {"stocks": [(None, a_stock(SOUP, type=UNLIMITED, locked=-1))]},
    "negative grant": {"stocks": [(None, a_stock(SOUP, grant=-1))]},
    "negative oversold": {"stocks": [(None, a_stock(SOUP, oversold=-1))]},
    "negative real in an update": {"stocks": [(a_stock(), a_stock(version=2, real=-1))]},
    "negative used": {"channels": [(a_channel(), a_channel(used=-1))]},
    "negative guarantee": {"channels": [(None, a_channel(SOUP, guarantee=-1))]},
    "more returned than sold": {"reservations": [(a_reservation(), a_reservation(revision=2, returned=1_001))]},
    "more restocked than returned": {"reservations": [(None, a_reservation("other", returned=1, restocked=2))]},
    "negative quantity": {"reservations": [(None, a_reservation("other", quantity=-1))]},
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_what_a_check_forbids_is_rejected_and_leaves_nothing(scene: Scene, broken: dict[str, Any]) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: first_rows()})
    before = await scene.audit(store)
    await lane.begin([store], new_batch_number())
    with pytest.raises(Rejected) as raised:
        await lane.save({store: next_changes(1, **broken)})
    assert not raised.value.retryable
    await lane.rollback()
    after = await scene.audit(store)
    assert before is not None
    assert after is not None
    assert _without_now(after) == _without_now(before)


async def test_oversold_covers_what_is_promised(scene: Scene) -> None:
    store = scene.store()
    stock = a_stock(real=-2_000, locked=1_000, grant=500, oversold=3_500)
    await scene.write({store: changes(stocks=[(None, stock)])})
    assert (await scene.database.reader.store_rows(store, None)).stocks == (stock,)


def _without_now(entry: Any) -> dict[str, Any]:
    return {field: getattr(entry, field) for field in entry.__struct_fields__ if field != "now"}
