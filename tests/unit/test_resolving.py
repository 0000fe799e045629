"""What the scenarios don't reach: incidents of a hub, the log and the alerts of a resolution, how much is cancelled."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from eightysix.core import resolving
from eightysix.core.change import HUB_LOST, LATE_SALE, Incident, Kind
from eightysix.core.command import Actor, Line, LockStock, ResolveIncident, SetStock, Setting
from eightysix.core.decide import decide
from eightysix.core.finding import Rule
from eightysix.core.hold import holds
from eightysix.core.hub import HubBooks, Side
from eightysix.core.invariant import InvariantError
from eightysix.core.key import incident_key, sku_key
from eightysix.core.outcome import Code, IncidentResolved, Refused
from eightysix.core.reservation import State
from eightysix.core.stock import LIMITED
from tests.cli.books import Ledger
from tests.world.kitchen import Kitchen
from tests.world.menu import STORE

CHEF = Actor("chef")
DISH = sku_key(1)


@pytest.fixture
def kitchen() -> Kitchen:
    """Ten portions of a dish that tells when two are left, four of them with the hub, three promised online."""
    kitchen = Kitchen()
    kitchen.run(SetStock(STORE, (Setting(DISH, type=LIMITED, real=10_000, low=2_000),), CHEF))
    kitchen.stocks[DISH] = replace(kitchen.stocks[DISH], grant=4_000)
    for order_id in ("old", "new"):
        lock(kitchen, order_id)
    return kitchen


def lock(kitchen: Kitchen, order_id: str, quantity: int = 1_000) -> None:
    kitchen.now += 1_000
    kitchen.run(LockStock(STORE, order_id, "ONLINE_ORDER", (Line(1, 0, quantity),), CHEF))


def at_hub(kitchen: Kitchen, order_id: str) -> None:
    """The order is the hub's: what it has locked is part of the grant."""
    line = kitchen.reservations[order_id, (1, 0)]
    kitchen.reservations[order_id, (1, 0)] = replace(line, hub_id="h1")
    stock = kitchen.stocks[DISH]
    kitchen.stocks[DISH] = replace(stock, locked=stock.locked - line.quantity)


def count(kitchen: Kitchen, quantity: int) -> Incident:
    kitchen.run(SetStock(STORE, (Setting(DISH, kind=Kind.COUNT, quantity=quantity),), CHEF))
    return kitchen.incidents[-1]


def settle(kitchen: Kitchen, incident: Incident, how: str, **more: Any) -> IncidentResolved:
    outcome = kitchen.run(ResolveIncident(STORE, incident.seq, how, CHEF, "seen", **more))
    assert isinstance(outcome, IncidentResolved), outcome
    return outcome


def test_what_a_hub_has_locked_is_not_cancelled_from_here(kitchen: Kitchen) -> None:
    at_hub(kitchen, "new")
    incident = count(kitchen, 2_000)
    assert incident.quantity == 3_000
    done = settle(kitchen, incident, "cancel")
    assert [line.order_id for line in done.cancelled] == ["old"]
    assert kitchen.reservations["new", (1, 0)].state is State.LOCKED
    assert done.opened is not None
    assert (done.opened.quantity, done.opened.kind) == (2_000, incident.kind)
    assert done.stock.oversold == 2_000
    before = dict(kitchen.stocks)
    again = kitchen.run(ResolveIncident(STORE, done.opened.seq, "cancel", CHEF, "seen"))
    assert again == Refused(Code.NOTHING_TO_CANCEL, stock=before[DISH])
    assert kitchen.stocks == before


def test_a_hub_leaves_its_incidents_to_the_cloud(kitchen: Kitchen) -> None:
    incident = count(kitchen, 2_000)
    shelf = kitchen.shelf()
    shelf.add_books(HubBooks(Side("h1", "j1")))
    with pytest.raises(InvariantError, match="leaves its incidents to the cloud"):
        decide(ResolveIncident(STORE, incident.seq, "accept", CHEF, "seen"), shelf)


def test_who_holds_a_stock_newest_first_whatever_their_home(kitchen: Kitchen) -> None:
    at_hub(kitchen, "new")
    found = holds(kitchen.reservations.values(), DISH, kitchen.now)
    assert [(hold.line.order_id, hold.quantity) for hold in found] == [("new", 1_000), ("old", 1_000)]
    assert holds(kitchen.reservations.values(), sku_key(2), kitchen.now) == []
    assert holds(kitchen.reservations.values(), DISH, kitchen.now + 900_000) == []


@pytest.mark.parametrize("kind", [HUB_LOST, LATE_SALE])
@pytest.mark.parametrize("how", ["accept", "cancel"])
def test_what_never_raised_oversold_never_lowers_it(kitchen: Kitchen, kind: str, how: str) -> None:
    count(kitchen, 5_000)
    oversold = kitchen.stocks[DISH].oversold
    assert oversold == 1_000
    lost = Incident(kitchen.head.seq - 1, kind, DISH, 4_000, None, "chef", None, kitchen.now, "h1")
    kitchen.incidents.append(lost)
    done = settle(kitchen, lost, how)
    assert (done.stock.oversold, done.stock.real, done.cancelled) == (oversold, 5_000, ())
    assert (done.incident.how, done.incident.resolved_by, done.incident.hub_id) == (how, "chef", "h1")


