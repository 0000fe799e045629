"""`kill -9` of PostgreSQL under a service that runs on: it recovers by itself, and keeps what it acknowledged."""

import asyncio
import logging
import os
import random
import time

import pytest

from tests.crash.load import Load
from tests.crash.serving import Serving
from tests.crash.shop import Caller
from tests.crash.witness import Witness
from tests.servers.postgres import Postgres

_log = logging.getLogger(__name__)
KILLS = 5
SEED = int(os.environ.get("EIGHTYSIX_TEST_SEED", "86"))
_RECOVERY_SECONDS_MAX = 10.0


@pytest.mark.timeout(300)
async def test_the_service_outlives_its_database(on_own_postgres: Serving, own_postgres: Postgres) -> None:
    chance = random.Random(SEED)
    load = Load(SEED)
    witness = Witness(load)
    await on_own_postgres.start()
    caller = Caller(on_own_postgres.url, on_own_postgres.key)
    await caller.furnish()
    for kill in range(KILLS):
        stop = asyncio.Event()
        running = asyncio.create_task(load.run(caller, stop))
        await load.acknowledged(50)
        await asyncio.wait([running], timeout=chance.uniform(0.0, 0.3))
        await asyncio.to_thread(own_postgres.kill)
        await load.heard("503", 1)
        await asyncio.to_thread(own_postgres.restart)
        began = time.monotonic()
        await load.acknowledged(1)
        recovery_seconds = time.monotonic() - began
        await load.acknowledged(50)
        stop.set()
        await running
        await witness.orders(caller, load.orders)
        await witness.stocks(caller)
        await witness.audit(on_own_postgres.database)
        assert [*witness.complaints, *load.complaints] == [], f"after kill {kill}: {on_own_postgres.said()}"
        assert recovery_seconds < _RECOVERY_SECONDS_MAX
        _log.info("recovered in %.2f s", recovery_seconds)
    await caller.close()
    assert await on_own_postgres.stop() == 0
    _log.info("seen %s, told %s", dict(witness.seen), dict(load.told))
    assert load.told["no answer"] == 0, "a service that runs answers"
