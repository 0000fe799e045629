"""`kill -9` of the service around the instant at which stocks come back: none is lost, none comes back twice."""

import os
import random
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from eightysix.core.change import Kind
from eightysix.storage.open import open_database
from tests.crash.load import Load
from tests.crash.serving import Serving
from tests.crash.shop import BRAND, OTHERS, STORES, Caller
from tests.crash.wire import Wire
from tests.crash.witness import Witness

KILLS = int(os.environ.get("EIGHTYSIX_TEST_KILLS", "30")) // 3
SEED = int(os.environ.get("EIGHTYSIX_TEST_SEED", "86"))
_LEAD_SECONDS = 0.4
_AROUND_SECONDS = (-0.03, 0.12)
"""When the service is killed, counted from the instant at which everything is due."""
_DEADLINE_SECONDS = 20


async def _ask(wire: Wire, due_at: float) -> None:
    """Sell out every dish, each with its own one-off at one instant."""
    at = datetime.fromtimestamp(due_at, UTC).isoformat()
    for poi_id in STORES:
        settings = [
            {"object_id": sku, "stock_type": 2, "plan_quantity": 5, "real_quantity": 0,
             "auto_restore_type": 1, "auto_restore_at": at}
            for sku in OTHERS
        ]  # fmt: skip
        status, answer = await wire.call(
            "POST", "/api/v1/poi/stock/update", {"brandId": BRAND, "poiId": poi_id, "items": settings}
        )
        assert status == 200, answer
        assert {result["status"] for result in answer["results"]} == {200}, answer


async def _coming(wire: Wire, poi_id: str) -> list[dict[str, Any]]:
    status, answer = await wire.call("GET", f"/api/v1/poi/stock/restore-preview?brandId={BRAND}&poiId={poi_id}")
    assert status == 200, answer
    return list(answer["items"])


async def _all_back(wire: Wire) -> None:
    """Wait until nothing is pending any more."""
    end = time.monotonic() + _DEADLINE_SECONDS
    for poi_id in STORES:
        while await _coming(wire, poi_id):
            assert time.monotonic() < end, "something has not come back"


@pytest.mark.timeout(300)
async def test_every_kill_around_a_restore_leaves_it_done_once(serving: Serving) -> None:
    chance = random.Random(SEED)
    await serving.start()
    caller = Caller(serving.url, serving.key)
    await caller.furnish()
    await caller.close()
    asked = []
    for _ in range(KILLS):
        wire = Wire(serving.url, serving.key)
        due_at = round(time.time() + _LEAD_SECONDS, 3)
        await _ask(wire, due_at)
        asked.append(round(due_at * 1000))
        kill_at = due_at + chance.uniform(*_AROUND_SECONDS)
        while time.time() < kill_at:
            await _coming(wire, chance.choice(STORES))
        await serving.kill()
        await wire.close()
        await serving.start()
        wire = Wire(serving.url, serving.key)
        await _all_back(wire)
        await wire.close()
    assert await serving.stop() == 0
    witness = Witness(Load(SEED))
    await witness.audit(serving.database)
    assert witness.complaints == []
    assert await _runs(serving.database) == {
        (poi_id, sku, due): 1 for poi_id in STORES for sku in OTHERS for due in asked
    }


async def _runs(url: str) -> Counter[tuple[str, int, int]]:
    """How often each one-off has run, by the log."""
    database = await open_database(url, owner="crash-restores")
    found: Counter[tuple[str, int, int]] = Counter()
    try:
        async for books in database.audit():
            for row in books.logs:
                if row.kind is Kind.RESTORE:
                    due_at = msgspec.json.decode(row.content or "")["restore"]["due_at"]
                    found[books.store.poi_id, row.key.object_id, due_at] += 1
    finally:
        await database.close()
    return found
