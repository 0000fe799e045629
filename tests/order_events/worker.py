"""A process that consumes the order service's messages from RocketMQ, to be killed.

    python -m tests.order_events.worker DATABASE_URL ROCKETMQ_URL MARK POI_ID…

`MARK` ends the topics' names.
"""

import asyncio
import sys
import uuid

from eightysix.engine import Engine
from eightysix.storage.open import open_database
from eightysix.sync.order_events import OrderEvents
from eightysix.sync.order_upkeep import OrderUpkeep, UpkeepPace

from .desk import Market
from .street import Street


async def work(database_url: str, rocketmq_url: str, mark: str, poi_ids: list[str]) -> None:
    database = await open_database(database_url, owner=uuid.uuid4().hex)
    market = Market(poi_ids)
    engine = Engine(database, market)  # type: ignore[arg-type]
    await engine.start()
    street = Street(rocketmq_url, mark)
    bus = await street.bus()
    events = OrderEvents(bus, engine.submit, market, database)
    upkeep = OrderUpkeep(events, UpkeepPace(look_seconds=0.5, settle_seconds=1.0))
    events.start()
    upkeep.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:4], sys.argv[4:]))
