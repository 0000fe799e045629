"""The old end of the change log is taken away on every database: by age, in small ranges, by several at once."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from eightysix.core.change import Head
from eightysix.core.key import StoreKey
from eightysix.core.log_query import ALL, LogQuery, LogSpan
from eightysix.engine import Housekeeping, Pace
from eightysix.storage.port import DAY_MS, LockTimeout

from .scene import Scene, a_stock, changes, new_batch_number, next_changes
from .test_change_log import a_row

DAYS = 40
PACE = Pace(delete_rows=10, rest_factor=0, tries=1)
NOBODY_WAITS: Sequence[int] = (0,)


def keeper(scene: Scene, **pace: float) -> Housekeeping:
    return Housekeeping(scene.database, DAYS, lambda: NOBODY_WAITS, msgspec.structs.replace(PACE, **pace))


async def now_of(scene: Scene, store: StoreKey) -> int:
    return (await scene.database.reader.head(store))[0]


async def fill(scene: Scene, stores: list[StoreKey], ages_days: list[float]) -> None:
    """A log row of each age, the oldest first."""
    now = await now_of(scene, stores[0])
    rows = [a_row(seq, at=now - int(age * DAY_MS)) for seq, age in enumerate(ages_days, 1)]
    await scene.write(dict.fromkeys(stores, changes(head=Head(len(rows), 0, now), logs=rows)))


async def left(scene: Scene, store: StoreKey) -> list[int]:
    page = await scene.database.log.page(store, LogQuery(), None, 1_000)
    assert page.rest is None
    return [row.seq for row in reversed(page.rows)]


async def test_what_is_older_than_the_retention_goes_and_nothing_else(scene: Scene) -> None:
    store, young, old = scene.stores(3)
    await fill(scene, [store], [*range(100, 0, -1)])
    await fill(scene, [young], [39.9, 20, 0])
    await fill(scene, [old], [400, 300, 200])
    assert await keeper(scene).keep_bucket(store.bucket) >= 60
    for each in (young, old):
        await keeper(scene).keep_bucket(each.bucket)
    assert await left(scene, store) == [*range(62, 101)]
    assert await left(scene, young) == [1, 2, 3]
    assert await left(scene, old) == [3], "the newest row stays, however old it is"
    assert await keeper(scene).keep_bucket(store.bucket) == 0


async def test_a_store_without_a_log_or_of_another_bucket_is_left_alone(scene: Scene) -> None:
    store = scene.store()
    await scene.write({store: changes()})
    await keeper(scene).keep_bucket(store.bucket)  # another test may have left a store in the bucket
    assert await keeper(scene).keep_bucket(store.bucket) == 0
    await fill(scene, [other := scene.store(beside=store)], [100, 99, 0])
    if other.bucket != store.bucket:
        await keeper(scene).keep_bucket(store.bucket)
        assert await left(scene, other) == [1, 2, 3]


async def test_several_at_once_delete_each_row_once(scene: Scene) -> None:
    store = scene.store()
    await fill(scene, [store], [100 - number / 10 for number in range(300)] + [1, 0])
    removed = await asyncio.gather(*(keeper(scene).keep_bucket(store.bucket) for _ in range(4)), return_exceptions=True)
    counts = [each for each in removed if isinstance(each, int)]
    assert all(isinstance(each, (int, LockTimeout)) for each in removed)
    assert sum(counts) <= 300
    await keeper(scene).keep_bucket(store.bucket)
    assert await left(scene, store) == [301, 302]


async def test_a_batch_under_way_is_not_held_up(scene: Scene) -> None:
    store = scene.store()
    await fill(scene, [store], [100, 99, 98, 0])
    lane = await scene.lane(store)
    await lane.begin([store], new_batch_number())
    head = Head(4, 0, await now_of(scene, store))
    await lane.save({store: next_changes(4, head_before=head, stocks=[(None, a_stock())], logs=[a_row(5)])})
    if scene.database.capabilities.several_processes:
        assert await keeper(scene).keep_bucket(store.bucket) == 3
    else:  # there is one write lock; the housekeeping gives up, the batch doesn't
        with pytest.raises(LockTimeout):
            await keeper(scene).keep_bucket(store.bucket)
    await lane.commit()
    await keeper(scene).keep_bucket(store.bucket)
    assert (await left(scene, store))[-2:] == [4, 5]


async def test_nothing_is_deleted_while_commands_queue_up(scene: Scene) -> None:
    store = scene.store()
    await fill(scene, [store], [100, 99, 98, 0])
    waiting = [0, 33]
    looked = asyncio.Event()

    def wait() -> list[int]:
        looked.set()
        return waiting

    housekeeping = Housekeeping(scene.database, DAYS, wait, msgspec.structs.replace(PACE, busy_seconds=0.01))
    keeping = asyncio.create_task(housekeeping.keep_bucket(store.bucket))
    await asyncio.wait_for(looked.wait(), 30)
    assert await left(scene, store) == [1, 2, 3, 4]
    waiting[1] = 32
    assert await asyncio.wait_for(keeping, 30) >= 3
    assert await left(scene, store) == [4]


async def test_each_delete_is_small(scene: Scene) -> None:
    store = scene.store()
    await fill(scene, [store], [100 - number / 10 for number in range(45)] + [0])
    spans: list[LogSpan] = []
    table = scene.database.log.table

    class Watched:
        """The table; what it is asked to delete is written down."""

        def __getattr__(self, name: str) -> object:
            return getattr(table, name)

        async def remove(self, store: StoreKey, span: LogSpan, before: int) -> int:
            spans.append(span)
            return await table.remove(store, span, before)

    housekeeping = keeper(scene)
    housekeeping._table = Watched()  # type: ignore[assignment]
    assert await housekeeping.keep_bucket(store.bucket) >= 45
    assert [span.below - span.least for span in spans if span.below - span.least > 10] == []
    assert (await table.newest(store), await table.mark(store, 0)) == (await table.mark(store, 46),) * 2
    assert ALL.least <= spans[0].least