def test_a_lost_hub_and_what_is_counted_then(kitchen: Kitchen) -> None:
    kitchen.stocks[DISH] = replace(kitchen.stocks[DISH], real=6_000, grant=0)
    lost = Incident(kitchen.head.seq - 1, HUB_LOST, DISH, 4_000, None, "chef", None, kitchen.now, "h1")
    kitchen.incidents.append(lost)
    done = settle(kitchen, lost, "recount", counted=1_500)
    assert (done.stock.real, done.stock.oversold) == (1_500, 500)
    assert done.opened is not None
    assert (done.opened.kind, done.opened.quantity, done.opened.hub_id) == ("count_below_promised", 500, None)


def test_what_a_hub_told_may_be_more_than_it_raised_oversold_by(kitchen: Kitchen) -> None:
    count(kitchen, 5_000)
    told = Incident(kitchen.head.seq - 1, "forced_sale", DISH, 7_000, "at-hub", "till", "counter", kitchen.now, "h1")
    kitchen.incidents.append(told)
    done = settle(kitchen, told, "accept")
    assert (done.stock.real, done.stock.oversold, done.stock.left) == (6_000, 0, 0)


def test_a_recount_is_what_the_stock_was_last_set_to(kitchen: Kitchen) -> None:
    incident = count(kitchen, 5_000)
    before = kitchen.stocks[DISH]
    stock = settle(kitchen, incident, "recount", counted=8_000).stock
    assert stock.settings_real == stock.real == 8_000
    assert stock.settings_version == before.settings_version + 1
    assert stock.updated_at > before.updated_at


def test_a_resolution_is_in_the_log_and_names_what_it_opened(kitchen: Kitchen) -> None:
    incident = count(kitchen, 2_000)
    done = settle(kitchen, incident, "recount", counted=4_000)
    assert done.opened is not None
    row, told = kitchen.logs[-2:]
    assert (row.kind, row.quantity, row.reason, row.order_id) == (Kind.RESOLVE, 2_000, "seen", None)
    assert told.seq == done.opened.seq == done.stock.version
    assert [(each.seq, each.key) for each in kitchen.outbox[-2:]] == [
        (row.seq, incident_key(incident.seq)), (told.seq, incident_key(told.seq)),
    ]  # fmt: skip
    assert msgspec.json.decode(told.content or "") == {
        "opened": {"seq": told.seq, "kind": "count_below_promised", "quantity": 2_000}
    }
    assert msgspec.json.decode(row.content or "") == {
        "resolved": {
            "seq": incident.seq, "kind": "count_below_promised", "how": "recount", "quantity": 4_000,
            "opened": told.seq, "uncovered": 2_000,
        },
        "real": [2_000, 4_000],
        "oversold": [4_000, 2_000],
    }  # fmt: skip


def test_every_unlock_of_a_resolution_says_why(kitchen: Kitchen) -> None:
    settle(kitchen, count(kitchen, 5_000), "cancel")
    unlocked = [row for row in kitchen.logs if row.kind is Kind.UNLOCK]
    assert [(row.order_id, row.reason, row.actor) for row in unlocked] == [("new", "seen", "chef")]


def test_a_cancelled_line_arms_no_threshold_and_a_recount_does(kitchen: Kitchen) -> None:
    kitchen.stocks[DISH] = replace(kitchen.stocks[DISH], grant=0)
    lock(kitchen, "big", 8_000)
    assert [alert.quantity for alert in kitchen.alerts] == [0]
    done = settle(kitchen, count(kitchen, 9_000), "cancel")
    assert [line.order_id for line in done.cancelled] == ["big"]
    assert (done.stock.left, done.stock.is_low) == (7_000, True)
    done = settle(kitchen, count(kitchen, 0), "recount", counted=9_000)
    assert (done.stock.left, done.stock.is_low) == (7_000, False)
    assert len(kitchen.alerts) == 1


def test_one_command_cancels_so_many_lines_and_the_rest_goes_on(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolving, "CANCELS_MOST", 1)
    done = settle(kitchen, count(kitchen, 4_000), "cancel")
    assert [line.order_id for line in done.cancelled] == ["new"]
    assert done.opened is not None
    again = settle(kitchen, done.opened, "cancel")
    assert [line.order_id for line in again.cancelled] == ["old"]
    assert again.opened is None
    assert again.stock.left == again.stock.oversold == 0


def test_finer_than_the_dish_is_no_count(kitchen: Kitchen) -> None:
    incident = count(kitchen, 2_000)
    outcome = kitchen.run(ResolveIncident(STORE, incident.seq, "recount", CHEF, "seen", counted=1_050))
    assert outcome == Refused(Code.QUANTITY_TOO_FINE, field="counted_quantity")
    assert kitchen.run(ResolveIncident(STORE, incident.seq, "accept", CHEF, "")) == Refused(
        Code.REASON_REQUIRED, field="reason"
    )


def test_a_resolved_incident_explains_no_oversold(kitchen: Kitchen) -> None:
    incident = count(kitchen, 2_000)
    books: Ledger = kitchen.books()
    closed = replace(incident, resolved_at=kitchen.now, resolved_by="chef", how="accept", resolution="seen")
    assert Rule.OVERSOLD_INCIDENTS not in books.rules()
    assert Rule.OVERSOLD_INCIDENTS in replace(books, incidents=(closed,)).rules()
