"""SIGTERM under load: everything accepted is answered, and the exit code is 0."""

import asyncio
import logging
import os
import random

from tests.crash.load import Load
from tests.crash.serving import Serving
from tests.crash.shop import Caller
from tests.crash.witness import Witness

_log = logging.getLogger(__name__)
STOPS = 4
SEED = int(os.environ.get("EIGHTYSIX_TEST_SEED", "86"))


async def test_a_stop_answers_everything_it_accepted(serving: Serving) -> None:
    chance = random.Random(SEED)
    load = Load(SEED)
    witness = Witness(load)
    await serving.start()
    caller = Caller(serving.url, serving.key)
    await caller.furnish()
    for _ in range(STOPS):
        running = asyncio.create_task(load.run(caller, asyncio.Event()))
        await load.acknowledged(100)
        await asyncio.wait([running], timeout=chance.uniform(0.0, 0.1))
        assert await serving.stop() == 0, serving.said()
        await running
        await caller.close()
        await witness.audit(serving.database)
        await serving.start()
        caller = Caller(serving.url, serving.key)
        await witness.orders(caller, load.orders)
    await witness.stocks(caller)
    await caller.close()
    _log.info("seen %s, told %s", dict(witness.seen), dict(load.told))
    assert [*witness.complaints, *load.complaints] == []
    assert witness.seen["unanswered, done"] == 0, "done, but its customer was never told"
