"""A hub that tells the cloud of its journal, event by event, and words for what is in them."""

from typing import Any

from eightysix.core.audit import findings
from eightysix.core.change import Kind
from eightysix.core.command import Actor, ChangeStock, MoveGrants, SetStock, Setting, TellHubEvent, WriteOffHub
from eightysix.core.hub import GrantChange, Side
from eightysix.core.hub_event import HubEvent, Move, chained, encode_event
from eightysix.core.key import StockKey, sku_key
from eightysix.core.outcome import Outcome
from eightysix.core.reservation import Reservation, State, Take
from eightysix.core.stock import LIMITED
from tests.world.kitchen import Kitchen
from tests.world.menu import STORE

HUB = Side("hub-1", "journal-1")
UPLINK = Actor("hub-1", "hub")
STAFF = Actor("staff")
DISH = sku_key(1)


class Told:
    """The journal of one hub and its cloud. The hub sells in the cloud's store from now on."""

    def __init__(self, cloud: Kitchen | None = None, side: Side = HUB) -> None:
        self.cloud = cloud or Kitchen()
        self.side = side
        self.cloud.menu.hubs[self.cloud.store.poi_id] = side.hub_id
        self.seq = 0
        self.chain = ""
        self.asked = 0

    def event(self, **facts: Any) -> TellHubEvent:
        """The journal's next event as it is told; `tell` has to follow."""
        self.seq += 1
        event = HubEvent(self.seq, **{"at": self.cloud.now, "actor": "till", "source": "api", **facts})
        body = encode_event(event)
        command = TellHubEvent(self.cloud.store, self.side, self.seq, self.chain, event, body, UPLINK)
        self.chain = chained(self.chain, body)
        return command

    def tell(self, **facts: Any) -> Outcome:
        """The journal's next event, told."""
        return self.cloud.run(self.event(**facts))

    def ask(self, *changes: GrantChange, request_id: str | None = None) -> Outcome:
        """Ask for more, or give back."""
        self.asked += 1
        return self.cloud.run(
            MoveGrants(
                self.cloud.store, self.side.hub_id, request_id or f"{self.side.hub_id}-{self.asked}", changes, UPLINK
            )
        )

    def is_lost(self) -> Outcome:
        """Somebody replaces the hub: its grants are written off, and it has the store no more."""
        outcome = self.cloud.run(WriteOffHub(self.cloud.store, self.side.hub_id, Actor("owner"), "stolen"))
        self.cloud.menu.hubs.pop(self.cloud.store.poi_id, None)
        return outcome


def opened(grant: int = 6_000, **fields: Any) -> Told:
    """10 portions, of which the hub holds 6."""
    told = Told()
    told.cloud.run(SetStock(STORE, (Setting(DISH, type=LIMITED, real=10_000, **fields),), STAFF))
    told.ask(GrantChange(DISH, grant))
    return told


def line(told: Told, state: State, quantity: int = 2_000, **facts: Any) -> Reservation:
    """A line of the dish as the hub has it."""
    now = told.cloud.now
    values: dict[str, Any] = {"order_id": "h1", "sku_id": 1, "line_no": 0, "channel_code": "POS"}
    values |= {"locked_at": now, "expires_at": now + 900_000, "takes": (Take(2, 1),), "revision": 3, "log_seq": 77}
    return Reservation(**(values | {"state": state, "requested": quantity, "quantity": quantity} | facts))


def move(kind: Kind, quantity: int, real: int, held: int, key: StockKey = DISH, **facts: Any) -> Move:
    """How the dish has moved at the hub."""
    return Move(key, kind, quantity, real, held, **{"epoch_at": 0, "channel_code": "POS", **facts})


def sale(quantity: int = 2_000, **facts: Any) -> Move:
    return move(Kind.DEDUCT, quantity, -quantity, -quantity, **facts)


def sell(told: Told, quantity: int = 2_000, order_id: str = "h1", epoch_at: int = 0, **facts: Any) -> Outcome:
    """An order over the counter, told."""
    paid = line(told, State.DEDUCTED, quantity, order_id=order_id)
    return told.tell(order_id=order_id, lines=(paid,), moves=(sale(quantity, epoch_at=epoch_at),), **facts)


def is_clean(told: Told) -> bool:
    """Whether the cloud's books keep every promise."""
    found = findings(told.cloud.books())
    assert not found, found
    return True


def incidents(told: Told) -> list[tuple[str, int, str | None]]:
    """(kind, quantity, hub) of each."""
    return [(each.kind, each.quantity, each.hub_id) for each in told.cloud.incidents]


def change(told: Told, base_version: int | None = None, **fields: Any) -> ChangeStock:
    """What staff in the store set, based on the row as it is, or on an older one."""
    version = told.cloud.stocks[DISH].settings_version if base_version is None else base_version
    return ChangeStock(STORE, Setting(DISH, **fields), Actor("chef"), version)
