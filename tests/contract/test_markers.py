"""Marker rows: made anew where they are gone, removed when their process has been gone for long."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from eightysix.storage.port import DAY_MS, MARKER_DAYS
from eightysix.storage.url import parse

from .scene import Scene, changes, new_batch_number, next_changes, write

INSERT = "INSERT INTO poi_stock_marker (product_shard_id, owner, lane, batch_no, started_at) VALUES "


async def execute(url: str, *statements: str) -> list[Any]:
    """Run statements behind the storage's back; the rows of the last one."""
    engine = create_async_engine(parse(url).sqlalchemy, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
            return list(result) if result.returns_rows else []
    finally:
        await engine.dispose()


async def test_a_lane_whose_marker_is_gone_makes_it_anew(scene: Scene, database_url: str) -> None:
    """A database restored from a backup knows nothing of the processes that are running."""
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: changes()})
    await execute(database_url, f"DELETE FROM poi_stock_marker WHERE product_shard_id = {store.bucket}")
    batch_no = new_batch_number()
    assert not await lane.committed(batch_no)
    await lane.begin([store], batch_no)
    await lane.save({store: next_changes(1)})
    await lane.commit()
    assert await lane.committed(batch_no)
    await execute(database_url, f"DELETE FROM poi_stock_marker WHERE product_shard_id = {store.bucket}")
    opened = await lane.begin([store], new_batch_number(), skip_locked=True)
    assert opened.heads[store].seq == 2


async def test_markers_of_the_long_gone_are_removed(scene: Scene, database_url: str) -> None:
    store = scene.store()
    now, _ = await scene.database.reader.head(store)
    old, young = now - MARKER_DAYS * DAY_MS - 60_000, now - MARKER_DAYS * DAY_MS + 60_000
    lines = [f"{INSERT}({store.bucket}, '{owner}', 1, 9, {at})" for owner, at in (("gone", old), ("here", young))]
    await execute(database_url, *lines)
    living = await scene.lane(store)
    await write(living, {store: changes()})
    await scene.lane(store)
    wanted = f"SELECT owner FROM poi_stock_marker WHERE product_shard_id = {store.bucket} AND owner IN ('gone', 'here')"
    assert [row[0] for row in await execute(database_url, wanted)] == ["here"]
    await write(living, {store: next_changes(1)})
    await execute(database_url, f"DELETE FROM poi_stock_marker WHERE product_shard_id = {store.bucket}")
