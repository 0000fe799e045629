"""`kill -9` of the service at random instants of a load, many times on one database."""

import asyncio
import logging
import os
import random

import pytest

from tests.crash.load import Load
from tests.crash.serving import Serving
from tests.crash.shop import Caller
from tests.crash.witness import Witness

_log = logging.getLogger(__name__)
KILLS = int(os.environ.get("EIGHTYSIX_TEST_KILLS", "30"))
SEED = int(os.environ.get("EIGHTYSIX_TEST_SEED", "86"))
_LOAD_SECONDS = (0.05, 0.45)


@pytest.mark.timeout(600)
async def test_whatever_was_acknowledged_survives_every_kill(serving: Serving) -> None:
    chance = random.Random(SEED)
    load = Load(SEED)
    witness = Witness(load)
    await serving.start()
    caller = Caller(serving.url, serving.key)
    await caller.furnish()
    for kill in range(KILLS):
        running = asyncio.create_task(load.run(caller, asyncio.Event()))
        await load.acknowledged(1)
        await asyncio.wait([running], timeout=chance.uniform(*_LOAD_SECONDS))
        await serving.kill()
        await running
        await caller.close()
        await witness.audit(serving.database)
        await serving.start()
        caller = Caller(serving.url, serving.key)
        touched = [order for order in load.orders if order.touched]
        await witness.orders(caller, touched)
        if kill % 5 == 0:  # it waits for the locks of a second to end
            await witness.stocks(caller)
        assert [*witness.complaints, *load.complaints] == [], f"after kill {kill}: {serving.said()}"
        for order in touched:
            order.touched = False
    await witness.orders(caller, load.orders)
    await witness.stocks(caller)
    await caller.close()
    assert await serving.stop() == 0
    await witness.audit(serving.database)
    assert [*witness.complaints, *load.complaints] == []
    _log.info("seen %s, told %s", dict(witness.seen), dict(load.told))
    assert load.told["no answer"] > KILLS, "the kills did not fall into the load"
    assert witness.seen["unanswered, not done"] > 0
