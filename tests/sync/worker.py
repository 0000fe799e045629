"""A process with a relay of its own, which prints what it holds and what it publishes.

    python -m tests.sync.worker URL OWNER POLL_SECONDS POI_ID…

A line each: `held 3 4 5` (ranges), `told POI_ID SEQ PREV_SEQ VERSION`.
"""

import asyncio
import sys

from eightysix.storage.open import open_database
from eightysix.sync.bus import BusMessage
from eightysix.sync.lease import Leases
from eightysix.sync.local_bus import LocalBus
from eightysix.sync.pace import RelayPace
from eightysix.sync.relay import Relay
from eightysix.sync.rendering import Renderer
from eightysix.wire.message import StockMessage, decode_message
from tests.engine.shop import Shop


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class PrintedBus(LocalBus):
    """Whatever is published is printed."""

    async def publish(self, *messages: BusMessage) -> None:
        for message in messages:
            told = decode_message(message.body)
            assert isinstance(told, StockMessage)
            say("told", told.poi_id, told.seq, told.prev_seq, told.data.version)
        await super().publish(*messages)


async def work(url: str, owner: str, poll_seconds: float, poi_ids: list[str]) -> None:
    database = await open_database(url, owner=owner)
    leases = Leases(database.leases, owner)
    leases.on_change(lambda held: say("held", *sorted(held)))
    relay = Relay(
        database.outbox,
        Renderer(database.outbox, Shop(poi_ids)),
        PrintedBus(),
        leases,
        physical_shards=database.capabilities.physical_shards,
        pace=RelayPace(poll_seconds=poll_seconds),
    )
    await leases.start()
    await relay.start()
    if database.signals is not None:
        database.signals.listen(relay.wake)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]))
