"""A process with an engine of its own that stops or dies in the middle of a batch.

    python -m tests.fault.worker URL SIGNAL METHOD STORE ORDER_ID…

It locks one portion for each order in one batch, and sends itself SIGNAL (SIGSTOP, SIGKILL) just before the lane's call
METHOD (or, as `METHOD+`, just after it). Prints a line for each order when it is answered: id, then state or fault.
"""

import asyncio
import os
import signal
import sys
import uuid

from eightysix.core.outcome import OrderDone
from eightysix.core.reservation import State
from eightysix.engine import Engine, Limits
from eightysix.storage.open import open_database
from tests.engine.shop import Shop, lock
from tests.engine.tampering import Tampered, nothing


async def work(url: str, signal_name: str, method: str, poi_id: str, order_ids: list[str]) -> None:
    armed = False

    async def strike(called: str, count: int) -> None:
        nonlocal armed
        if armed and called == method.rstrip("+"):
            armed = False
            os.kill(os.getpid(), getattr(signal, signal_name))

    before, after = (nothing, strike) if method.endswith("+") else (strike, nothing)
    database = await open_database(url, owner=uuid.uuid4().hex)
    limits = Limits(lanes_per_shard=1, sweep_seconds=3600, deadline_seconds=30)
    engine = Engine(Tampered(database, before=before, after=after), Shop([poi_id]), limits)
    await engine.start()
    armed = True
    futures = [engine.submit(lock(poi_id, order_id)) for order_id in order_ids]
    for order_id, result in zip(order_ids, await asyncio.gather(*futures, return_exceptions=True), strict=True):
        sys.stdout.write(f"{order_id} {State(result.state).name if isinstance(result, OrderDone) else repr(result)}\n")
    await engine.stop()
    await database.close()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:5], sys.argv[5:]))
