"""A hub that tells the cloud of its journal, event by event; what is in them is the test's."""

from typing import Any

from eightysix.core.command import Actor, MoveGrants, TellHubEvent, WriteOffHub
from eightysix.core.hub import GrantChange, Side
from eightysix.core.hub_event import HubEvent, chained, encode_event
from eightysix.core.outcome import Outcome
from tests.world.kitchen import Kitchen

HUB = Side("hub-1", "journal-1")
UPLINK = Actor("hub-1", "hub")


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
            MoveGrants(self.cloud.store, self.side.hub_id, request_id or f"g{self.asked}", changes, UPLINK)
        )

    def is_lost(self) -> Outcome:
        """Somebody replaces the hub: its grants are written off, and it has the store no more."""
        outcome = self.cloud.run(WriteOffHub(self.cloud.store, self.side.hub_id, Actor("owner"), "stolen"))
        self.cloud.menu.hubs.pop(self.cloud.store.poi_id, None)
        return outcome
